"""`tfx-parity retrain`: one idempotent job a span, for a scheduler to call."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfx_parity.cli.exit_codes import OF_VERDICT
from tfx_parity.cli.servers import MODEL_NAME_HELP, SERVER_HELP, backend_of
from tfx_parity.findings import Verdict
from tfx_parity.pipelines.flights import (
    DEFAULT_ROWS,
    DEFAULT_TRAIN_STEPS,
    PIPELINE_NAME,
    RUN_FN,
)

if TYPE_CHECKING:
    from tfx_parity.pipelines.flights.retraining import FlightsTraining
    from tfx_parity.pipelines.retraining.job import Job
    from tfx_parity.pipelines.retraining.ledger import Entry

_DEFAULT_KEEP = 3
_HELP = (
    "Exit code: 0 the span's model is served (or was, and later ones are), 1 it was not pushed, or "
    "taken back, 2 usage or bad input, 3 the server could not be run, 4 INCONCLUSIVE."
)


@click.group()
def retrain() -> None:
    """Retrain a served model on a span of data, or roll it back."""


@retrain.command(epilog=_HELP)
@click.option("--span", type=int, metavar="N", help="The month of 2013 to learn, 1 to 12.")
@click.option("--rollback", is_flag=True, help="Take the newest version back instead.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs") / PIPELINE_NAME,
    show_default=True,
    help="Folder of the served model: ledger, spans, runs, logs and serving_model.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=500),
    default=DEFAULT_ROWS,
    show_default=True,
    help="How many of the span's flights to take, always the same ones.",
)
@click.option("--all-rows", is_flag=True, help="Take all of the span's flights.")
@click.option(
    "--keep",
    type=click.IntRange(min=2),
    default=_DEFAULT_KEEP,
    show_default=True,
    help="How many versions stay in serving_model, so that there is one to roll back to.",
)
@click.option(
    "--train-steps",
    type=click.IntRange(min=1),
    default=DEFAULT_TRAIN_STEPS,
    show_default=True,
    help="How many batches to train on.",
)
@click.option(
    "--run-fn",
    default=RUN_FN,
    show_default=True,
    metavar="IMPORT_PATH",
    help="The Trainer's function; may lie in the current folder.",
)
@click.option(
    "--server",
    default="native",
    show_default=True,
    help=f"Asked for the version after the push. {SERVER_HELP}",
)
@click.option("--model-name", metavar="NAME", help=MODEL_NAME_HELP)
def flights(
    span: int | None,
    rollback: bool,
    root: Path,
    rows: int,
    all_rows: bool,
    keep: int,
    train_steps: int,
    run_fn: str,
    server: str,
    model_name: str | None,
) -> int:
    """Learn a month of the flights out of New York, and push the model if it is blessed.

    A month that was pushed is left alone; a job that was killed is finished by the next.
    """
    # Loaded here, so that --help answers at once; TFX itself later, while that is shown.
    from tfx_parity.cli.confirming import Confirmation  # noqa: PLC0415
    from tfx_parity.pipelines.flights.data import require_span  # noqa: PLC0415
    from tfx_parity.pipelines.flights.retraining import FlightsTraining  # noqa: PLC0415
    from tfx_parity.pipelines.progress import Progress  # noqa: PLC0415
    from tfx_parity.pipelines.retraining.job import SERVING_FOLDER, Job  # noqa: PLC0415
    from tfx_parity.pipelines.retraining.lease import Lease, Owner  # noqa: PLC0415

    if (span is None) != rollback:
        raise click.UsageError(
            "Expected either the span to learn (--span N) or --rollback. The span is never guessed."
        )
    if span is not None:
        require_span(span)  # Before anything is changed.
    root = root.resolve()
    sys.path.append(str(Path.cwd()))  # For functions of the user's own; last, to shadow nothing.
    training = FlightsTraining(root, None if all_rows else rows, train_steps, run_fn)
    confirm = Confirmation(root / SERVING_FOLDER, backend_of(server, None, model_name))
    with Lease(root, Owner.this_process(), time.time).held() as lease:
        job = Job(root, lease, confirm, Progress(sys.stdout).step, keep)
        return _roll_back(job) if span is None else _retrain(job, span, training)


def _retrain(job: Job, span: int, training: FlightsTraining) -> int:
    """Retrain on a span and tell what became of it."""
    entry = job.retrain(span, lambda run: training.train(span, run))
    _tell(entry, training.drift)
    return _exit_code(entry, training.verdict)


def _roll_back(job: Job) -> int:
    """Roll back and tell what is served now."""
    undone, served = job.roll_back()
    click.echo(f"rolled back  version {undone.version} (span {undone.span})")
    click.echo(f"served       version {served.version} (span {served.span})")
    return 0


def _tell(entry: Entry, drift: Sequence[str] | None) -> None:
    if drift is not None:
        click.echo("\ndrift against the span of the served model:")
        for line in drift or ["none above the schema's thresholds"]:
            click.echo(f"  {line}")
    version = "no version" if entry.version is None else f"version {entry.version}"
    click.echo(f"\nspan {entry.span}: {entry.state.value}, {version}")
    if entry.reason:
        click.echo(f"  {entry.reason}")


def _exit_code(entry: Entry, verdict: Verdict | None) -> int:
    """Return 0 where the span's model is served or was until later ones were, and how it failed."""
    from tfx_parity.pipelines.retraining.ledger import State  # noqa: PLC0415

    if entry.state in (State.PUSHED, State.RETIRED):
        return OF_VERDICT[Verdict.PASS]
    return OF_VERDICT[verdict if verdict is Verdict.INCONCLUSIVE else Verdict.FAIL]
