"""The command `tfx-parity`."""

from tfx_parity.cli.command import main

__all__ = ["main"]
