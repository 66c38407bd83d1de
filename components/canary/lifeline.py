"""A child's side of supervision: it ends when its parent ends, however that came.

Standard input is a pipe whose other end the parent alone holds; the kernel closes it even after
SIGKILL. (PR_SET_PDEATHSIG follows the thread that forked, not the process, and kills a child
started in a worker thread too early.) A process that the parent forked without exec can hold a
copy of that end, so the child also looks whether it still has the same parent.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable

_LOOK_EVERY_S = 0.5
_STANDARD_INPUT = 0
_STANDARD_OUTPUT = 1
_STANDARD_ERROR = 2
ORPHANED_EXIT_CODE = 70  # EX_SOFTWARE; nobody is left to read it


def end_with_parent(parent: int) -> None:
    """Start a thread that ends this process, at once, when its parent is gone.

    Args:
        parent: The parent's pid.
    """
    threading.Thread(target=_watch, args=(parent,), name="lifeline", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        readable, _, _ = select.select([_STANDARD_INPUT], [], [], _LOOK_EVERY_S)
        if readable and not os.read(_STANDARD_INPUT, 1024):
            break
    os._exit(ORPHANED_EXIT_CODE)


def private_standard_output() -> Callable[[bytes], None]:
    """Return how to write a line to the parent, and send all other output to standard error.

    An op of the model (`tf.print`) may write to standard output; it must not be read as a report.
    """
    sys.stdout.flush()
    channel = os.fdopen(os.dup(_STANDARD_OUTPUT), "wb")
    os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)

    def write_line(line: bytes) -> None:
        channel.write(line + b"\n")
        channel.flush()

    return write_line
