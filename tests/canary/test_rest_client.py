"""The REST client, asked for answers that a broken server could give."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from tfx_parity.canary.rest_client import Refusal, RestClient
from tfx_parity.protos import DataType, TensorInfo
from tfx_parity.serving_api.status import Code

pytestmark = pytest.mark.system


@contextmanager
def _server(predictions: object) -> Iterator[Callable[[int], object]]:
    """Yield what asks a server that gives one answer, for an output of a type."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps({"predictions": predictions}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = RestClient(f"127.0.0.1:{server.server_address[1]}", "m", deadline_s=10)

        def ask(data_type: int) -> object:
            outputs = {"y": TensorInfo(dtype=data_type)}
            return client.predict("serving_default", "instances", [1, 2], outputs)

        yield ask
        server.shutdown()


def test_rows_get_the_outputs_dtype() -> None:
    """Up to the largest number that it holds."""
    with _server([7, 255]) as ask:
        answer = ask(DataType.DT_UINT8)

    assert isinstance(answer, dict)
    assert (np.uint8, [7, 255]) == (answer["y"].dtype, answer["y"].tolist())


@pytest.mark.parametrize(
    ("predictions", "data_type"),
    [
        pytest.param([7, 256], DataType.DT_UINT8, id="too large"),
        pytest.param([-1, 0], DataType.DT_UINT64, id="negative"),
        pytest.param([0, 2**63], DataType.DT_INT64, id="beyond 64 bits"),
        pytest.param([[1], [2, 3]], DataType.DT_INT32, id="ragged"),
        pytest.param(["a", "b"], DataType.DT_FLOAT, id="texts"),
    ],
)
def test_what_the_output_cannot_hold_is_no_answer(predictions: object, data_type: int) -> None:
    """Neither wrapped, as NumPy 1 does, nor an exception, as NumPy 2 raises."""
    with _server(predictions) as ask:
        answer = ask(data_type)

    assert isinstance(answer, Refusal)
    assert Code.DATA_LOSS is answer.code
    assert "Expected ['y'] in the answer over REST, found: " in answer.message
