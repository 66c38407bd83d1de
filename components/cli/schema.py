"""`tfx-parity schema`: what a client may send to a model, for programs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tfx_parity.cli.model_options import environment_option, model_argument, schema_option

_FORMATS = ("jsonschema", "openapi", "example")


@click.command(epilog="Exit code: 0, 2 usage or bad input.")
@model_argument
@click.option(
    "--format",
    "output_format",
    type=click.Choice(_FORMATS),
    default="jsonschema",
    show_default=True,
    help="jsonschema: JSON Schema 2020-12 of a :predict body. openapi: OpenAPI 3.1 of the model's "
    "paths. example: a body to start from.",
)
@click.option(
    "--signature",
    "signatures",
    multiple=True,
    metavar="NAME",
    help="A signature to describe; may be repeated. All of the model's without it.",
)
@schema_option
@environment_option
@click.option(
    "--model-name", default="model", show_default=True, help="The name in the paths of openapi."
)
def schema(
    model: Path,
    output_format: str,
    signatures: tuple[str, ...],
    schema: Path | None,
    environment: str,
    model_name: str,
) -> int:
    """Write what a client may send to MODEL, as JSON on standard output.

    MODEL is a SavedModel, or a base path with numbered versions.
    """
    # Loaded here, so that --help answers at once.
    from tfx_parity.files import canonical_json  # noqa: PLC0415
    from tfx_parity.payloads.guard import PayloadGuard  # noqa: PLC0415
    from tfx_parity.payloads.json_schema import body_schema  # noqa: PLC0415
    from tfx_parity.payloads.openapi import openapi_document  # noqa: PLC0415
    from tfx_parity.payloads.sample_body import sample_body  # noqa: PLC0415

    guard = PayloadGuard.from_model(model, schema, environment)
    names = _known(signatures, tuple(guard.model.signature_defs))
    if output_format == "jsonschema":
        document = body_schema(guard.model, guard.rules, names)
    elif output_format == "openapi":
        document = openapi_document(guard.model, guard.rules, model_name, names)
    else:
        document = sample_body(guard.model, guard.rules, names[0])
    sys.stdout.buffer.write(canonical_json(document))
    return 0


def _known(asked: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    unknown = sorted(set(asked) - set(known))
    if unknown:
        raise click.BadParameter(
            f"Expected signatures of the model ({', '.join(known)}), found {', '.join(unknown)}.",
            param_hint="--signature",
        )
    return asked or tuple(sorted(known, key=lambda name: (name != "serving_default", name)))
