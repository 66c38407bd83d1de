"""`tfx-parity payload`: what clients send to a model, without TFX and without a server."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tfx_parity.cli.exit_codes import OF_VERDICT
from tfx_parity.cli.model_options import environment_option, model_argument, schema_option

_HELP = "Exit code: 0 PASS, 1 FAIL, 2 usage or bad input, 4 INCONCLUSIVE (no payload)."
# The names of payload_files.Form, as options are written.
_FORMS = {
    "rest-body": "REST_BODY",
    "json-lines": "JSON_LINES",
    "predict-request": "PREDICT_REQUEST",
    "prediction-log": "PREDICTION_LOG",
    "example": "EXAMPLE",
}
_DECIDING = frozenset({"schema", "environment", "statistics", "without_labels", "form", "fail_on"})
_KINDS = ("refused", "changed", "suspect")


@click.command(epilog=_HELP)
@model_argument
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@schema_option
@environment_option
@click.option(
    "--statistics",
    type=click.Path(path_type=Path),
    help="Statistics of the training data (StatisticsGen's FeatureStats.pb): tells values that "
    "clients have scaled before they sent them.",
)
@click.option(
    "--without-labels",
    is_flag=True,
    help="Take labels out of tf.Examples first: training data, as if clients had sent them.",
)
@click.option(
    "--form",
    type=click.Choice(list(_FORMS)),
    help="The form of all files; told by each file's own bytes without it.",
)
@click.option(
    "--fail-on",
    type=click.Choice(_KINDS),
    default="suspect",
    show_default=True,
    help="The mildest kind of fault that fails: refused (the server answers an error), changed "
    "(another value reaches the model), suspect (against the schema or the signature's shape).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report alone, as JSON, on stdout.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write report.json and report.html into; made if missing.",
)
def payload(
    model: Path,
    files: tuple[Path, ...],
    schema: Path | None,
    environment: str,
    statistics: Path | None,
    without_labels: bool,
    form: str | None,
    fail_on: str,
    as_json: bool,
    report: Path | None,
) -> int:
    """Check what clients send to MODEL.

    MODEL is a SavedModel, or a base path with numbered versions. FILES are REST bodies (a body a
    file, or JSON lines), TFRecords of PredictRequest, PredictionLog or tf.Example, or folders of
    them; gzip too. Neither TensorFlow's Python nor TFX is imported, and no server is started.
    """
    # Loaded here, so that --help answers at once.
    from rich.console import Console  # noqa: PLC0415

    from tfx_parity.findings import FaultKind  # noqa: PLC0415
    from tfx_parity.payloads.guard import PayloadGuard  # noqa: PLC0415
    from tfx_parity.payloads.numeric_summary import read_training_summaries  # noqa: PLC0415
    from tfx_parity.payloads.payload_files import Form  # noqa: PLC0415
    from tfx_parity.payloads.static_checks import static_findings  # noqa: PLC0415
    from tfx_parity.payloads.validation import (  # noqa: PLC0415
        ValidationOptions,
        validate_files,
    )
    from tfx_parity.reporting.payload_console import print_payload_result  # noqa: PLC0415
    from tfx_parity.reporting.payload_json import payload_json  # noqa: PLC0415

    quiet = Console(stderr=True)
    guard = PayloadGuard.from_model(model, schema, environment)
    options = ValidationOptions(
        form=None if form is None else Form[_FORMS[form]],
        fail_on=FaultKind(fail_on),
        trained=None if statistics is None else read_training_summaries(statistics),
        without_labels=without_labels,
        options=_words(click.get_current_context()),
    )
    statics = static_findings(guard.model, guard.rules)
    with quiet.status("reading the model") as status:
        result = validate_files(guard, files, options, statics, status.update)
    if report is not None:
        # Loaded where it is asked for: the page's templates take a while.
        from tfx_parity.reporting.payload_page import write_payload_report  # noqa: PLC0415

        _, page = write_payload_report(report, result)
        quiet.print(f"report: {page}", soft_wrap=True)
    if as_json:
        sys.stdout.buffer.write(payload_json(result))
    else:
        print_payload_result(result, Console())
    return OF_VERDICT[result.verdict]


def _words(context: click.Context) -> tuple[str, ...]:
    """Return the options that decide the result as words of a command, without the defaults."""
    words = []
    for parameter in context.command.params:
        value = context.params[parameter.name or ""]
        if isinstance(parameter, click.Option) and parameter.name in _DECIDING:
            if parameter.is_flag:
                words += parameter.opts if value else []
            elif value not in (parameter.default, None):
                words += [parameter.opts[0], str(value)]
    return tuple(words)
