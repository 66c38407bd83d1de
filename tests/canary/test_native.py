"""The supervised child: it starts in time, tells why it does not, and is never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.backend import ModelLoadError, RunningCanary
from tfx_parity.canary.client import CanaryDied, RequestError
from tfx_parity.canary.native import NOT_EXERCISED, NativeBackend
from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.serving_api.status import Code

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

X = np.array([[1, 2, 3]], np.float32)


def _children() -> set[int]:
    """Return the pids of this process's children, threads' children too."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def _is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _wait_until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return true()


def test_a_canary_answers_and_says_what_it_is(affine: RunningCanary) -> None:
    """The identity names the back end, its version, its digest and what it leaves out."""
    identity = affine.identity

    assert (
        identity.backend,
        identity.not_exercised,
        affine.version,
    ) == ("native", NOT_EXERCISED, 1)
    assert identity.version.startswith("TensorFlow 2.")
    assert identity.digest.startswith("sha256=")
    assert list(affine.client.status()) == [(1, "AVAILABLE", Code.OK, "")]
    assert affine.client.predict("serving_default", {"x": X})["y"].tolist() == [[11.125, 1.0]]


def test_without_the_rewriter_the_model_answers_too(models: Path) -> None:
    """The session's configuration reaches the child, and leaves no file."""
    with NativeBackend(graph_rewriter=False).start(models / "affine" / "1") as canary:
        assert canary.client.predict("serving_default", {"x": X})["y"].tolist() == [[11.125, 1.0]]


def test_without_the_rewriter_functions_are_left_alone_too(models: Path) -> None:
    """61 * (1/61) is below 1: the rewriter's answers differ, those without it are numpy's."""
    x = np.arange(100, dtype=np.float32) * 61
    answers = {}
    for rewriter in (True, False):
        with NativeBackend(graph_rewriter=rewriter).start(models / "division") as canary:
            answers[rewriter] = canary.client.predict("serving_default", {"x": x})["y"]
            assert canary.version == 1

    np.testing.assert_array_equal(np.arange(100), answers[False])
    assert np.any(answers[True] != answers[False])


def test_a_missing_asset_fails_the_load(copied: Callable[[str], Path]) -> None:
    """The model loads with its vocabulary, and is refused without it, with TensorFlow's code."""
    path = copied("vocabulary")
    strings = np.array([b"Gentoo", b"Adelie", b"Dodo"], object)
    with NativeBackend().start(path) as canary:
        ids = canary.client.predict("serving_default", {"s": strings})["id"].tolist()
    [vocabulary] = (path / "assets").iterdir()
    vocabulary.unlink()

    with pytest.raises(ModelLoadError) as raised, NativeBackend().start(path):
        pass

    assert ids[:2] == [2, 0]
    assert ids[2] in (3, 4)
    assert raised.value.code == Code.NOT_FOUND
    assert "vocabulary.txt; No such file or directory" in raised.value.message


def test_a_truncated_graph_fails_the_load(copied: Callable[[str], Path]) -> None:
    """A model that is there and damaged is the model's fault, not bad input."""
    file = copied("affine") / "saved_model.pb"
    file.write_bytes(file.read_bytes()[:-100])

    with pytest.raises(ModelLoadError) as raised, NativeBackend().start(file.parent):
        pass

    assert raised.value.code in (Code.OUT_OF_RANGE, Code.DATA_LOSS)


def test_no_model_is_bad_input(tmp_path: Path) -> None:
    """An empty folder and a missing one are refused before anything is started."""
    before = _children()
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(BadInputError), NativeBackend().start(path):
            pass

    assert before == _children()


def test_an_endless_initialisation_ends_at_the_startup_deadline(models: Path) -> None:
    """A model that hangs while it is loaded is refused in time, and its child is gone."""
    before = _children()
    started = time.monotonic()

    with (
        pytest.raises(ModelLoadError) as raised,
        NativeBackend().start(models / "endless", startup_deadline_s=20),
    ):
        pass

    assert raised.value.code == Code.DEADLINE_EXCEEDED
    assert "within 20 s" in raised.value.message
    assert time.monotonic() - started < 25
    assert before == _children()


def test_a_server_that_does_not_even_begin_is_unavailable(models: Path) -> None:
    """Before the model is touched, lateness says nothing about the model."""
    with (
        pytest.raises(ServerUnavailableError),
        NativeBackend().start(models / "affine", startup_deadline_s=0.01),
    ):
        pass


def test_an_op_without_a_kernel_fails_the_request(models: Path) -> None:
    """A py_function loads, and no request is answered."""
    with (
        NativeBackend().start(models / "python_function") as canary,
        pytest.raises(RequestError, match="No OpKernel was registered") as raised,
    ):
        canary.client.predict("serving_default", {"x": X})

    assert raised.value.code == Code.INVALID_ARGUMENT


