"""The server as a command in the foreground: `tfx-parity serve` runs the same."""

from __future__ import annotations

import contextlib
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
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import text_format

from tfx_parity.canary.client import CanaryClient
from tfx_parity.canary.model_server import version_of
from tfx_parity.canary.server import serve_main
from tfx_parity.protos import model_management_pb2, model_service_pb2_grpc
from tfx_parity.version import VERSION

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
        (["--nonsense"], "unknown argument: --nonsense"),
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


def test_help_needs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Usage is told without TensorFlow."""
    assert serve_main(["--help"]) == 0
    assert "--model_base_path" in capsys.readouterr().out


def test_the_version_is_told_as_tensorflow_model_server_tells_it() -> None:
    """Whoever reads the binary's version reads this one's."""
    told = subprocess.run(
        [sys.executable, "-m", "tfx_parity.canary.server", "--version"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert re.fullmatch(
        rf"TensorFlow \d+\.\d+\.\d+ \(ModelServer tfx-parity-{re.escape(VERSION)}\)",
        version_of(told),
    )


def test_a_wrong_flag_does_not_load_tensorflow_or_grpc() -> None:
    """Flags are read before anything heavy is imported."""
    code = (
        "import sys; from tfx_parity.canary.server import serve_main; serve_main(['--x']); "
        "sys.exit(bool({'numpy', 'grpc', 'aiohttp', 'tensorflow'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _wait_for(process: subprocess.Popen[str], word: str) -> str:
    """Return what the server says until it says a word."""
    assert process.stderr is not None
    told = ""
    while word not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    return told


def _get(port: int, path: str, body: object = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    data = None if body is None else json.dumps(body)
    connection.request("GET" if data is None else "POST", f"/v1/models/{path}", data)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def _model_config(*models: tuple[str, Path, str]) -> str:
    entries = [
        f'config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow" {more} }}'
        for name, base, more in models
    ]
    return f"model_config_list {{ {' '.join(entries)} }}"


@pytest.mark.tensorflow
def test_a_config_file_names_models_versions_and_labels(models: Path, tmp_path: Path) -> None:
    """URLs and gRPC reach each; a reload by request changes them."""
    file = tmp_path / "models.config"
    policy = "model_version_policy { specific { versions: 1 versions: 3 } }"
    label = 'version_labels { key: "stable" value: 1 }'
    file.write_text(
        _model_config(
            ("scaled", models / "scaled", policy + label), ("keras", models / "keras2", "")
        )
    )
    ports = _free_port(), _free_port()
    socket_path = tmp_path / "grpc.sock"
    with _server(
        f"--model_config_file={file}",
        "--allow_version_labels_for_unavailable_models=true",
        f"--port={ports[0]}",
        f"--rest_api_port={ports[1]}",
        f"--grpc_socket_path={socket_path}",
        "--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.lb_policy_name=grpclb",
        "--tensorflow_session_parallelism=1",
    ) as process:
        told = _wait_for(process, "REST")
        body = {"instances": [1.0, 2.0]}
        answers = {
            path: _get(ports[1], f"{path}:predict", body)
            for path in ("scaled", "scaled/versions/1", "scaled/labels/stable", "scaled/versions/2")
        }
        listed = _get(ports[1], "scaled")
        with grpc.insecure_channel(f"unix:{socket_path}") as channel:
            request = model_management_pb2.ReloadConfigRequest()
            text_format.Parse(_model_config(("scaled", models / "scaled", "")), request.config)
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            reloaded = stub.HandleReloadConfigRequest(request, timeout=60)
            with pytest.raises(grpc.RpcError) as refused:
                stub.HandleReloadConfigRequest(
                    model_management_pb2.ReloadConfigRequest(), timeout=60
                )
        gone = _get(ports[1], "keras:predict", {"instances": [[1, 2, 3]]})
        unlabelled = _get(ports[1], "scaled/labels/stable:predict", body)

    assert "--tensorflow_session_parallelism has no effect" in told
    assert answers == {
        "scaled": (200, {"predictions": [3.0, 6.0]}),
        "scaled/versions/1": (200, {"predictions": [1.0, 2.0]}),
        "scaled/labels/stable": (200, {"predictions": [1.0, 2.0]}),
        "scaled/versions/2": (
            404,
            {"error": "Servable not found for request: Specific(scaled, 2)"},
        ),
    }
    assert [found["version"] for found in listed[1]["model_version_status"]] == ["3", "1"]
    assert reloaded.status.error_code == 0
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert gone == (404, {"error": "Servable not found for request: Latest(keras)"})
    assert unlabelled == (400, {"error": "Unrecognized servable version label: stable"})


@pytest.mark.tensorflow
def test_a_config_file_is_read_again_where_it_is_to_be(models: Path, tmp_path: Path) -> None:
    """A changed file changes the models; one that is no config is told and changes nothing."""
    file = tmp_path / "models.config"
    file.write_text(_model_config(("first", models / "scaled", "")))
    port = _free_port()
    with _server(
        f"--model_config_file={file}",
        "--model_config_file_poll_wait_seconds=1",
        "--port=0",
        f"--rest_api_port={port}",
    ) as process:
        _wait_for(process, "REST")
        file.write_text("nonsense")
        _wait_for(process, "PollFilesystemAndReloadConfig failed")
        still = _get(port, "first:predict", {"instances": [1.0]})
        file.write_text(_model_config(("second", models / "scaled", "")))
        deadline = time.monotonic() + 30
        while (found := _get(port, "second:predict", {"instances": [1.0]}))[0] != 200:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    assert still == found == (200, {"predictions": [3.0]})


def test_a_config_file_that_is_none_is_bad_input(tmp_path: Path) -> None:
    """It is told in the words of TF Serving's parser: exit code 2."""
    file = tmp_path / "bad_model_config.txt"
    file.write_text("improperly formatted file")
    code, told = _run(f"--model_config_file={file}", f"--port={_free_port()}")

    assert code == 2
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig" in told
    assert f"Invalid protobuf file: '{file}'" in told


