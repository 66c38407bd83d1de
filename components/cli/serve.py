"""`tfx-parity serve`: the native canary by itself."""

from __future__ import annotations

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
def serve(flags: tuple[str, ...]) -> int:
    """Serve a model with tensorflow_model_server's flags."""
    from tfx_parity.canary.server import serve_main  # noqa: PLC0415 - loaded when it is asked for

    return serve_main(flags)
