"""A program kept as a child: `python -m tfx_parity.canary.keeper --supervised_by=PID ... -- ARGV`.

`tensorflow_model_server` does not know that it is supervised. This process stands between it and
the parent: it ends the program when the parent ends, however that came, removes what was made for
it, and ends as the program ended.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

_LOOK_EVERY_S = 0.5
_TERMINATE_S = 1.0
_PR_SET_PDEATHSIG = 1
_STANDARD_INPUT = 0
_SUPERVISED_BY = "--supervised_by="
_REMOVE = "--remove="
CANNOT_START = 127
_LIBC = ctypes.CDLL(None)


def keep(arguments: Sequence[str]) -> int:
    """Run a program until it ends, or the parent does.

    Args:
        arguments: `--supervised_by=PID`, `--remove=FOLDER` (removed at the end), `--`, and the
            program with its arguments.

    Returns:
        The program's exit code, negative for a signal.
    """
    separator = list(arguments).index("--")
    options, command = arguments[:separator], arguments[separator + 1 :]
    parent = int(next(o for o in options if o.startswith(_SUPERVISED_BY))[len(_SUPERVISED_BY) :])
    folders = [option[len(_REMOVE) :] for option in options if option.startswith(_REMOVE)]
    signal.signal(signal.SIGTERM, _end)
    try:
        return _run(command, parent)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _end(_number: int, _frame: object) -> NoReturn:
    raise SystemExit(0)


def _run(command: Sequence[str], parent: int) -> int:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            preexec_fn=_die_with_keeper,  # noqa: PLW1509 - this process has one thread
        )
    except OSError as error:
        sys.stderr.write(f"Cannot start {command[0]}: {error}\n")
        return CANNOT_START
    try:
        _wait(process, parent)
    finally:
        process.terminate()
        try:
            code = process.wait(_TERMINATE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
    return code


def _die_with_keeper() -> None:
    """Let the kernel kill the program if this process is killed; its main thread forks."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes], parent: int) -> None:
    """Return when the program has ended, or the parent is gone."""
    ended = os.pidfd_open(process.pid)
    try:
        while os.getppid() == parent:
            readable, _, _ = select.select([ended, _STANDARD_INPUT], [], [], _LOOK_EVERY_S)
            if ended in readable:
                process.wait()
                return
            if readable and not os.read(_STANDARD_INPUT, 1024):
                return
    finally:
        os.close(ended)


def _end_as(code: int) -> NoReturn:
    """End this process as the program ended, by the same signal where it was one."""
    if code < 0:
        if -code != signal.SIGKILL:  # its disposition cannot be set, and is the default
            signal.signal(-code, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program's core is the one wanted
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    _end_as(keep(sys.argv[1:]))
