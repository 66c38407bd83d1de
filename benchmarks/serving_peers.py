"""The native canary beside KServe's Python model server and a bare session, in one run.

    python benchmarks/serving_peers.py [--seconds 5] [--clients 4] [--hidden 512] [--environment E]

One SavedModel, one machine: a closed loop of clients (load.py, a process of its own) asks each
server for one row and for 100 rows, over gRPC and REST. KServe runs in an environment of its own
that uv makes from kserve-requirements.txt (--environment keeps it for another run). The bare
session is the canary's own, `SavedModelSession.run`, in a loop of one thread without any server.
Then 1,000 rows of JSON are parsed, beside orjson alone. Every figure is of this machine and run.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson

from tfx_parity.canary.c_api import tensorflow_version
from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary.session import SavedModelSession
from tfx_parity.protos import DataType, SignatureDef, predict_pb2
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.rest_request import parse_predict
from tfx_parity.serving_api.tensors import to_proto

HERE = Path(__file__).parent
ROWS, WIDTH = (1, 100), 18
PARSED_ROWS, PARSES = 1_000, 31
START_S = 180.0
_MAKE = f"""
import sys
import numpy as np
import tensorflow as tf
draw = np.random.default_rng(1).normal
module = tf.Module()
hidden = int(sys.argv[2])
sizes = [({WIDTH}, hidden), (hidden, hidden), (hidden, 3)]
module.w = [tf.Variable(draw(size=size, scale=0.1).astype("float32")) for size in sizes]
def answer(x):
    for w in module.w[:-1]:
        x = tf.nn.relu(x @ w)
    return {{"y": tf.nn.softmax(x @ module.w[-1])}}
