"""`tfx-parity check`: the canary check on any SavedModel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfx_parity.cli.exit_codes import HELP, OF_VERDICT
from tfx_parity.cli.servers import (
    BATCHING_FILE_HELP,
    BATCHING_HELP,
    IMAGE_HELP,
    MODEL_NAME_HELP,
    SERVER_HELP,
    backend_of,
    batching_parameters,
    server_options,
)

if TYPE_CHECKING:
    from tfx_parity.comparison.tolerance import TolerancePolicy


@click.command(epilog=HELP)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    required=True,
    help="What record_predictions wrote (or the Trainer's model_run), or any TFRecord of "
    "PredictionLog, plain or gzip, one example a record.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report alone, as JSON, on stdout.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write report.json, report.html and, where the verdict is not PASS, repro.zip "
    "into; made if missing.",
)
@click.option(
    "--server",
    default="native",
    show_default=True,
    help=SERVER_HELP,
)
@click.option("--image", metavar="IMAGE:TAG", help=IMAGE_HELP)
@click.option("--model-name", metavar="NAME", help=MODEL_NAME_HELP)
@click.option("--enable_batching", is_flag=True, help=BATCHING_HELP)
@click.option(
    "--batching_parameters_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=BATCHING_FILE_HELP,
)
@click.option(
    "--max-mismatch-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Rate of differing examples allowed, a fraction; its upper bound must not exceed this.",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence of the bound on the rate.",
)
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    metavar="OUTPUT=RTOL,ATOL",
    help="Tolerance of one output, such as scores=1e-3,1e-6; may be repeated. Others have that of "
    "their type (float32: 1e-4,1e-6).",
)
@click.option(
    "--batch-size",
    type=click.IntRange(2),
    default=64,
    show_default=True,
    help="Examples a batched request.",
)
@click.option(
    "--startup-deadline",
    type=click.FloatRange(0, min_open=True),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a server may take until it answers.",
)
@click.option(
    "--redact",
    is_flag=True,
    help="Leave what clients send out of the report: raw examples, values of features, strings, "
    "the server's own words.",
)
@click.option(
    "--allow-version-mismatch",
    is_flag=True,
    help="A server of another TensorFlow than the model's is a warning, with how far the answers "
    "lie apart, and no failure.",
)
def check(
    model: Path,
    predictions: Path,
    as_json: bool,
    report: Path | None,
    server: str,
    image: str | None,
    model_name: str | None,
    enable_batching: bool,
    batching_parameters_file: Path | None,
    max_mismatch_rate: float,
    confidence: float,
    tolerances: tuple[str, ...],
    batch_size: int,
    startup_deadline: float,
    redact: bool,
    allow_version_mismatch: bool,
) -> int:
    """Check that MODEL answers in a canary what was recorded in training.

    MODEL is a SavedModel, or a base path with numbered versions. Neither TensorFlow's Python nor
    TFX is imported.
    """
    # Loaded here, so that --help answers at once.
    from rich.console import Console  # noqa: PLC0415

    from tfx_parity.canary_validator.check import check_model  # noqa: PLC0415
    from tfx_parity.canary_validator.check_options import CheckOptions  # noqa: PLC0415
    from tfx_parity.canary_validator.recorded import read_recorded  # noqa: PLC0415
    from tfx_parity.reporting.console import print_result  # noqa: PLC0415
    from tfx_parity.reporting.report_json import to_json  # noqa: PLC0415

    batching = batching_parameters(enable_batching, batching_parameters_file)
    backend = backend_of(server, image, model_name, batching)
    options = CheckOptions(
        max_mismatch_rate=max_mismatch_rate,
        confidence=confidence,
        tolerances=_policy(tolerances),
        batch_size=batch_size,
        startup_deadline_s=startup_deadline,
        redact=redact,
        allow_version_mismatch=allow_version_mismatch,
        server_options=(
            *server_options(server, image, model_name, batching_parameters_file),
            *["--enable_batching"] * enable_batching,
        ),
    )
    quiet = Console(stderr=True)
    with quiet.status("reading the recorded predictions") as status:
        recorded = read_recorded(predictions)
        result = check_model(model, recorded, backend, options, status.update, report)
    if report is not None:
        # Loaded where it is asked for: the page's templates take a while.
        from tfx_parity.reporting.report_files import write_report  # noqa: PLC0415

        _, page = write_report(report, result)
        quiet.print(f"report: {page}", soft_wrap=True)
    if as_json:
        sys.stdout.buffer.write(to_json(result))
    else:
        print_result(result, Console())
    return OF_VERDICT[result.verdict]


def _policy(tolerances: tuple[str, ...]) -> TolerancePolicy:
    """Return the tolerance policy of `OUTPUT=RTOL,ATOL` options."""
    from tfx_parity.comparison.tolerance import TolerancePolicy  # noqa: PLC0415

    overrides: dict[str, object] = {}
    for text in tolerances:
        name, separator, numbers = text.rpartition("=")
        rtol, comma, atol = numbers.partition(",")
        try:
            overrides[name] = {"rtol": float(rtol), "atol": float(atol)}
        except ValueError:
            separator = ""
        if not (name and separator and comma):
            raise click.BadParameter(
                f"Expected OUTPUT=RTOL,ATOL, such as scores=1e-3,1e-6, found {text!r}.",
                param_hint="--tolerance",
            )
    return TolerancePolicy.from_mapping(overrides)
