"""One check of one model: start the canary, ask every arm, climb the ladder, decide."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from tfx_parity.canary.backend import CanaryBackend, ModelLoadError, RunningCanary, ServerIdentity
from tfx_parity.canary.client import CanaryDied, RequestError
from tfx_parity.canary.eager import ask_eager
from tfx_parity.canary.inspection import ModelInspection, inspect_model
from tfx_parity.canary.native import NOT_EXERCISED, NativeBackend
from tfx_parity.canary.versions import find_version
from tfx_parity.canary_validator.answers import Answers, Missing, stack_rows
from tfx_parity.canary_validator.arms import MEANINGS, Panel, arm_summary
from tfx_parity.canary_validator.comparing import Limits, not_compared, tolerance_text
from tfx_parity.canary_validator.coverage_check import (
    check_coverage,
    coverage_causes,
    no_coverage,
)
from tfx_parity.canary_validator.decision import decide
from tfx_parity.canary_validator.explaining import explain_difference
from tfx_parity.canary_validator.ladder import PAIRS, Climb, Ladder
from tfx_parity.canary_validator.placing import place_first_cause
from tfx_parity.canary_validator.preflight import (
    find_other_version,
    find_signature_faults,
    find_stale_transform_graph,
    find_unservable_ops,
    find_version_mismatch,
)
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.canary_validator.refusals import find_refusals, load_cause
from tfx_parity.canary_validator.repro_bundle import FILE_NAME as BUNDLE_FILE
from tfx_parity.canary_validator.repro_bundle import write_bundle
from tfx_parity.canary_validator.rewriter import is_rewriters_doing
from tfx_parity.canary_validator.sample_requests import sample_request_faults
from tfx_parity.canary_validator.side_metrics import Measure, side_metrics
from tfx_parity.canary_validator.summaries import summarise_pairs
from tfx_parity.comparison.tolerance import TolerancePolicy
from tfx_parity.errors import ServerUnavailableError
from tfx_parity.files import sha256_of_file
from tfx_parity.findings import (
    Cause,
    CauseCode,
    Coverage,
    Decision,
    Evidence,
    ParityResult,
    Verdict,
    no_metrics,
    redacted,
)
from tfx_parity.version import VERSION

Progress = Callable[[str], None]


@dataclass(frozen=True)
class CheckOptions:
    """How a check is made.

    Attributes:
        max_mismatch_rate: The rate of mismatching examples allowed, a fraction.
        confidence: Confidence of the bound on that rate.
        tolerances: The tolerance of each output.
        batch_size: How many examples to send at once.
        startup_deadline_s: How long a server may take until it answers.
        redact: Whether to leave what clients send out of the result.
        server_options: The command's words that choose the server, for the result's command.
    """

    max_mismatch_rate: float = 0.01
    confidence: float = 0.95
    tolerances: TolerancePolicy = field(default_factory=TolerancePolicy)
    batch_size: int = 64
    startup_deadline_s: float = 120.0
    redact: bool = False
    server_options: tuple[str, ...] = ()

    @property
    def limits(self) -> Limits:
        """What decides over a count of mismatching examples."""
        return Limits(self.max_mismatch_rate, self.confidence)


def check_model(
    model: Path,
    recorded: Recorded,
    backend: CanaryBackend | None = None,
    options: CheckOptions | None = None,
    progress: Progress = lambda _: None,
    bundle_folder: Path | None = None,
    measure: Measure | None = None,
) -> ParityResult:
    """Check that a model answers in a canary what was recorded.

    Args:
        model: A SavedModel, or a base path with numbered versions.
        recorded: What was asked and answered at training time.
        backend: What serves the model; the native canary where None.
        options: How the check is made; the defaults where None.
        progress: Told, in a few words, what is done next.
        bundle_folder: Where to write a repro bundle of a result that is not PASS; none is written
            where None, or where the result is redacted, or no request was sent.
        measure: Computes the model's metrics on both sides, which inform and decide nothing; none
            are computed where None.

    Raises:
        BadInputError: If there is no model at the path, or an option names no output.
        ServerUnavailableError: If a server cannot be run for a reason outside the model.
    """
    options = options or CheckOptions()
    path = find_version(model, "model").path
    if bundle_folder is not None:
        # That of an earlier check into this folder would speak of another result.
        (bundle_folder / BUNDLE_FILE).unlink(missing_ok=True)
    if options.redact:
        bundle_folder = None
    check = _Check(
        path, recorded, backend or NativeBackend(), options, progress, bundle_folder, measure
    )
    if recorded.outputs is not None:
        options.tolerances.require_outputs(recorded.outputs)
    progress("starting the canary")
    result = replace(_run(check), sample_faults=sample_request_faults(path))
    return redacted(result) if options.redact else result


def _run(check: _Check) -> ParityResult:
    try:
        return check.run()
    except ModelLoadError as error:
        return check.failed(load_cause(check.model, error, None))
    except RequestError as error:
        raise ServerUnavailableError(
            f"Expected the canary to describe the model that it loaded, found {error}. "
            "The server is broken, or is no TensorFlow Serving."
        ) from error
    except CanaryDied as error:
        recorded = check.recorded
        detail = "The server died under a request."
        evidence = Evidence(None, 0, recorded.count, detail, message=str(error))
        cause = Cause(CauseCode.REQUEST_FAILED, f"signature {recorded.signature_name!r}", evidence)
        return check.failed(cause)


@dataclass(frozen=True)
class _Check:
    model: Path
    recorded: Recorded
    backend: CanaryBackend
    options: CheckOptions
    progress: Progress
    bundle_folder: Path | None
    measure: Measure | None

    def run(self) -> ParityResult:
        deadline = self.options.startup_deadline_s
        with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
            inspecting = pool.submit(inspect_model, self.model, deadline)
            try:
                canary = stack.enter_context(
                    self.backend.start(self.model, startup_deadline_s=deadline)
                )
            except ModelLoadError as error:
                return self.failed(load_cause(self.model, error, _inspected(inspecting)))
            inspection = inspecting.result()
            signatures = canary.client.signature_defs()
            blocking = find_unservable_ops(inspection)
            blocking += find_signature_faults(self.recorded, signatures)
            if blocking:
                return self.failed(*blocking, identity=canary.identity, inspection=inspection)
            reference = stack.enter_context(
                NativeBackend(graph_rewriter=False).start(self.model, startup_deadline_s=deadline)
            )
            panel = Panel(
                recorded=self.recorded,
                signatures=signatures,
                canary=canary.client,
                reference=reference.client,
                # More rows than one batch holds would be refused: the client's doing, no model's.
                batch_size=min(self.options.batch_size, canary.largest_batch or sys.maxsize),
                batched=canary.largest_batch is not None,
            )
            return self._ask_and_judge(panel, canary, inspection)

    def _ask_and_judge(
        self, panel: Panel, canary: RunningCanary, inspection: ModelInspection
    ) -> ParityResult:
        answers = panel.ask_all(lambda arm: self.progress(f"asking arm {arm}: {MEANINGS[arm]}"))
        answers["C'"] = self._ask_fresh(panel, canary)
        refusals = find_refusals(self.recorded, answers, self._ask_eager)
        self.progress("asking the coverage set")
        coverage = (
            no_coverage("requests of the sample already fail")
            if refusals
            else check_coverage(panel, self.options.tolerances)
        )
        self.progress("climbing the ladder")
        stale = find_stale_transform_graph(self.recorded, self.model)
        versions = find_version_mismatch(canary.identity.version, inspection)
        other = []
        if canary.no_fresh_start is not None:  # a server that was given its model by others
            other = find_other_version(canary.version, self.model)
        climb = Climb(
            recorded=self.recorded,
            answers=answers,
            coverage=coverage,
            inspection=inspection,
            policy=self.options.tolerances,
            limits=self.options.limits,
            is_native=canary.identity.backend == "native",
        )
        ladder = self._climbed(climb, panel)
        hard = [*refusals, *stale, *other, *versions]
        causes = [*refusals, *stale, *other, *ladder.causes]
        causes += [*coverage_causes(coverage, causes), *versions]
        causes = explain_difference(
            causes,
            ladder.rungs["T", "C"],
            panel,
            answers,
            self.options.tolerances,
            self.options.limits,
            self.progress,
        )
        causes = place_first_cause(
            causes, ladder.rungs, panel, self.model, self.options.tolerances, self.progress
        )
        if self.measure is not None:
            self.progress("computing metrics on both sides")
        summary = coverage.summary()
        verdict, decision = decide(
            ladder, hard, summary, self.recorded.outputs, self.options.limits
        )
        result = ParityResult(
            verdict=verdict,
            causes=tuple(causes),
            decision=decision,
            arms=tuple(arm_summary(name, found) for name, found in answers.items()),
            ladder=tuple(compared.rung for compared in ladder.rungs.values()),
            pairs=summarise_pairs(
                ladder,
                [*_proving_pairs(causes)[:1], decision.headline],
                answers,
                self.recorded.examples,
            ),
            coverage=summary,
            tolerances=self._tolerances(),
            environment=self._environment(canary.identity, inspection),
            not_exercised=canary.identity.not_exercised,
            reproduce=self._command(),
            redacted=False,
            metrics=side_metrics(self.measure, answers),
        )
        if self.bundle_folder is not None and verdict is not Verdict.PASS:
            write_bundle(self.bundle_folder, self.recorded, answers, result)
        return result

    def _climbed(self, climb: Climb, panel: Panel) -> Ladder:
        ladder, options = climb.ladder(), self.options
        if not climb.is_native and is_rewriters_doing(
            ladder.causes,
            panel,
            climb.answers,
            self.model,
            options.startup_deadline_s,
            options.tolerances,
            options.limits,
        ):
            return replace(climb, is_native=True).ladder()
        return ladder

    def _ask_fresh(self, panel: Panel, canary: RunningCanary) -> Answers | Missing:
        if canary.no_fresh_start is not None:
            return Missing(canary.no_fresh_start)
        arm = "C'"
        self.progress(f"asking arm {arm}: {MEANINGS[arm]}")
        deadline = self.options.startup_deadline_s
        with self.backend.start(self.model, startup_deadline_s=deadline) as fresh:
            return panel.ask_fresh(fresh.client)

    def failed(
        self,
        *causes: Cause,
        identity: ServerIdentity | None = None,
        inspection: ModelInspection | None = None,
    ) -> ParityResult:
        """Return the result of a model to which no request could be put."""
        first = causes[0]
        reason = f"not asked: {first.code.value}"
        return ParityResult(
            verdict=Verdict.FAIL,
            causes=causes,
            decision=Decision(
                headline=("T", "C"),
                examples=0,
                mismatching=0,
                upper_bound=None,
                confidence=self.options.confidence,
                max_mismatch_rate=self.options.max_mismatch_rate,
                noise_ratio=None,
                sentence=f"No example was compared: {first.evidence.detail}",
            ),
            arms=tuple(arm_summary(name, Missing(reason)) for name in MEANINGS),
            ladder=tuple(not_compared(pair, reason).rung for pair in PAIRS),
            pairs=(),
            coverage=Coverage(0, 0, (), reason),
            tolerances=self._tolerances(),
            environment=self._environment(identity, inspection),
            not_exercised=self._not_exercised(identity),
            reproduce=self._command(),
            redacted=False,
            metrics=None if self.measure is None else no_metrics(reason),
        )

    def _not_exercised(self, identity: ServerIdentity | None) -> tuple[str, ...]:
        if identity is not None:
            return identity.not_exercised
        return NOT_EXERCISED if isinstance(self.backend, NativeBackend) else ()

    def _ask_eager(self, example: int) -> str:
        """Say in words what TensorFlow's eager Python answers to an example."""
        self.progress("asking TensorFlow's eager Python whether it would have answered")
        try:
            inputs = stack_rows(self.recorded.inputs, [example])
            ask_eager(self.model, self.recorded.signature_name, inputs)
        except RequestError as error:
            return f"TensorFlow's eager Python fails it, too ({error.code.name})."
        return "TensorFlow's eager Python answers the same request."

    def _tolerances(self) -> dict[str, str]:
        rows = self.recorded.outputs or {}
        return {
            name: tolerance_text(self.options.tolerances.for_output(name, values[0].dtype))
            for name, values in sorted(rows.items())
        }

    def _environment(
        self, identity: ServerIdentity | None, inspection: ModelInspection | None
    ) -> dict[str, str]:
        graph = self.model / "saved_model.pb"
        environment = {
            "model": str(self.model),
            "model graph sha256": sha256_of_file(graph) if graph.is_file() else "no saved_model.pb",
            "predictions": self.recorded.source,
            "python": platform.python_version(),
            "tfx-parity": VERSION,
        }
        if identity is not None:
            environment["canary"] = f"{identity.backend}, {identity.version}"
            environment["canary digest"] = identity.digest
            if identity.batching:
                environment["request batching"] = identity.batching
        if inspection is not None:
            environment["model written by TensorFlow"] = inspection.tensorflow_version
        return dict(sorted(environment.items()))

    def _command(self) -> str:
        """Return the command with every option that is not its default."""
        options, defaults = self.options, CheckOptions()
        words = ["tfx-parity", "check", str(self.model), "--predictions", self.recorded.source]
        words += options.server_options
        for name, value, default in (
            ("--max-mismatch-rate", options.max_mismatch_rate, defaults.max_mismatch_rate),
            ("--confidence", options.confidence, defaults.confidence),
            ("--batch-size", options.batch_size, defaults.batch_size),
            ("--startup-deadline", options.startup_deadline_s, defaults.startup_deadline_s),
        ):
            if value != default:
                words += [name, f"{value!r}"]
        for name, tolerance in sorted(options.tolerances.overrides.items()):
            words += ["--tolerance", f"{name}={tolerance.rtol!r},{tolerance.atol!r}"]
        if options.redact:
            words.append("--redact")
        return shlex.join(words)


def _inspected(inspecting: Future[ModelInspection]) -> ModelInspection | None:
    """Return what a model shows without a request, None where its graph cannot be read."""
    try:
        return inspecting.result()
    except ModelLoadError:
        return None


def _proving_pairs(causes: Sequence[Cause]) -> list[tuple[str, str]]:
    """Return the pairs of arms whose comparison proves causes, first cause first."""
    return [cause.evidence.pair for cause in causes if cause.evidence.pair is not None]
