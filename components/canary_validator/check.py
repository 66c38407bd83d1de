"""One check of one model: start the canary, ask every arm, climb the ladder, decide."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tfx_parity.canary.backend import CanaryBackend, ModelLoadError, RunningCanary, ServerIdentity
from tfx_parity.canary.client import CanaryDied, RequestError
from tfx_parity.canary.eager import ask_eager
from tfx_parity.canary.inspection import ModelInspection, inspect_model
from tfx_parity.canary.native import NOT_EXERCISED, NativeBackend
from tfx_parity.canary.versions import find_version
from tfx_parity.canary_validator.answers import Answers, Missing, stack_rows
from tfx_parity.canary_validator.arms import MEANINGS, Panel
from tfx_parity.canary_validator.comparing import Limits
from tfx_parity.canary_validator.coverage_check import (
    check_coverage,
    coverage_causes,
    no_coverage,
)
from tfx_parity.canary_validator.decision import decide
from tfx_parity.canary_validator.ladder import Climb
from tfx_parity.canary_validator.preflight import (
    find_signature_faults,
    find_stale_transform_graph,
    find_unservable_ops,
)
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.canary_validator.refusals import find_refusals, load_cause
from tfx_parity.comparison.tolerance import TolerancePolicy
from tfx_parity.files import sha256_of_file
from tfx_parity.findings import (
    Arm,
    Cause,
    CauseCode,
    Coverage,
    Decision,
    Evidence,
    ParityResult,
    Verdict,
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
    """

    max_mismatch_rate: float = 0.01
    confidence: float = 0.95
    tolerances: TolerancePolicy = field(default_factory=TolerancePolicy)
    batch_size: int = 64
    startup_deadline_s: float = 120.0

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
) -> ParityResult:
    """Check that a model answers in a canary what was recorded.

    Args:
        model: A SavedModel, or a base path with numbered versions.
        recorded: What was asked and answered at training time.
        backend: What serves the model; the native canary where None.
        options: How the check is made; the defaults where None.
        progress: Told, in a few words, what is done next.

    Raises:
        BadInputError: If there is no model at the path, or an option names no output.
        ServerUnavailableError: If a server cannot be run for a reason outside the model.
    """
    options = options or CheckOptions()
    path = find_version(model, "model").path
    check = _Check(path, recorded, backend or NativeBackend(), options, progress)
    if recorded.outputs is not None:
        options.tolerances.require_outputs(recorded.outputs)
    progress("starting the canary")
    try:
        return check.run()
    except ModelLoadError as error:
        return check.failed(load_cause(path, error))
    except CanaryDied as error:
        evidence = Evidence(None, 0, recorded.count, f"The server died under a request: {error}")
        cause = Cause(CauseCode.REQUEST_FAILED, f"signature {recorded.signature_name!r}", evidence)
        return check.failed(cause)


@dataclass(frozen=True)
class _Check:
    model: Path
    recorded: Recorded
    backend: CanaryBackend
    options: CheckOptions
    progress: Progress

    def run(self) -> ParityResult:
        deadline = self.options.startup_deadline_s
        with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
            inspecting = pool.submit(inspect_model, self.model, deadline)
            canary = stack.enter_context(
                self.backend.start(self.model, startup_deadline_s=deadline)
            )
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
                batch_size=self.options.batch_size,
            )
            return self._ask_and_judge(panel, canary, inspection)

    def _ask_and_judge(
        self, panel: Panel, canary: RunningCanary, inspection: ModelInspection
    ) -> ParityResult:
        answers = panel.ask_all(lambda arm: self.progress(f"asking arm {arm}: {MEANINGS[arm]}"))
        refusals = find_refusals(self.recorded, answers, self._ask_eager)
        self.progress("asking the coverage set")
        coverage = (
            no_coverage("requests of the sample already fail")
            if refusals
            else check_coverage(panel, self.options.tolerances)
        )
        self.progress("climbing the ladder")
        stale = find_stale_transform_graph(self.recorded, self.model)
        ladder = Climb(
            recorded=self.recorded,
            answers=answers,
            coverage=coverage,
            inspection=inspection,
            policy=self.options.tolerances,
            limits=self.options.limits,
            is_native=canary.identity.backend == "native",
        ).ladder()
        hard = [*refusals, *stale]
        causes = [*hard, *ladder.causes]
        causes += coverage_causes(coverage, causes)
        summary = coverage.summary()
        verdict, decision = decide(
            ladder, hard, summary, self.recorded.outputs, self.options.limits
        )
        return ParityResult(
            verdict=verdict,
            causes=tuple(causes),
            decision=decision,
            arms=tuple(arm_summary(name, found) for name, found in answers.items()),
            ladder=tuple(compared.rung for compared in ladder.rungs.values()),
            coverage=summary,
            tolerances=self._tolerances(),
            environment=self._environment(canary.identity, inspection),
            not_exercised=canary.identity.not_exercised,
            reproduce=self._command(),
        )

    def failed(
        self,
        *causes: Cause,
        identity: ServerIdentity | None = None,
        inspection: ModelInspection | None = None,
    ) -> ParityResult:
        """Return the result of a model to which no request could be put."""
        first = causes[0]
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
            arms=tuple(
                Arm(name, meaning, 0, 0, f"not asked: {first.code.value}")
                for name, meaning in MEANINGS.items()
            ),
            ladder=(),
            coverage=Coverage(0, 0, (), f"not asked: {first.code.value}"),
            tolerances=self._tolerances(),
            environment=self._environment(identity, inspection),
            not_exercised=NOT_EXERCISED if identity is None else identity.not_exercised,
            reproduce=self._command(),
        )

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
            name: _tolerance_text(self.options.tolerances, name, values)
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
        if inspection is not None:
            environment["model written by TensorFlow"] = inspection.tensorflow_version
        return dict(sorted(environment.items()))

    def _command(self) -> str:
        return shlex.join(
            ["tfx-parity", "check", str(self.model), "--predictions", self.recorded.source]
        )


def _tolerance_text(policy: TolerancePolicy, name: str, rows: Sequence[object]) -> str:
    tolerance = policy.for_output(name, rows[0].dtype)  # type: ignore[attr-defined]
    if tolerance.is_exact:
        return "exact"
    return f"|a-b| <= {tolerance.atol:g} + {tolerance.rtol:g} * |reference|"


def arm_summary(name: str, found: Answers | Missing) -> Arm:
    """Return an arm as the report shows it."""
    if isinstance(found, Missing):
        return Arm(name, MEANINGS[name], 0, 0, found.reason)
    return Arm(name, MEANINGS[name], len(found.indices), len(found.failures), None)
