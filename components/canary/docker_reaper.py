"""Removes a container whose starter is gone: `python -m tfx_parity.canary.docker_reaper ...`.

An engine keeps a container running after the process that asked for it was killed. This process
waits for that, removes the container, and ends; a starter that removes it itself ends this process.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence

from tfx_parity.canary.docker_api import DockerEngine

_LOOK_EVERY_S = 0.5
_STANDARD_INPUT = 0
_OPTIONS = ("--supervised_by=", "--engine=", "--container=")


def reap(arguments: Sequence[str]) -> None:
    """Wait until the parent is gone, then remove its container.

    Args:
        arguments: `--supervised_by=PID`, `--engine=URL`, `--container=NAME`, in this order.
    """
    parent, engine, container = (
        argument.removeprefix(option) for argument, option in zip(arguments, _OPTIONS, strict=True)
    )
    while os.getppid() == int(parent):
        readable, _, _ = select.select([_STANDARD_INPUT], [], [], _LOOK_EVERY_S)
        if readable and not os.read(_STANDARD_INPUT, 1024):
            break
    DockerEngine(engine).remove(container)


if __name__ == "__main__":
    reap(sys.argv[1:])
