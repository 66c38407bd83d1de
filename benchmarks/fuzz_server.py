"""Sends random and mutated requests to the native canary: every one must be answered by the rules.

    python benchmarks/fuzz_server.py [--requests 120000] [--wire 3000] [--seed 1] [--model FOLDER]

Most are asked in this process, of the REST application's own function over a loaded model, which is
fast; the others go over the wire to a server of its own, as HTTP and as gRPC, their framing changed
too. A crash ends the run, an answer outside the rules' form or a hang is a failure and is shown
with the seed that repeats it. By default a model with a signature for each dtype is made (that
imports TensorFlow once, in another process).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc

from tfx_parity.canary.model_configs import WantedVersion
from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary.rest_application import respond
from tfx_parity.canary.servable import Servable
from tfx_parity.canary.served_models import ServedModels
from tfx_parity.canary.session import SavedModelSession
from tfx_parity.canary.versions import find_version
from tfx_parity.protos import DataType, Example, predict_pb2
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.rest_response import format_error
from tfx_parity.serving_api.rest_urls import parse_url
from tfx_parity.serving_api.status import ServingError, http_status

GOLDEN = Path(__file__).parents[1] / "tests" / "serving_api" / "data" / "rest_golden.jsonl"
DTYPES = (
    "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "uint64", "bool", "string",
)  # fmt: skip
STATUSES = {200, 400, 404, 429, 500, 501, 503, 504}
REFUSALS = {code.name for code in grpc.StatusCode} - {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
LONGEST_ANSWER_S = 10.0
PIECES = [
    *(bytes([byte]) for byte in b'{}[]",:0123456789.eE+-NaInfity \\\x00\x01\x7f\x80\xff\xef\xbb'),
    *(b"NaN", b"-Infinity", b"null", b"true", b"1e400", b"18446744073709551616", b"9" * 400),
    *(b'{"b64": "aGk="}', b'"\\udc00"', b"[[]]", b'"x": 1,', b'"instances"', b"[" * 1200),
]  # fmt: skip
PATHS = [
    "/v1/models/m:predict", "/v1/models/m:predict", "/v1/models/m:predict", "/v1/models/m:predict",
    "/v1/models/m/versions/1:predict", "/v1/models/m/labels/a:predict",
    "/v1/models/m:classify", "/v1/models/m:regress", "/v1/models/other:predict",
]  # fmt: skip
_MAKE = f"""
import sys, tensorflow as tf
module, signatures = tf.Module(), {{}}
for name in {DTYPES}:
    function = tf.function(lambda v: {{"o": tf.identity(v)}},
                           input_signature=[tf.TensorSpec(None, getattr(tf, name), name="v")])
    setattr(module, name, function)
    signatures["t_" + name] = function
x = tf.TensorSpec([None, 4], tf.float32, name="x")
n = tf.TensorSpec([None, 1], tf.int64, name="n")
module.both = tf.function(
    lambda x, n: {{"y": x + tf.cast(n, tf.float32), "n_bytes": tf.as_string(n)}},
    input_signature=[x, n])