def test_xla_compilation_is_disabled(models: Path) -> None:
    """TF Serving does not compile unless it is told to, so a model that must be compiled fails."""
    with (
        NativeBackend().start(models / "compiled") as canary,
        pytest.raises(RequestError, match="XLA compilation disabled"),
    ):
        canary.client.predict("serving_default", {"x": X})


@contextmanager
def _canary_and_pid(
    model: Path, request_deadline_s: float = 60
) -> Iterator[tuple[RunningCanary, int]]:
    before = _children()
    with NativeBackend(request_deadline_s=request_deadline_s).start(model) as canary:
        [pid] = _children() - before
        yield canary, pid


def test_a_killed_child_is_told_with_its_signal(models: Path) -> None:
    """SIGKILL in the middle of a request is told over gRPC and REST alike."""
    with _canary_and_pid(models / "affine") as (canary, pid):
        canary.client.signature_defs()
        os.kill(pid, signal.SIGKILL)

        for ask in (
            lambda: canary.client.predict("serving_default", {"x": X}),
            lambda: canary.client.predict_rows("serving_default", X.tolist()),
        ):
            with pytest.raises(CanaryDied, match=r"killed by signal 9 \(SIGKILL\)"):
                ask()


def test_a_crash_is_told_with_the_servers_last_lines(models: Path) -> None:
    """An op that aborts takes the server with it; what it printed is in the message."""
    with (
        NativeBackend().start(models / "affine") as canary,
        pytest.raises(CanaryDied, match=r"SIGABRT") as raised,
    ):
        canary.client.predict("crash", {"x": X[0]})

    assert "about to abort" in str(raised.value)


def test_a_hanging_server_is_told_apart_from_a_slow_request(models: Path) -> None:
    """A slow request is refused at its deadline; a stopped server is told as hanging."""
    with _canary_and_pid(models / "affine", request_deadline_s=1) as (canary, pid):
        with pytest.raises(RequestError) as slow:
            canary.client.predict("spin", {"turns": np.array(10**15)})
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(CanaryDied, match="runs but hangs"):
            canary.client.predict("serving_default", {"x": X})

    assert slow.value.code == Code.DEADLINE_EXCEEDED


def test_a_model_that_logs_without_end_does_not_stop_the_server(models: Path) -> None:
    """Megabytes on standard error and standard output are drained, and the tail is bounded."""
    with NativeBackend().start(models / "affine") as canary:
        canary.client.predict("chatter", {"lines": np.array(5000)})
        canary.client.predict("serving_default", {"x": X})

        assert _wait_until(lambda: "line 4999" in canary.log_tail(), 10)
        assert len(canary.log_tail()) < 1 << 17


PARENT = """
    import sys, time
    from pathlib import Path
    from tfx_parity.canary.native import NativeBackend

    with NativeBackend(graph_rewriter=False).start(Path(sys.argv[1])) as canary:
        print(canary.grpc_address, flush=True)
        {then}
"""


def _orphan(model: Path, then: str) -> tuple[subprocess.Popen[str], int]:
    """Start a process that starts a canary; return it and the canary's pid."""
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT).format(then=then), str(model)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline()
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    return parent, int(children[0])


@pytest.mark.parametrize(
    "then",
    [
        "time.sleep(600)",
        "import os; os.fork() or time.sleep(60); time.sleep(600)",
    ],
    ids=["alone", "with a fork that holds the pipe"],
)
def test_a_canary_ends_with_its_killed_parent(models: Path, then: str) -> None:
    """After SIGKILL of the parent the child is gone within two seconds, whoever holds its pipe."""
    parent, child = _orphan(models / "affine", then)
    try:
        assert _is_running(child)
        parent.kill()
        assert _wait_until(lambda: not _is_running(child), 2)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close() if parent.stdout else None


def test_a_canary_outlives_the_thread_that_started_it(models: Path) -> None:
    """A worker thread may start it and end (PR_SET_PDEATHSIG would kill it then)."""
    manager = NativeBackend().start(models / "affine")
    with ThreadPoolExecutor(1) as pool:
        canary = pool.submit(manager.__enter__).result()
    time.sleep(1)
    try:
        assert "y" in canary.client.predict("serving_default", {"x": X})
    finally:
        manager.__exit__(None, None, None)


def test_an_exception_in_the_block_ends_the_child(models: Path) -> None:
    """The child ends however the block ends."""
    before = _children()
    with pytest.raises(ZeroDivisionError), NativeBackend().start(models / "affine"):
        1 / 0  # noqa: B018 - raises

    assert before == _children()


def test_cycles_leave_nothing(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process, no open file, no temporary file is left after starts and stops."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with NativeBackend().start(models / "affine"):
        pass  # what is opened once a process is open now
    before, files = _children(), open_files()
    for number in range(6):
        with NativeBackend(graph_rewriter=number % 2 == 0).start(models / "affine") as canary:
            canary.client.status()

    assert before == _children()
    assert list(tmp_path.iterdir()) == []
    assert _wait_until(lambda: open_files() <= files + 2, 10)
