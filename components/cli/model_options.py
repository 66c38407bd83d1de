"""What the commands that read a model's signatures have in common."""

from __future__ import annotations

from pathlib import Path

import click

model_argument = click.argument("model", type=click.Path(path_type=Path))
schema_option = click.option(
    "--schema",
    type=click.Path(path_type=Path),
    help="The data schema (schema.pbtxt); the model's own serving contract without it.",
)
environment_option = click.option(
    "--environment",
    default="SERVING",
    show_default=True,
    help="The schema's environment of what clients send.",
)