module.parse = tf.function(
    lambda inputs: {{"outputs": tf.io.parse_example(
        inputs, {{"x": tf.io.FixedLenFeature([1], tf.float32)}})["x"]}},
    input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
signatures |= {{"serving_default": module.both, "parse": module.parse}}
tf.saved_model.save(module, sys.argv[1], signatures=signatures)
"""


class Mutator:
    """Makes requests, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        """Prepare to make requests."""
        self.source = random.Random(seed)  # noqa: S311 - a reproducible choice, no secret
        lines = GOLDEN.read_text("utf-8").splitlines() if GOLDEN.exists() else []
        self._bodies = [json.loads(line)["body"].encode() for line in lines]

    def path(self) -> str:
        """Return a path, sometimes a broken one."""
        path = self.source.choice(PATHS)
        if self.source.random() < 0.9:  # noqa: PLR2004 - mostly good ones
            return path
        return self.changed(path.encode()).decode("latin-1").replace("\n", "").replace("\r", "")

    def body(self) -> bytes:
        """Return a body: recorded, made up, or examples; whole or changed."""
        kind = self.source.randrange(4)
        if kind == 3:  # noqa: PLR2004
            values = [self.source.randrange(100) for _ in range(self.source.randrange(1, 5))]
            name = self.source.choice(["float32", "float64", "int8", "int64", "uint64"])
            body = json.dumps({"signature_name": f"t_{name}", "instances": values}).encode()
        elif kind == 0 and self._bodies:
            body = self.source.choice(self._bodies)
        elif kind == 1:
            body = b'{"signature_name": "parse", "examples": [{"x": %d.5}, {"x": [1, "a"]}]}' % (
                self.source.randrange(99)
            )
        else:
            name = self.source.choice(
                ["serving_default", "nope", *(f"t_{name}" for name in DTYPES)]
            )
            key = self.source.choice(["instances", "inputs"])
            value = self._value(0)
            body = json.dumps({"signature_name": name, key: value}).encode()
        return body if self.source.random() < 0.3 else self.changed(body)  # noqa: PLR2004

    def _value(self, depth: int) -> object:
        kind = self.source.randrange(8 if depth < 4 else 6)  # noqa: PLR2004
        if kind >= 6:  # noqa: PLR2004
            values = [self._value(depth + 1) for _ in range(self.source.randrange(5))]
            if kind == 6:  # noqa: PLR2004
                return values
            return dict(zip(("x", "n", "b64", "v", "s"), values, strict=False))
        return (
            self.source.randrange(-5, 300),
            self.source.uniform(-1e3, 1e3),
            2 ** self.source.randrange(70),
            self.source.choice([True, None, float("nan"), 1e308]),
            "".join(chr(self.source.randrange(1, 0x250)) for _ in range(5)),
            "aGk=",
        )[kind]

    def message(self) -> bytes:
        """Return a serialized PredictRequest, whole or changed."""
        name = self.source.choice(DTYPES)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self.source.choice(["canary", "canary", "other"])
        request.model_spec.signature_name = f"t_{name}"
        tensor = request.inputs["v"]
        tensor.dtype = self.source.randrange(25)
        if self.source.random() < 0.5:  # noqa: PLR2004
            tensor.dtype = getattr(DataType, f"DT_{name.removesuffix('32').upper()}", 1)
        for _ in range(self.source.randrange(3)):
            tensor.tensor_shape.dim.add(size=self.source.randrange(-1, 4))
        tensor.float_val.extend([1.5] * self.source.randrange(4))
        tensor.int_val.extend([300] * self.source.randrange(3))
        tensor.string_val.append(Example().SerializeToString())
        data = request.SerializeToString()
        return data if self.source.random() < 0.4 else self.changed(data)  # noqa: PLR2004

    def changed(self, data: bytes) -> bytes:
        """Return bytes with some put in, taken out, doubled or turned."""
        body = bytearray(data)
        for _ in range(self.source.randint(1, 4)):
            start, end = sorted(self.source.randint(0, len(body)) for _ in range(2))
            kind = self.source.randrange(4)
            if kind == 0:
                body[start:start] = self.source.choice(PIECES)
            elif kind == 1:
                del body[start : min(end, start + 5)]
            elif kind == 2:  # noqa: PLR2004
                body[start:start] = body[start : min(end, start + 40)]
            elif body:
                body[start - 1] ^= 1 << self.source.randrange(8)
        return bytes(body)


def judge(status: int, body: bytes) -> str | None:
    """Return what is wrong with a REST answer, None if it has the rules' form."""
    if status not in STATUSES:
        return f"HTTP {status}"
    if status == 200:  # noqa: PLR2004
        return None if re.match(rb'\{\s*"(predictions|outputs|results)"', body) else "form"
    text = body.decode("utf-8", "replace").replace("\x00", "")
    try:
        return None if isinstance(json.loads(text, strict=False)["error"], str) else "error"
    except (ValueError, KeyError, TypeError):
        return "no JSON error"


def _asked_here(served: ServedModels, path: str, body: bytes) -> tuple[int, bytes]:
    try:
        return 200, respond(served, parse_url("POST", path), body, 10_000)
    except ServingError as error:
        return http_status(error.code), format_error(error.message, served.generation)


def fuzz_in_process(model: Path, requests: int, seed: int) -> Counter[int]:
    """Ask the REST application's own function; returns how often each status came.

    Raises:
        SystemExit: At the first answer that is none.
    """
    wanted = WantedVersion("m", find_version(model, "m"))
    statuses: Counter[int] = Counter()
    for part, generation in enumerate(Generation):
        made = ServedModels(
            lambda wanted, made_for=generation: Servable(
                wanted.model_name,
                wanted.version.number,
                SavedModelSession(wanted.version.path),
                made_for,
            ),
            generation,
        )
        made.serve([wanted])
        mutator = Mutator(seed + part)
        for number in range(requests // len(Generation)):
            path, body = mutator.path(), mutator.body()
            started = time.monotonic()
            status, answer = _asked_here(made, path, body)
            fault = judge(status, answer)
            if time.monotonic() - started > LONGEST_ANSWER_S:
                fault = "slow"
            if fault:
                sys.exit(
                    f"seed {seed + part} request {number}: {fault}: {path} {body!r} {answer!r}"
                )
            statuses[status] += 1
    return statuses


def _http_exchange(port: int, request: bytes, *, well_formed: bool) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=LONGEST_ANSWER_S) as connection:
        connection.sendall(request)
        if not well_formed:
            connection.shutdown(socket.SHUT_WR)  # it may announce more than it sends
        answer = b""
        try:
            while chunk := connection.recv(1 << 16):
                answer += chunk
        except ConnectionError:
            pass  # refused while it was still being sent
        return answer


def _http_requests(mutator: Mutator) -> Iterator[tuple[bool, bytes]]:
    """Yield requests, and whether their framing is as HTTP wants it."""
    while True:
        body = mutator.body()
        path = (
            mutator.source.choice(PATHS)
            .replace("/m", "/canary", 2)
            .replace("canaryodels", "models")
        )
        head = (
            f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(body)}"
        )
        whole = head.encode() + b"\r\n\r\n" + body
        broken = mutator.source.random() < 0.3  # noqa: PLR2004
        yield not broken, mutator.changed(whole) if broken else whole


