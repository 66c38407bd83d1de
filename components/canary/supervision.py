"""A child process that is never left behind, and whose death is told with its own last words."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import IO, cast

from tfx_parity.errors import ServerUnavailableError

_LOG_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 16
_TERMINATE_S = 2.0
_LAST_LINES = 20
# TensorFlow takes all memory of a GPU that it sees, also where a trainer or another canary is
# using it.
_ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "-1"}


class LogTail:
    """The last bytes of a stream, drained by a thread so that the writer never waits.

    A model that logs without end costs a fixed amount of memory and no file.
    """

    def __init__(self, stream: IO[bytes], limit: int = _LOG_BYTES) -> None:
        """Start to drain `stream`, keeping its last `limit` bytes."""
        self._stream = stream
        self._limit = limit
        self._kept = b""
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._drain, name="log tail", daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        with self._stream:
            while chunk := os.read(self._stream.fileno(), _CHUNK_BYTES):
                with self._lock:
                    self._kept = (self._kept + chunk)[-self._limit :]

    def join(self, timeout_s: float) -> None:
        """Wait until the stream has ended."""
        self._thread.join(timeout_s)

    def text(self, lines: int = _LAST_LINES) -> str:
        """Return the last lines; what is not UTF-8 is replaced."""
        with self._lock:
            kept = self._kept
        return "\n".join(kept.decode(errors="replace").splitlines()[-lines:])


class SupervisedProcess:
    """A Python module run as a child: `python -m MODULE ARGUMENTS`.

    The child's standard input is its lifeline (see `lifeline`), its standard output carries
    answers to this process, its standard error is the log whose tail is kept.

    Usage:
        with SupervisedProcess("tfx_parity.canary.server", arguments) as child:
            line = child.read_line(deadline=time.monotonic() + 60)
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        inherited: Sequence[int] = (),
        name: str = "",
    ) -> None:
        """Start the child.

        Args:
            module: The module to run; it gets `--supervised_by=PID` as its first argument.
            arguments: Further arguments.
            inherited: File descriptors that the child gets under the same numbers.
            name: What the child is called in messages; the module where empty.

        Raises:
            ServerUnavailableError: If no process can be started.
        """
        self._name = name or module
        # -m puts the working folder first on the path, where files of a user's would shadow
        # modules: run elsewhere, with the very path of this process.
        path = os.pathsep.join(filter(os.path.isabs, sys.path))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, f"--supervised_by={os.getpid()}", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                env=os.environ | {"PYTHONPATH": path} | _ENVIRONMENT,
                pass_fds=inherited,
                # Ctrl-C in a terminal goes to this process alone, which then ends the child.
                start_new_session=True,
            )
        except OSError as error:
            raise ServerUnavailableError(
                f"Expected to start {sys.executable} -m {module}, found: {error}."
            ) from error
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        self._log = LogTail(cast("IO[bytes]", self._process.stderr))
        self._unread = bytearray()
        self._closed = False

    def __enter__(self) -> SupervisedProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def write(self, data: bytes) -> None:
        """Write to the child's standard input.

        Raises:
            BrokenPipeError: If the child is gone.
        """
        view = memoryview(data)
        while view:
            view = view[os.write(self._stdin.fileno(), view) :]

    def read_line(self, deadline: float) -> bytes:
        """Return the next line of the child's standard output, without its end.

        Args:
            deadline: By `time.monotonic()`.

        Raises:
            TimeoutError: If none comes in time.
            EOFError: If the child closed its output, that is, ended.
        """
        searched = 0
        while (end := self._unread.find(b"\n", searched)) < 0:
            searched = len(self._unread)
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._stdout], [], [], left)[0]:
                raise TimeoutError
            chunk = os.read(self._stdout.fileno(), _CHUNK_BYTES)
            if not chunk:
                raise EOFError
            self._unread += chunk
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return line

    def exit_code(self, wait_s: float = 0.0) -> int | None:
        """Return how the child ended (negative: the signal), None if it runs after `wait_s`."""
        try:
            return self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return None

    def obituary(self, wait_s: float = 0.0) -> str | None:
        """Say how the child ended, with the last lines of its log.

        Args:
            wait_s: How long to wait for an end that has begun.

        Returns:
            One sentence and the lines, None if the child runs.
        """
        code = self.exit_code(wait_s)
        if code is None:
            return None
        self._log.join(_TERMINATE_S)
        return f"{self._name} (pid {self.pid}) {describe_exit(code)}.{self.last_words()}"

    def last_words(self) -> str:
        """Return the last lines of the log, introduced, or nothing if there are none."""
        tail = self._log.text()
        return f" Its last lines:\n{tail}" if tail else ""

    def log_tail(self, lines: int = _LAST_LINES) -> str:
        """Return the last lines of the child's standard error."""
        return self._log.text(lines)

    def close(self) -> None:
        """End the child: ask, wait, kill. Nothing is left of it afterwards."""
        if self._closed:
            return
        self._closed = True
        self._process.terminate()
        if self.exit_code(_TERMINATE_S) is None:
            self._process.kill()
            self._process.wait()
        self._stdin.close()
        self._stdout.close()
        self._log.join(_TERMINATE_S)


def describe_exit(code: int) -> str:
    """Say in words how a process ended.

    Args:
        code: As `subprocess` gives it: negative is the signal.
    """
    if code >= 0:
        return f"ended with exit code {code}"
    known = {item.value: item.name for item in signal.Signals}
    return f"was killed by signal {-code} ({known.get(-code, 'unknown')})"
