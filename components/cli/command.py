"""The command and its subcommands, each loaded when it is asked for: help answers at once."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence

import click

from tfx_parity.cli.exit_codes import BAD_INPUT, SERVER_UNAVAILABLE
from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.version import VERSION

_INTERRUPTED = 130
_HOMES: Mapping[str, tuple[str, str]] = {
    "check": ("tfx_parity.cli.check", "Check that a model answers what was recorded in training."),
    "kubeflow": ("tfx_parity.cli.kubeflow", "Compile, check and run a pipeline for Kubeflow."),
    "payload": ("tfx_parity.cli.payload", "Check what clients send to a model."),
    "retrain": ("tfx_parity.cli.retrain", "Retrain a served model on a span, or roll it back."),
    "run": ("tfx_parity.cli.run", "Run a pipeline on this machine."),
    "schema": ("tfx_parity.cli.schema", "Write what a client may send to a model."),
    "serve": ("tfx_parity.cli.serve", "Serve a model with the native canary."),
}


class _LazyGroup(click.Group):
    """A group that knows its subcommands' names and first lines without loading them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the subcommands' names."""
        return sorted(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a subcommand."""
        if cmd_name not in _HOMES:
            return None
        command = getattr(importlib.import_module(_HOMES[cmd_name][0]), cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the subcommands' first lines without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in sorted(_HOMES.items())])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="tfx-parity")
def cli() -> None:
    """Prove that a model answers in TensorFlow Serving what it answered in training."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code.

    Args:
        arguments: The arguments; those of the process where None.
    """
    try:
        code = cli.main(args=arguments, prog_name="tfx-parity", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = _INTERRUPTED
    except BadInputError as error:
        code = _tell(error, BAD_INPUT)
    except ServerUnavailableError as error:
        code = _tell(error, SERVER_UNAVAILABLE)
    except OSError as error:
        # A full disk, no file left, no memory: Python's own exit code would read as FAIL.
        code = _tell(error, SERVER_UNAVAILABLE)
    sys.exit(code if isinstance(code, int) else 0)


def _tell(error: Exception, code: int) -> int:
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {error}", err=True)
    return code