def fuzz_over_the_wire(model: Path, requests: int, seed: int) -> Counter[str]:
    """Ask a server by HTTP and gRPC; returns how often each outcome came.

    Raises:
        SystemExit: At the first answer that is none, or if the server is gone.
    """
    mutator = Mutator(seed)
    outcomes: Counter[str] = Counter()
    with (
        NativeBackend().start(model) as canary,
        grpc.insecure_channel(canary.grpc_address) as channel,
    ):
        port = int(str(canary.rest_address).rpartition(":")[2])
        for well_formed, request in _limited(_http_requests(mutator), requests // 2):
            answer = _http_exchange(port, request, well_formed=well_formed)
            head, _, body = answer.partition(b"\r\n\r\n")
            status = int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.") else 0
            fault = judge(status, body) if well_formed else None
            if fault:
                sys.exit(f"seed {seed}: {fault}: {request!r} {answer!r}")
            outcomes[f"HTTP {status}"] += 1
        predict = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        for _ in range(requests - requests // 2):
            outcome = _grpc_outcome(predict, mutator.message())
            outcomes[f"gRPC {outcome}"] += 1
        canary.client.status()
    return outcomes


def _limited(requests: Iterator[tuple[bool, bytes]], count: int) -> Iterator[tuple[bool, bytes]]:
    for _, request in zip(range(count), requests, strict=False):
        yield request


def _grpc_outcome(predict: Callable[..., bytes], message: bytes) -> str:
    try:
        predict_pb2.PredictResponse.FromString(predict(message, timeout=LONGEST_ANSWER_S))
    except grpc.RpcError as error:
        name = str(error.code().name)
        # A message that is none is refused by gRPC itself, as INTERNAL or UNKNOWN.
        if name not in REFUSALS:
            sys.exit(f"{name} {error.details()}: {message!r}")
        return name
    return "OK"


def main() -> None:
    """Fuzz, and print what came."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=120_000, help="asked in this process")
    parser.add_argument("--wire", type=int, default=3_000, help="sent to a server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, help="folder of a model; by default one is made")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = flags.model
        if model is None:
            model = Path(folder) / "1"
            subprocess.run(
                [sys.executable, "-c", _MAKE, str(model)], check=True, stderr=subprocess.DEVNULL
            )
        started = time.monotonic()
        print("over the wire:", dict(fuzz_over_the_wire(model, flags.wire, flags.seed)))
        print("in process:", dict(fuzz_in_process(model, flags.requests, flags.seed)))
        print(f"{flags.requests + flags.wire} requests in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
