"""The server as a command in the foreground: `tfx-parity serve` runs the same."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.client import CanaryClient
from tfx_parity.canary.server import serve_main

pytestmark = pytest.mark.native


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _server(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tfx_parity.canary.server", *arguments],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def _run(*arguments: str) -> tuple[int, str]:
    with _server(*arguments) as process:
        _, told = process.communicate(timeout=120)
        return process.returncode, told


@pytest.mark.tensorflow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_latest_version_until_it_is_told_to_end(
    models: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """It says where it listens, answers for the highest version, and ends with exit code 0."""
    (tmp_path / "2").symlink_to(models / "dtypes" / "1")
    (tmp_path / "10").symlink_to(models / "affine" / "1")
    ports = _free_port(), _free_port()
    with _server(
        f"--model_base_path={tmp_path}",
        "--model_name=m",
        f"--port={ports[0]}",
        f"--rest_api_port={ports[1]}",
    ) as process:
        assert process.stderr is not None
        told = ""
        while "REST" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        with CanaryClient(
            grpc_address=f"127.0.0.1:{ports[0]}",
            rest_address=f"127.0.0.1:{ports[1]}",
            model_name="m",
        ) as client:
            versions = [found.version for found in client.status()]
            rows = client.predict_rows("serving_default", np.ones((1, 3)).tolist())
        process.send_signal(number)

        assert process.wait(30) == 0

    assert versions == [10]
    assert rows["y"].tolist() == [[4.625, -1.25]]
    assert re.search(rf"Running gRPC ModelServer at 127.0.0.1:{ports[0]}", told)


@pytest.mark.tensorflow
def test_a_rest_request_ends_at_the_servers_timeout(models: Path) -> None:
    """What takes longer than --rest_api_timeout_in_ms is answered with 504."""
    port = _free_port()
    with _server(
        f"--saved_model_path={models / 'affine' / '1'}",
        "--port=0",
        f"--rest_api_port={port}",
        "--rest_api_timeout_in_ms=300",
    ) as process:
        assert process.stderr is not None
        while "REST" not in process.stderr.readline():
            assert process.poll() is None
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body = '{"signature_name": "spin", "inputs": 1000000000000000}'
        connection.request("POST", "/v1/models/default:predict", body)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()

    assert (response.status, answer) == (504, {"error": "Timed out waiting for notification"})


@pytest.mark.parametrize("flag", ["port", "rest_api_port"])
def test_a_port_in_use_is_bad_input(tmp_path: Path, flag: str) -> None:
    """It is told at once, with the flag to change: exit code 2."""
    (tmp_path / "1").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, told = _run(
            f"--model_base_path={tmp_path}", f"--{'port' if flag != 'port' else 'rest_api_port'}=0",
            f"--{flag}={port}",
        )  # fmt: skip

    assert code == 2
    assert f"port {port}" in told
    assert f"--{flag}" in told


def test_a_model_that_cannot_be_loaded_ends_it_with_one(tmp_path: Path) -> None:
    """TensorFlow's text in TF Serving's words: exit code 1."""
    (tmp_path / "1").mkdir()
    code, told = _run(f"--model_base_path={tmp_path}", f"--port={_free_port()}")

    assert code == 1
    assert "Failed to start server. Error: NOT_FOUND: Could not find SavedModel .pb" in told


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--nonsense"], "found '--nonsense'"),
        (["--model_base_path=relative"], "absolute path"),
        (["--model_base_path=/nothing/there"], "no folder at /nothing/there"),
    ],
    ids=["flag", "relative path", "no folder"],
)
def test_bad_input_ends_it_with_two(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    """What cannot be used is told before anything is loaded."""
    assert serve_main(arguments) == 2
    assert text in capsys.readouterr().err


def test_a_session_config_that_is_none_is_bad_input(tmp_path: Path) -> None:
    """The file is named."""
    (tmp_path / "1").mkdir()
    config = tmp_path / "config.pbtxt"
    config.write_text("nonsense: 1")
    code, told = _run(
        f"--model_base_path={tmp_path}",
        f"--port={_free_port()}",
        f"--tensorflow_session_config_file={config}",
    )

    assert code == 2
    assert f"Invalid protobuf file: '{config}'" in told


def test_help_is_quick_and_needs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Usage is told without TensorFlow."""
    started = time.perf_counter()

    assert serve_main(["--help"]) == 0
    assert "--model_base_path" in capsys.readouterr().out
    assert time.perf_counter() - started < 0.5


def test_a_wrong_flag_does_not_load_tensorflow_or_grpc() -> None:
    """Flags are read before anything heavy is imported."""
    code = (
        "import sys; from tfx_parity.canary.server import serve_main; serve_main(['--x']); "
        "sys.exit(bool({'numpy', 'grpc', 'aiohttp', 'tensorflow'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
