"""The back end `binary`, with a stand-in for the stock binary: a real process, its flags, its end.

The stock `tensorflow_model_server` itself is not run here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from model_server_stand_in import write_stand_in

from tfx_parity.canary.backend import ModelLoadError
from tfx_parity.canary.binary import BinaryBackend, find_program
from tfx_parity.canary.client import CanaryDied
from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.serving_api.status import Code

pytestmark = pytest.mark.system

X = np.array([[1, 2, 3]], np.float32)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return a stand-in for the binary."""
    return write_stand_in(tmp_path / "tensorflow_model_server", "2.16.1")


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold that neither a process of ours nor a temporary folder outlives a test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert [] == list(folder.iterdir())
    assert [] == _processes_with(str(tmp_path))


def _processes_with(text: str) -> list[str]:
    """Return the command lines of running processes that name something."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended while we looked
            continue
        if text in command:
            found.append(command)
    return found


def _script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{textwrap.dedent(body)}", encoding="utf-8")
    path.chmod(0o755)
    return path


_TELLS_VERSION = '[ "$1" = --version ] && echo "TensorFlow ModelServer: 2.16.1" && exit 0\n'


@pytest.mark.native
@pytest.mark.tensorflow
def test_the_binary_is_started_asked_and_ended(models: Path, program: Path) -> None:
    """Over gRPC and REST the model answers; the report gets the binary's version and digest."""
    with BinaryBackend(program).start(models / "affine") as canary:
        over_grpc = canary.client.predict("serving_default", {"x": X})["y"].tolist()
        over_rest = canary.client.predict_rows("serving_default", [[1, 2, 3]])["y"].tolist()

    assert over_grpc == over_rest == [[11.125, 1.0]]
    assert canary.identity.backend == "binary"
    assert canary.identity.version == "TensorFlow 2.16.1 (ModelServer 0.0.0+dev.sha.0123456)"
    assert canary.identity.digest.startswith("sha256=")
    assert canary.version == 1


@pytest.mark.native
@pytest.mark.tensorflow
def test_its_flags_keep_it_from_trying_a_broken_model_again(models: Path, program: Path) -> None:
    """Load retries and polls for other versions are off; further flags are passed on."""
    backend = BinaryBackend(program, flags=("--rest_api_timeout_in_ms=5000",))

    with backend.start(models / "affine" / "1"):
        started = Path(f"{program}.argv").read_text().splitlines()[-1].split()

    names = [flag.split("=")[0] for flag in started]
    assert names[:4] == ["--port", "--rest_api_port", "--model_name", "--model_base_path"]
    assert started[4:] == [
        "--max_num_load_retries=0",
        "--file_system_poll_wait_seconds=0",
        "--rest_api_timeout_in_ms=5000",
    ]


@pytest.mark.native
@pytest.mark.tensorflow
def test_a_model_that_it_cannot_load_is_told_with_its_own_words(
    copied: Callable[[str], Path], program: Path
) -> None:
    """The code and the text are those behind "did not become available", on the model's path."""
    path = copied("vocabulary")
    [vocabulary] = (path / "assets").iterdir()
    vocabulary.unlink()

    with pytest.raises(ModelLoadError) as raised, BinaryBackend(program).start(path):
        pass

    assert raised.value.code == Code.NOT_FOUND
    assert f"{path}/assets/vocabulary.txt; No such file" in raised.value.message
    assert "did not become available" not in raised.value.message


@pytest.mark.native
@pytest.mark.tensorflow
def test_a_model_that_never_loads_is_the_models_fault(models: Path, program: Path) -> None:
    """It had begun to load when the deadline passed."""
    with (
        pytest.raises(ModelLoadError) as raised,
        BinaryBackend(program).start(models / "endless", startup_deadline_s=15),
    ):
        pass

    assert raised.value.code == Code.DEADLINE_EXCEEDED
    assert "Reading SavedModel" in raised.value.log_tail


@pytest.mark.native
@pytest.mark.tensorflow
def test_its_death_under_a_request_is_told_with_its_signal(models: Path, program: Path) -> None:
    """The keeper ends as the binary ended, so the signal is known."""
    died = pytest.raises(CanaryDied, match="tensorflow_model_server .* signal 6 .SIGABRT")

    with BinaryBackend(program).start(models / "affine") as canary, died:
        canary.client.predict("crash", {"x": X[0]})


