"""One check of one model: start the canary, ask every arm, climb the ladder, decide."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from tfx_parity.canary.backend import CanaryBackend, ModelLoadError, RunningCanary
from tfx_parity.canary.client import CanaryClient, CanaryDied, RequestError
from tfx_parity.canary.inspection import ModelInspection, inspect_model
from tfx_parity.canary.native import NOT_EXERCISED, NativeBackend
from tfx_parity.canary.versions import find_version
from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.arms import CANARY, FRESH, MEANINGS
from tfx_parity.canary_validator.check_options import CheckOptions
from tfx_parity.canary_validator.circumstances import Circumstances
from tfx_parity.canary_validator.decision import headline
from tfx_parity.canary_validator.judging import Judge
from tfx_parity.canary_validator.panel import Batches, Panel
from tfx_parity.canary_validator.preflight import find_signature_faults, find_unservable_ops
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.canary_validator.refusals import load_cause
from tfx_parity.canary_validator.repro_bundle import FILE_NAME as BUNDLE_FILE
from tfx_parity.canary_validator.repro_bundle import write_bundle
from tfx_parity.canary_validator.sample import draw_sample
from tfx_parity.canary_validator.sample_requests import sample_request_faults
from tfx_parity.canary_validator.side_metrics import Measure
from tfx_parity.canary_validator.survey import Survey
from tfx_parity.canary_validator.unasked import unasked_result
from tfx_parity.errors import ServerUnavailableError
from tfx_parity.findings import (
    Cause,
    CauseCode,
    Evidence,
    ParityResult,
    Verdict,
    redacted,
)

Progress = Callable[[str], None]
_Fresh: TypeAlias = Future[RunningCanary] | Missing


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
    if recorded.outputs is not None:
        options.tolerances.require_outputs(recorded.outputs)
        options = replace(options, tolerances=options.tolerances.sized_by(recorded.outputs))
    check = _Check(
        path, recorded, backend or NativeBackend(), options, progress, bundle_folder, measure
    )
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
        # What takes seconds to start is started beside what is needed first. The pool ends before
        # the stack does, which then holds every server that was started.
        with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
            inspecting = pool.submit(inspect_model, self.model, deadline)
            referring = pool.submit(self._started, NativeBackend(graph_rewriter=False), stack)
            try:
                canary = self._started(self.backend, stack)
            except ModelLoadError as error:
                return self.failed(load_cause(self.model, error, _inspected(inspecting)))
            self.progress("the canary has the model; waiting for the reference")
            inspection = inspecting.result()
            about = self._about(canary, inspection)
            blocking = find_unservable_ops(inspection)
            blocking += find_signature_faults(self.recorded, canary.client.signature_defs())
            if blocking:
                return self.failed(*blocking, about=about)
            panel = self._panel(canary, referring.result().client)
            sized = self._sized(panel)
            about = replace(about, options=sized.options)
            fresh: _Fresh
            if canary.no_fresh_start is None:
                fresh = pool.submit(self._started, self.backend, stack)
            else:
                fresh = Missing(canary.no_fresh_start)
            return sized._judged(panel, canary, inspection, about, fresh)

    def _started(self, backend: CanaryBackend, stack: ExitStack) -> RunningCanary:
        deadline = self.options.startup_deadline_s
        return stack.enter_context(backend.start(self.model, startup_deadline_s=deadline))

    def _panel(self, canary: RunningCanary, reference: CanaryClient) -> Panel:
        return Panel(
            recorded=self.recorded,
            signatures=canary.client.signature_defs(),
            canary=canary.client,
            reference=reference,
            # More rows than one batch holds would be refused: the client's doing, no model's.
            batch_size=min(self.options.batch_size, canary.largest_batch or sys.maxsize),
            batched=canary.largest_batch is not None,
        )

    def _sized(self, panel: Panel) -> _Check:
        """Return this check with tolerances by the reference's numbers, where no trainer's are.

        As many of its answers as prove the verdict's rate tell how large an output's numbers are.
        """
        if self.recorded.outputs is not None:
            return self
        sample = draw_sample(self.recorded.count, panel.batch_size, self.options.limits)
        answers = panel.ask("B", sample.every)
        if isinstance(answers, Missing):
            return self
        tolerances = self.options.tolerances.sized_by(answers.rows)
        return replace(self, options=replace(self.options, tolerances=tolerances))

    def _judged(
        self,
        panel: Panel,
        canary: RunningCanary,
        inspection: ModelInspection,
        about: Circumstances,
        fresh: _Fresh,
    ) -> ParityResult:
        """Ask every arm, a second start of the canary among them, and judge what they answer."""

        def ask(arm: str, batches: Batches) -> Answers | Missing:
            self.progress(f"asking arm {arm}: {MEANINGS[arm]}")
            if arm != FRESH:
                return panel.ask(arm, batches)
            if isinstance(fresh, Missing):
                return fresh
            return panel.ask_again(CANARY, fresh.result().client, batches)

        survey = Survey(
            ask_arm=ask,
            deciding=headline(self.recorded),
            count=self.recorded.count,
            batch_size=panel.batch_size,
            limits=self.options.limits,
            policy=self.options.tolerances,
        )
        surveyed = survey.ask()
        result = Judge(
            about, panel, canary, inspection, surveyed, self.progress, self.measure
        ).result()
        if self.bundle_folder is not None and result.verdict is not Verdict.PASS:
            write_bundle(self.bundle_folder, self.recorded, surveyed.answers, result)
        return result

    def _about(self, canary: RunningCanary, inspection: ModelInspection) -> Circumstances:
        identity = canary.identity
        return Circumstances(
            self.model, self.recorded, self.options, identity.not_exercised, identity, inspection
        )

    def failed(self, *causes: Cause, about: Circumstances | None = None) -> ParityResult:
        """Return the result of a model to which no request could be put."""
        if about is None:
            not_exercised = NOT_EXERCISED if isinstance(self.backend, NativeBackend) else ()
            about = Circumstances(self.model, self.recorded, self.options, not_exercised)
        return unasked_result(about, causes, self.measure)


def _inspected(inspecting: Future[ModelInspection]) -> ModelInspection | None:
    """Return what a model shows without a request, None where its graph cannot be read."""
    try:
        return inspecting.result()
    except ModelLoadError:
        return None
