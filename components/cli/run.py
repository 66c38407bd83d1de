"""`tfx-parity run`: pipelines on this machine, with a line a step."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfx_parity.cli.exit_codes import HELP, OF_VERDICT
from tfx_parity.pipelines.penguins import (
    DEFAULT_SEED,
    DEFAULT_TRAIN_STEPS,
    PIPELINE_NAME,
    PREPROCESSING_FN,
    RUN_FN,
)

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

    from tfx_parity.pipelines.run_result import RunResult

_COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
_GRPC_PORT = 8500
_REST_PORT = 8501
_INSTANCE = '{"island": "Biscoe", "sex": "female", "bill_length_mm": 46.1, "bill_depth_mm": 13.2, \
"flipper_length_mm": 211, "body_mass_g": 4500}'


@click.group()
def run() -> None:
    """Run a pipeline on this machine."""


@run.command(epilog=HELP)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs") / PIPELINE_NAME,
    show_default=True,
    help="Folder of the run: data, artifacts, metadata, logs and the pushed model.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A CSV of penguins of your own; by default the one that the package palmerpenguins ships.",
)
@click.option(
    "--train-steps",
    type=click.IntRange(min=1),
    default=DEFAULT_TRAIN_STEPS,
    show_default=True,
    help="How many batches to train on.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=DEFAULT_SEED,
    show_default=True,
    help="Seeds the training: the first weights and the order of the examples.",
)
@click.option(
    "--run-fn",
    default=RUN_FN,
    show_default=True,
    metavar="IMPORT_PATH",
    help="The Trainer's function; may lie in the current folder.",
)
@click.option(
    "--preprocessing-fn",
    default=PREPROCESSING_FN,
    show_default=True,
    metavar="IMPORT_PATH",
    help="The preprocessing function; may lie in the current folder.",
)
@click.option(
    "--cache/--no-cache",
    default=True,
    show_default=True,
    help="Whether to take steps whose inputs are unchanged from the cache.",
)
def penguins(
    root: Path,
    data: Path | None,
    train_steps: int,
    seed: int,
    run_fn: str,
    preprocessing_fn: str,
    cache: bool,
) -> int:
    """Train a classifier of Palmer penguins, prove that it serves alike, and push it."""
    # Loaded here, so that --help answers at once; TFX itself later, while that is shown.
    from tfx_parity.pipelines.local_runner import run_locally  # noqa: PLC0415
    from tfx_parity.pipelines.penguins.data import read_penguins, write_penguins  # noqa: PLC0415
    from tfx_parity.pipelines.run_lock import sole_run  # noqa: PLC0415
    from tfx_parity.pipelines.run_log import run_log  # noqa: PLC0415
    from tfx_parity.pipelines.run_result import read_result  # noqa: PLC0415
    from tfx_parity.pipelines.source_digest import source_digest  # noqa: PLC0415

    root = root.resolve()
    penguins_csv = read_penguins(data)
    sys.path.append(str(Path.cwd()))  # For functions of the user's own; last, to shadow nothing.
    for path in (run_fn, preprocessing_fn):
        source_digest(path)  # Refuses a path that leads nowhere before TFX is loaded.

    def make_pipeline() -> Pipeline:
        from tfx_parity.pipelines.penguins.pipeline import create_pipeline  # noqa: PLC0415

        return create_pipeline(
            pipeline_root=str(root / "artifacts"),
            data_root=str(csv.parent),
            serving_model_dir=str(root / "serving_model"),
            metadata_path=str(root / "metadata.sqlite"),
            preprocessing_fn=preprocessing_fn,
            run_fn=run_fn,
            train_steps=train_steps,
            seed=seed,
            enable_cache=cache,
        )

    with sole_run(root):
        csv = write_penguins(root / "data", penguins_csv)
        started = dt.datetime.now(tz=dt.timezone.utc)
        with run_log(root / "logs" / f"{started:%Y%m%dT%H%M%SZ}.log") as log:
            outcomes = run_locally(make_pipeline, log)
    result = read_result(outcomes)
    _tell(result, log.path)
    return OF_VERDICT[result.verdict]


def _tell(result: RunResult, log: Path) -> None:
    """Print what a run came to and what to do next."""
    verdict = click.style(result.verdict.value, fg=_COLOURS[result.verdict.value], bold=True)
    click.echo(f"\n{verdict}  {result.sentence}")
    for cause in result.causes:
        click.echo(f"  {cause}")
    click.echo(f"report  {result.report}")
    click.echo(f"log     {log}")
    if result.pushed is None:
        click.echo(f"pushed  nothing: {result.not_pushed}")
        click.echo(f"\nCheck it again:\n  {result.reproduce}")
        return
    click.echo(f"pushed  {result.pushed}")
    click.echo(
        "\nServe it, and ask it:\n"
        f"  tfx-parity serve --model_name={PIPELINE_NAME} "
        f"--model_base_path={result.pushed.parent} "
        f"--port={_GRPC_PORT} --rest_api_port={_REST_PORT}\n"
        f"  curl http://127.0.0.1:{_REST_PORT}/v1/models/{PIPELINE_NAME}:predict "
        f'-d \'{{"signature_name": "serve_raw", "instances": [{_INSTANCE}]}}\''
    )
