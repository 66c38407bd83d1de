"""The judge: names the causes of what the arms answered, and gives the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfx_parity.canary.backend import RunningCanary
from tfx_parity.canary.client import RequestError
from tfx_parity.canary.eager import ask_eager
from tfx_parity.canary.inspection import ModelInspection
from tfx_parity.canary_validator.answers import stack_rows
from tfx_parity.canary_validator.arms import Pair, arm_summary
from tfx_parity.canary_validator.circumstances import Circumstances
from tfx_parity.canary_validator.coverage_check import (
    CoverageFindings,
    check_coverage,
    coverage_causes,
    no_coverage,
)
from tfx_parity.canary_validator.decision import decide, headline
from tfx_parity.canary_validator.explaining import explain_difference
from tfx_parity.canary_validator.ladder import Ladder, climb
from tfx_parity.canary_validator.panel import Panel
from tfx_parity.canary_validator.placing import place_first_cause
from tfx_parity.canary_validator.preflight import (
    find_other_version,
    find_stale_transform_graph,
    find_version_mismatch,
)
from tfx_parity.canary_validator.refusals import find_refusals
from tfx_parity.canary_validator.rewriter import is_rewriters_doing
from tfx_parity.canary_validator.rungs import compare_all
from tfx_parity.canary_validator.side_metrics import Measure, side_metrics
from tfx_parity.canary_validator.summaries import summarise_pairs
from tfx_parity.canary_validator.survey import Surveyed
from tfx_parity.findings import Cause, ParityResult


@dataclass(frozen=True)
class Judge:
    """Judges what the arms answered.

    Attributes:
        about: What the result holds for.
        panel: What the arms were asked with.
        canary: The canary.
        inspection: What the model shows without a request.
        surveyed: What the arms answered.
        progress: Told, in a few words, what is done next.
        measure: Computes metrics on both sides; None where none are asked for.
    """

    about: Circumstances
    panel: Panel
    canary: RunningCanary
    inspection: ModelInspection
    surveyed: Surveyed
    progress: Callable[[str], None]
    measure: Measure | None

    def result(self) -> ParityResult:
        """Return the verdict with its causes.

        Raises:
            CanaryDied: If the server is dead.
        """
        recorded, options, answers = self.about.recorded, self.about.options, self.surveyed.answers
        refusals = find_refusals(recorded, answers, self._ask_eager)
        coverage = self._coverage(refusals)
        self.progress("climbing the ladder")
        ladder = self._ladder(coverage)
        before, after = [*refusals, *self._wrong_model()], self._other_tensorflow(ladder)
        warnings, after = (after, []) if options.allow_version_mismatch else ([], after)
        causes = [*before, *ladder.causes]
        causes += [*coverage_causes(coverage, causes), *after]
        causes = self._traced(causes, ladder)
        if self.measure is not None:
            self.progress("computing metrics on both sides")
        summary = coverage.summary()
        verdict, decision = decide(ladder, [*before, *after], summary, options.limits)
        shown = [*_proving_pairs(causes)[:1], decision.headline]
        return ParityResult(
            verdict=verdict,
            causes=tuple(causes),
            decision=decision,
            arms=tuple(arm_summary(name, found) for name, found in answers.items()),
            ladder=tuple(compared.rung for compared in ladder.rungs.compared.values()),
            pairs=summarise_pairs(ladder.rungs.compared, shown, answers, recorded.examples),
            coverage=summary,
            tolerances=self.about.tolerances,
            environment=self.about.environment,
            not_exercised=self.about.not_exercised,
            reproduce=self.about.command,
            redacted=False,
            sampling=self.surveyed.sampling,
            metrics=side_metrics(self.measure, answers),
            warnings=tuple(warnings),
        )

    def _coverage(self, refusals: Sequence[Cause]) -> CoverageFindings:
        self.progress("asking the coverage set")
        if refusals:
            return no_coverage("requests of the sample already fail")
        return check_coverage(self.panel, self.about.options.tolerances)

    def _ladder(self, coverage: CoverageFindings) -> Ladder:
        options = self.about.options
        rungs = compare_all(
            self.about.recorded, self.surveyed.answers, options.tolerances, options.limits
        )
        is_native = self.canary.identity.backend == "native"
        ladder = climb(rungs, coverage, self.inspection, is_native=is_native)
        if not is_native and is_rewriters_doing(
            ladder.causes,
            self.panel,
            self.surveyed.answers,
            self.about.model,
            options.startup_deadline_s,
            options.tolerances,
            options.limits,
        ):
            return climb(rungs, coverage, self.inspection, is_native=True)
        return ladder

    def _wrong_model(self) -> list[Cause]:
        """Return causes that lie in which model is served."""
        stale = find_stale_transform_graph(self.about.recorded, self.about.model)
        if self.canary.no_fresh_start is None:
            return stale
        # A server that was given its model by others.
        return [*stale, *find_other_version(self.canary.version, self.about.model)]

    def _other_tensorflow(self, ladder: Ladder) -> list[Cause]:
        rung = ladder.rungs[headline(self.about.recorded)].rung
        return find_version_mismatch(self.canary.identity.version, self.inspection, rung)

    def _traced(self, causes: list[Cause], ladder: Ladder) -> list[Cause]:
        """Return the causes, with what explains a doubtful one, and the place of the first."""
        options = self.about.options
        causes = explain_difference(
            causes,
            ladder.rungs["T", "C"],
            self.panel,
            self.surveyed.answers,
            options.tolerances,
            options.limits,
            self.progress,
        )
        return place_first_cause(
            causes,
            ladder.rungs.compared,
            self.panel,
            self.about.model,
            options.tolerances,
            self.progress,
        )

    def _ask_eager(self, example: int) -> str:
        """Say in words what TensorFlow's eager Python answers to an example."""
        self.progress("asking TensorFlow's eager Python whether it would have answered")
        recorded = self.about.recorded
        try:
            inputs = stack_rows(recorded.inputs, [example])
            ask_eager(self.about.model, recorded.signature_name, inputs)
        except RequestError as error:
            return f"TensorFlow's eager Python fails it, too ({error.code.name})."
        return "TensorFlow's eager Python answers the same request."


def _proving_pairs(causes: Sequence[Cause]) -> list[Pair]:
    """Return the pairs of arms whose comparison proves causes, first cause first."""
    return [cause.evidence.pair for cause in causes if cause.evidence.pair is not None]