module.f = tf.function(answer, [tf.TensorSpec([None, {WIDTH}], tf.float32, name="x")])
tf.saved_model.save(module, sys.argv[1], signatures={{"serving_default": module.f}})
"""


class Server(NamedTuple):
    """Where a server listens, and what it is asked: gRPC method, REST path, messages by rows."""

    grpc_address: str
    rest_address: str
    method: str
    path: str
    messages: dict[int, Path]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--environment", type=Path, help="folder of KServe's environment")
    parser.add_argument("--hidden", type=int, default=512, help="width of the model's layers")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model" / "1"
        _quietly(sys.executable, "-c", _MAKE, str(model), str(flags.hidden))
        python = _kserve_python(flags.environment or folder / "kserve")
        print(f"TensorFlow {tensorflow_version()}, {os.cpu_count()} processors, ", end="")
        print(f"{flags.clients} clients, {flags.seconds:g} s each, layers of {flags.hidden}")
        print(f"{'':<34} {'requests/s':>10} {'p50 ms':>8} {'p99 ms':>8}")
        for rows in ROWS:
            _row(f"bare session, {rows} rows", _bare(model, rows, flags.seconds))
        for title, serving in (("canary", _canary), ("KServe", _kserve)):
            with serving(folder, model, python) as server:
                _measure(title, server, folder, flags)
    _parsing()


def _measure(title: str, server: Server, folder: Path, flags: argparse.Namespace) -> None:
    for rows in ROWS:
        body = folder / f"body.{rows}"
        body.write_bytes(orjson.dumps({"instances": [[1.0] * WIDTH] * rows}))
        asked = {
            "gRPC": ("grpc", server.grpc_address, server.method, server.messages[rows]),
            "REST": ("rest", server.rest_address, server.path, body),
        }
        for api, (kind, address, target, file) in asked.items():
            command = [sys.executable, str(HERE / "load.py"), kind, address, target, str(file)]
            command += [f"--clients={flags.clients}", f"--seconds={flags.seconds}"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            _row(f"{title}, {api}, {rows} rows", json.loads(done.stdout))


def _row(what: str, figures: dict[str, float]) -> None:
    values = (figures["per_second"], figures["p50_ms"], figures["p99_ms"])
    print("{:<34} {:>10.0f} {:>8.2f} {:>8.2f}".format(what, *values), flush=True)


def _bare(model: Path, rows: int, seconds: float) -> dict[str, float]:
    session = SavedModelSession(model)
    signature = session.meta_graph.signature_def["serving_default"]
    feeds = {signature.inputs["x"].name: np.ones((rows, WIDTH), np.float32)}
    fetches = [signature.outputs["y"].name]
    for _ in range(100):
        session.run(feeds, fetches)
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        times.append(_timed(lambda: session.run(feeds, fetches)))
    session.close()
    times.sort()
    return {
        "per_second": len(times) / seconds,
        "p50_ms": times[len(times) // 2] * 1e3,
        "p99_ms": times[int(len(times) * 0.99)] * 1e3,
    }


@contextmanager
def _canary(folder: Path, model: Path, _: Path) -> Iterator[Server]:
    with NativeBackend().start(model) as canary:
        messages = {}
        for rows in ROWS:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = canary.model_name
            request.inputs["x"].CopyFrom(to_proto(np.ones((rows, WIDTH), np.float32)))
            messages[rows] = folder / f"canary.{rows}"
            messages[rows].write_bytes(request.SerializeToString())
        yield Server(
            canary.grpc_address,
            str(canary.rest_address),
            "/tensorflow.serving.PredictionService/Predict",
            f"/v1/models/{canary.model_name}:predict",
            messages,
        )


@contextmanager
def _kserve(folder: Path, model: Path, python: Path) -> Iterator[Server]:
    http, grpc = _free_port(), _free_port()
    message = folder / "kserve"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(python), str(HERE / "kserve_model.py"), f"--saved_model={model}"]
    command += [f"--message={message}", "--rows", *map(str, ROWS)]
    command += [f"--http_port={http}", f"--grpc_port={grpc}"]
    with (folder / "kserve.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        _await(f"http://127.0.0.1:{http}/v1/models/model", process, folder / "kserve.log")
        yield Server(
            f"127.0.0.1:{grpc}",
            f"127.0.0.1:{http}",
            "/inference.GRPCInferenceService/ModelInfer",
            "/v1/models/model:predict",
            {rows: message.with_name(f"kserve.{rows}") for rows in ROWS},
        )
    finally:
        process.terminate()
        process.wait()


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own server
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"KServe did not start: {error}\n{log.read_text()}") from error
            time.sleep(0.5)


def _kserve_python(environment: Path) -> Path:
    """Return the Python of KServe's environment, making it where it is not there."""
    python = environment / "bin" / "python"
    if not python.exists():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        _quietly("uv", "venv", "--python", version, str(environment))
        requirements = str(HERE / "kserve-requirements.txt")
        _quietly("uv", "pip", "install", "--python", str(python), "-r", requirements)
    return python


def _parsing() -> None:
    """Print how long 1,000 rows of 18 named features take to become tensors, and to be read."""
    signature, rows = SignatureDef(), []
    kinds = [("float", DataType.DT_FLOAT)] * 12 + [("int", DataType.DT_INT64)] * 4
    kinds += [("string", DataType.DT_STRING)] * 2
    names = [f"{kind}_{number}" for number, (kind, _) in enumerate(kinds)]
    for name, (_, data_type) in zip(names, kinds, strict=True):
        signature.inputs[name].dtype = data_type
        signature.inputs[name].name = f"{name}:0"
    draw = np.random.default_rng(3)
    for _ in range(PARSED_ROWS):
        floats = [round(float(value), 6) for value in draw.normal(size=12)]
        values = [*floats, *draw.integers(0, 1000, 4).tolist(), "Biscoe", "Adelie"]
        rows.append({name: [v] for name, v in zip(names, values, strict=True)})
    body = orjson.dumps({"instances": rows})
    print(f"\nparsing {len(body)} bytes of JSON, {PARSED_ROWS} rows of {WIDTH} features")
    definitions = {"serving_default": signature}
    for title, parse in (
        ("orjson alone", lambda: orjson.loads(body)),
        ("to tensors, rules of 2.16", lambda: parse_predict(body, definitions, Generation.V2_16)),
        ("to tensors, rules of 2.18", lambda: parse_predict(body, definitions, Generation.V2_18)),
    ):
        times = [_timed(parse) * 1e3 for _ in range(PARSES)]
        print(f"{title:<34} {statistics.median(times):>6.2f} ms (fastest {min(times):.2f})")


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _quietly(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
