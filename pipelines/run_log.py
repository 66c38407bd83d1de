"""The log file of a run: everything that would have cluttered the screen.

TensorFlow, Beam and their C++ write to the file descriptors 1 and 2 past Python's `sys.stdout`, so
the descriptors themselves are turned to the file. A copy of the old standard output is kept as the
screen.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO


class RunLog(NamedTuple):
    """Where a run writes while its noise is turned away.

    Attributes:
        path: The log file.
        screen: What was standard output before.
    """

    path: Path
    screen: TextIO


@contextmanager
def run_log(path: Path) -> Iterator[RunLog]:
    """Turn everything this process writes to standard output and error to a file.

    Args:
        path: The log file; made with its folders, appended to if it exists.

    Yields:
        The log, with the screen to write to meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        screen = _screen(stack)
        _turn_descriptors(path, stack)
        _turn_python_streams(stack)
        _log_with_times(stack)
        yield RunLog(path, screen)


def _screen(stack: ExitStack) -> TextIO:
    """Return a stream to where standard output goes now, whatever becomes of descriptor 1."""
    try:
        descriptor = os.dup(sys.stdout.fileno())
    except (io.UnsupportedOperation, AttributeError):
        return sys.stdout  # A stream in memory, as in click's test runner: no descriptor to lose.
    return stack.enter_context(
        open(descriptor, "w", encoding=sys.stdout.encoding, errors="replace", buffering=1)
    )


def _turn_descriptors(path: Path, stack: ExitStack) -> None:
    """Turn the descriptors 1 and 2 to the file until the stack is left."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    stack.callback(os.close, log)
    for descriptor in (1, 2):
        kept = os.dup(descriptor)
        stack.callback(os.close, kept)
        stack.callback(os.dup2, kept, descriptor)
        os.dup2(log, descriptor)


def _turn_python_streams(stack: ExitStack) -> None:
    """Let `sys.stdout` and `sys.stderr` write to descriptor 2 until the stack is left.

    The stream never closes its descriptor: log handlers that were made meanwhile keep it, and
    write to the real standard error afterwards.
    """
    noise = open(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115
    before = sys.stdout, sys.stderr
    for stream in before:
        stream.flush()

    def restore() -> None:
        noise.flush()
        sys.stdout, sys.stderr = before

    stack.callback(restore)
    sys.stdout = sys.stderr = noise


def _log_with_times(stack: ExitStack) -> None:
    """Let Python's loggers write to `sys.stderr`, with times, until the stack is left.

    TFX and TensorFlow log through absl's logger to whatever handlers the root logger has; a handler
    that was made earlier may write elsewhere, and the one that `logging` makes tells no times.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.root.addHandler(handler)
    stack.callback(logging.root.removeHandler, handler)