@pytest.mark.tensorflow
def test_batching_shows_what_production_would_say(models: Path, tmp_path: Path) -> None:
    """With --enable_batching a scalar is refused over REST; rows are answered."""
    parameters = tmp_path / "batching.txt"
    parameters.write_text("max_batch_size { value: 4 } batch_timeout_micros { value: 1000 }")
    port = _free_port()
    with _server(
        f"--model_base_path={models / 'affine'}",
        "--enable_batching",
        f"--batching_parameters_file={parameters}",
        "--port=0",
        f"--rest_api_port={port}",
    ) as process:
        _wait_for(process, "REST")
        rows = _get(port, "default:predict", {"inputs": [[1, 2, 3]] * 2})
        large = _get(port, "default:predict", {"instances": [[1, 2, 3]] * 5})
        scalar = _get(port, "default:predict", {"signature_name": "spin", "inputs": 1})

    assert (200, [[11.125, 1.0]] * 2) == (rows[0], rows[1]["outputs"]["y"])
    assert large == (
        400,
        {"error": "Task size 5 is larger than maximum input batch size 4"},
    )
    assert scalar == (
        400,
        {"error": "Batching Run() input tensors must have at least one dimension"},
    )


@pytest.mark.tensorflow
def test_a_log_on_a_full_disk_stops_nothing(models: Path) -> None:
    """It answers, and ends in order."""
    port = _free_port()
    arguments = [f"--saved_model_path={models / 'affine' / '1'}", "--port=0"]
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "tfx_parity.canary.server", *arguments,
             f"--rest_api_port={port}"],
            stderr=full,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        status = 0
        while status != 200:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
            with contextlib.suppress(ConnectionError):
                status, _ = _get(port, "default")
        process.terminate()

        assert 0 == process.wait(20)
    finally:
        process.kill()
        process.wait()


def test_batching_parameters_that_make_no_sense_are_bad_input(tmp_path: Path) -> None:
    """They are told before the model is loaded: exit code 2."""
    (tmp_path / "1").mkdir()
    parameters = tmp_path / "batching.txt"
    parameters.write_text("allowed_batch_sizes: 5")
    code, told = _run(
        f"--model_base_path={tmp_path}",
        f"--port={_free_port()}",
        "--enable_batching",
        f"--batching_parameters_file={parameters}",
    )

    assert code == 2
    assert "Last entry in allowed_batch_sizes must match max_batch_size" in told
