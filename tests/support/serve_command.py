"""`tfx-parity serve` as a command of its own, and TensorFlow Serving's public stubs to ask it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from tfx_parity.protos import DataType, predict_pb2, prediction_service_pb2_grpc

TIMEOUT_S = 30.0
COMMAND = [sys.executable, "-c", "import sys; from tfx_parity.cli import main; sys.exit(main())"]


class Server(NamedTuple):
    """Where a server listens."""

    grpc_address: str
    rest_address: str
    socket_path: str


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_ready(address: str) -> bool:
    """Ask for a model that is not there, as TensorFlow Serving's own tests wait for a server."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "intentionally_missing_model"
    with grpc.insecure_channel(address) as channel:
        try:
            prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=5)
        except grpc.RpcError as error:
            return "Servable" in error.details()
    return False


@contextmanager
def serving(
    folder: Path,
    *flags: str,
    socket_path: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Serve with some flags until the block ends; the server must then end when it is told to.

    Args:
        folder: Where its socket is made.
        flags: The server's flags.
        socket_path: Its socket's path; one in the folder where None.
        environment: What its environment holds beyond this process's.
    """
    ports = free_port(), free_port()
    path = str(socket_path or folder / "grpc.sock")
    server = Server(f"localhost:{ports[0]}", f"localhost:{ports[1]}", path)
    process = subprocess.Popen(
        [
            *COMMAND,
            "serve",
            f"--port={ports[0]}",
            f"--rest_api_port={ports[1]}",
            "--rest_api_timeout_in_ms=5000",
            f"--grpc_socket_path={server.socket_path}",
            *flags,
        ],
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    try:
        deadline = time.monotonic() + 60
        while not is_ready(server.grpc_address):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield server
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def predict_request(model: str, output_filter: tuple[str, ...] = ()) -> predict_pb2.PredictRequest:
    """Return a request for the answer to x = 2."""
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    request.model_spec.name = model
    request.inputs["x"].dtype = DataType.DT_FLOAT
    request.inputs["x"].float_val.append(2.0)
    request.inputs["x"].tensor_shape.dim.add(size=1)
    return request


def check_predict(address: str, model: str, expected: float, version: int) -> None:
    """Hold that a model answers x = 2, with an output filter and without, and says who it is."""
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for output_filter in ((), ("y",)):
            result = stub.Predict(predict_request(model, output_filter), timeout=TIMEOUT_S)
            assert result.outputs["y"].dtype == DataType.DT_FLOAT
            assert list(result.outputs["y"].float_val) == [expected]
            spec = result.model_spec
            assert (model, "serving_default", version) == (
                spec.name,
                spec.signature_name,
                spec.version.value,
            )


def rest(server: Server, path: str, body: object = None) -> tuple[int, Any]:
    """Ask by GET, or by POST where there is a body; returns the status and what JSON came."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{server.rest_address}/v1/models/{path}", data)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