@pytest.mark.native
@pytest.mark.tensorflow
def test_it_ends_with_a_parent_that_is_killed(models: Path, program: Path, tmp_path: Path) -> None:
    """After SIGKILL to the parent neither the keeper, the binary nor its folder is left."""
    code = textwrap.dedent(f"""
        import sys, tempfile, time
        from pathlib import Path
        from tfx_parity.canary.binary import BinaryBackend
        tempfile.tempdir = {str(tmp_path / "temporary")!r}
        with BinaryBackend(Path({str(program)!r})).start(Path({str(models / "affine")!r})):
            print("ready", flush=True)
            time.sleep(60)
    """)
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert b"ready\n" == parent.stdout.readline()

    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30

    def left() -> list[object]:
        return [*(tmp_path / "temporary").iterdir(), *_processes_with(str(tmp_path))]

    while left() and time.monotonic() < deadline:
        time.sleep(0.05)

    assert [] == left()


@pytest.fixture
def saved_model(tmp_path: Path) -> Path:
    """Return what looks like a SavedModel to whoever does not load it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"")
    return folder


def test_no_binary_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved_model: Path
) -> None:
    """Neither a binary on the PATH nor one named: an error, never a verdict."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TENSORFLOW_MODEL_SERVER", raising=False)

    with (
        pytest.raises(ServerUnavailableError, match="none on the PATH. .*COPY --from="),
        BinaryBackend().start(saved_model),
    ):
        pass


def test_the_environment_names_the_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable comes before the PATH, and one that names nothing is told."""
    on_path = _script(tmp_path / "tensorflow_model_server", _TELLS_VERSION)
    named = _script(tmp_path / "named", _TELLS_VERSION)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("TENSORFLOW_MODEL_SERVER", raising=False)

    assert on_path == find_program()
    monkeypatch.setenv("TENSORFLOW_MODEL_SERVER", str(named))
    assert named == find_program()
    monkeypatch.setenv("TENSORFLOW_MODEL_SERVER", "/nowhere/server")
    with pytest.raises(ServerUnavailableError, match="names '/nowhere/server', which is no prog"):
        find_program()


def test_no_model_is_bad_input(tmp_path: Path, program: Path) -> None:
    """Nothing is started for a path that holds no model."""
    with pytest.raises(BadInputError, match="found no folder"):
        BinaryBackend(program).start(tmp_path / "nothing").__enter__()

    assert not Path(f"{program}.argv").exists()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("echo 'cannot open shared object' >&2; exit 127", "exit code 127.*cannot open shared"),
        ("kill -9 $$", "killed by signal 9 .SIGKILL"),
        (
            "echo 'Failed to start server. Error: INVALID_ARGUMENT: Failed to BuildAndStart gRPC "
            "server' >&2; exit 1",
            "Failed to BuildAndStart gRPC server",
        ),
    ],
)
def test_an_end_that_is_not_the_models_is_no_verdict(
    tmp_path: Path, saved_model: Path, body: str, expected: str
) -> None:
    """A binary that ends before it has read the model says nothing about the model."""
    program = _script(tmp_path / "server", _TELLS_VERSION + body)

    with pytest.raises(ServerUnavailableError, match=f"(?s)tensorflow_model_server.*{expected}"):
        BinaryBackend(program).start(saved_model, startup_deadline_s=20).__enter__()


def test_a_crash_while_the_model_is_read_is_the_models(tmp_path: Path, saved_model: Path) -> None:
    """A segmentation fault after the binary began to load is a failed load."""
    body = "echo 'reader.cc:31] Reading SavedModel from: /m/1' >&2; kill -SEGV $$"
    program = _script(tmp_path / "server", _TELLS_VERSION + body)

    with pytest.raises(ModelLoadError, match="INTERNAL.*signal 11 .SIGSEGV"):
        BinaryBackend(program).start(saved_model, startup_deadline_s=20).__enter__()


def test_a_binary_that_never_answers_is_told_within_the_deadline(
    tmp_path: Path, saved_model: Path
) -> None:
    """It is ended, and what it logged is told."""
    program = _script(tmp_path / "server", _TELLS_VERSION + "echo starting >&2; exec sleep 60")
    started = time.monotonic()

    with pytest.raises(ServerUnavailableError, match="(?s)within 2 s, found no answer.*starting"):
        BinaryBackend(program).start(saved_model, startup_deadline_s=2).__enter__()

    assert time.monotonic() - started < 15


def test_a_binary_that_does_not_tell_its_version_is_not_used(
    tmp_path: Path, saved_model: Path
) -> None:
    """What cannot run for `--version` cannot serve: its own words are told."""
    program = _script(tmp_path / "server", "echo 'wrong ELF class' >&2; exit 126")

    with pytest.raises(ServerUnavailableError, match="exit code 126: wrong ELF class"):
        BinaryBackend(program).start(saved_model).__enter__()
