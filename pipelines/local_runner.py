"""Runs a TFX pipeline on this machine: a line a step on the screen, all else in a log file."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tfx_parity.errors import BadInputError, ServerUnavailableError, TfxParityError
from tfx_parity.pipelines.failure import describe_failure
from tfx_parity.pipelines.progress import Progress
from tfx_parity.pipelines.run_log import RunLog
from tfx_parity.pipelines.step_outcome import StepOutcome

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

LOADING = "loading TFX"


def run_locally(make_pipeline: Callable[[], Pipeline], log: RunLog) -> Mapping[str, StepOutcome]:
    """Run a pipeline, showing its steps.

    Args:
        make_pipeline: Imports TFX and returns the pipeline; called while "loading TFX" is shown.
        log: Where the noise goes, and the screen.

    Returns:
        What became of each step, by its name.

    Raises:
        ServerUnavailableError: If a step failed because a model server could not be run.
        BadInputError: If a step failed for any other reason, which lies in the data, in the code
            that was passed, or in the machine; the message says which step, why, and where the
            log is.
    """
    progress = Progress(log.screen)
    with progress.step(LOADING):
        from absl import logging as absl_logging  # noqa: PLC0415 - takes seconds, see above

        from tfx_parity.pipelines.step_runner import StepFailedError, StepRunner  # noqa: PLC0415

        pipeline = make_pipeline()
    verbosity = absl_logging.get_verbosity()
    absl_logging.set_verbosity(absl_logging.INFO)
    try:
        return StepRunner(pipeline, progress.step).run_all()
    except StepFailedError as error:
        traceback.print_exception(error)
        raise _failed(error.step, error.__cause__ or error, log) from error
    finally:
        absl_logging.set_verbosity(verbosity)


def _failed(step: str, error: BaseException, log: RunLog) -> TfxParityError:
    """Return the error that says in a few lines which step failed, why, and where more is said."""
    kind = ServerUnavailableError if isinstance(error, ServerUnavailableError) else BadInputError
    return kind(f"{step} failed. {describe_failure(error)}\nThe full log: {log.path}")
