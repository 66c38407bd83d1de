"""Both fronts answer as TensorFlow Serving does: numbers, codes and texts."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import ml_dtypes
import numpy as np
import pytest

from tfx_parity.canary.backend import RunningCanary
from tfx_parity.canary.client import CanaryClient, RequestError
from tfx_parity.canary.native import NativeBackend
from tfx_parity.protos import (
    Example,
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code
from tfx_parity.serving_api.tensors import from_proto, to_proto

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

X = np.array([[1, 2, 3], [0.1, -7, 1e-7]], np.float32)
# What JSON carries into an input of each dtype; TF Serving reads no uint16, half or bfloat16.
JSON_VALUES: dict[str, Array] = {
    "float32": np.array([[1.5, 3.4e38], [1e-45, -0.0]], np.float32),
    "float64": np.array([[0.1, 1e300]]),
    "int8": np.array([[-128, 127]], np.int8),
    "uint8": np.array([[0, 255]], np.uint8),
    "int16": np.array([[-32768, 32767]], np.int16),
    "int32": np.array([[-(2**31), 2**31 - 1]], np.int32),
    "uint32": np.array([[0, 2**32 - 1]], np.uint32),
    "int64": np.array([[-(2**63), 2**63 - 1]], np.int64),
    "uint64": np.array([[0, 2**64 - 1]], np.uint64),
    "bool": np.array([[True, False]]),
    "string": np.array([["é".encode(), b'"\\\n']], object),
}


@pytest.fixture(scope="module")
def dtypes(models: Path) -> Iterator[RunningCanary]:
    """A canary whose signatures are an identity for each dtype."""
    with NativeBackend().start(models / "dtypes") as canary:
        yield canary


@pytest.fixture(scope="module")
def estimator(models: Path) -> Iterator[RunningCanary]:
    """A canary with signatures for Classify, Regress and Predict on tf.Examples."""
    with NativeBackend().start(models / "estimator") as canary:
        yield canary


def _equal(expected: Array, actual: Array) -> None:
    assert (expected.dtype, expected.shape) == (actual.dtype, actual.shape)
    assert expected.tolist() == actual.tolist()


@pytest.mark.parametrize("name", JSON_VALUES)
def test_rows_and_columns_over_rest_keep_each_dtype(dtypes: RunningCanary, name: str) -> None:
    """JSON there and back gives the same values and dtypes as gRPC."""
    value, signature = JSON_VALUES[name], f"t_{name}"
    rows = [[item.decode() for item in row] for row in value] if name == "string" else value

    _equal(value, dtypes.client.predict(signature, {"v": value})["o"])
    _equal(value, dtypes.client.predict_rows(signature, list(rows))["o"])
    _equal(value, dtypes.client.predict_columns(signature, {"v": rows})["o"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uint16", np.array([[0, 65535]], np.uint16)),
        ("half", np.array([0.1, 65504], np.float16)),
        ("bfloat16", np.array([0.1, 3e38], ml_dtypes.bfloat16)),
        ("string", np.array([b"\xff\x00", b""], object)),
        ("float32", np.float32(2.5).reshape(())),
        ("float64", np.array([np.inf, -np.inf])),
        ("int64", np.empty((0, 3), np.int64)),
    ],
    ids=["uint16", "half", "bfloat16", "bytes", "scalar", "infinite", "empty"],
)
def test_grpc_carries_what_json_cannot(dtypes: RunningCanary, name: str, value: Array) -> None:
    """Every dtype and shape comes back from an identity over gRPC."""
    _equal(value, dtypes.client.predict(f"t_{name}", {"v": value})["o"])


def test_bytes_go_over_rest_as_base64(dtypes: RunningCanary, affine: RunningCanary) -> None:
    """Bytes are sent as {"b64": ...}, and an output whose name ends in _bytes comes back so."""
    sent = dtypes.client.predict_rows("t_string", [b"\x00\xff", b"a"])
    answered = affine.client.predict_rows("serving_default", X[:1].tolist())

    assert sent["o"].tolist() == [b"\x00\xff", b"a"]
    assert answered["text_bytes"].tolist() == [b"12.125000"]


def test_nan_and_infinity_go_over_rest(dtypes: RunningCanary) -> None:
    """TF Serving reads and writes them as bare words."""
    answer = dtypes.client.predict_rows("t_float32", [float("nan"), float("inf"), -1e39])

    np.testing.assert_array_equal(np.array([np.nan, np.inf, -np.inf], np.float32), answer["o"])


def _channel(canary: RunningCanary) -> grpc.Channel:
    return grpc.insecure_channel(canary.grpc_address)


def _http(canary: RunningCanary, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    connection = http.client.HTTPConnection(canary.rest_address, timeout=30)
    try:
        connection.request(method, path, body or None)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_stock_stubs_and_plain_http_get_equal_numbers(affine: RunningCanary) -> None:
    """TensorFlow Serving's own gRPC stubs, curl-like HTTP and our client agree to the bit."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = affine.model_name
    request.inputs["x"].CopyFrom(to_proto(X))
    with _channel(affine) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        response = stub.Predict(request, timeout=30)
    body = json.dumps({"instances": X.tolist()}).encode()
    status, answer = _http(affine, "POST", f"/v1/models/{affine.model_name}:predict", body)

    ours = affine.client.predict("serving_default", {"x": X})["y"]
    spec = response.model_spec

    assert (affine.model_name, "serving_default", 1) == (
        spec.name,
        spec.signature_name,
        spec.version.value,
    )
    assert not response.outputs["y"].tensor_content
    _equal(ours, from_proto(response.outputs["y"]))
    assert status == 200
    _equal(ours, np.array([row["y"] for row in answer["predictions"]], np.float32))


@pytest.mark.parametrize(
    ("signature", "inputs", "code", "text"),
    [
        ("nope", {"x": X}, Code.FAILED_PRECONDITION, 'Serving signature key "nope" not found.'),
        (
            "serving_default",
            {},
            Code.INVALID_ARGUMENT,
            "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. "
            "Missing but required: {x}.",
        ),
        (
            "serving_default",
            {"x": X.astype(np.float64)},
            Code.INVALID_ARGUMENT,
            "Expects arg[0] to be float but double is provided",
        ),
    ],
    ids=["signature", "count", "dtype"],
)
def test_grpc_refuses_with_tf_servings_code_and_text(
    affine: RunningCanary, signature: str, inputs: dict[str, Array], code: Code, text: str
) -> None:
    """A refusal over gRPC."""
    with pytest.raises(RequestError) as raised:
        affine.client.predict(signature, inputs)

    assert (code, text) == (raised.value.code, raised.value.message)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("POST", "canary:predict", "", 400, "JSON Parse error: The document is empty"),
        ("POST", "canary:predict", "{}", 400, "Missing 'inputs' or 'instances' key"),
        ("POST", "other:predict", '{"instances": [1]}', 404,
         "Servable not found for request: Latest(other)"),
        ("POST", "canary/versions/7:predict", '{"instances": [1]}', 404,
         "Servable not found for request: Specific(canary, 7)"),
        ("POST", "canary/labels/new:predict", '{"instances": [1]}', 400,
         "Unrecognized servable version label: new"),
        ("POST", "canary:explain", "{}", 400,
         "Malformed request: POST /v1/models/canary:explain"),
        ("GET", "canary:predict", "", 400, "Malformed request: GET /v1/models/canary:predict"),
        ("GET", "other", "", 404, "Could not find any versions of model other"),
        ("GET", "canary/versions/7", "", 404, "Could not find version 7 of model canary"),
    ],
    ids=["empty", "no key", "model", "version", "label", "verb", "method", "status of model",
         "status of version"],
)  # fmt: skip
def test_rest_refuses_with_tf_servings_status_and_text(
    affine: RunningCanary, method: str, path: str, body: str, status: int, text: str
) -> None:
    """A refusal over REST."""
    found, answer = _http(affine, method, f"/v1/models/{path}", body.encode())

    assert (status, {"error": text}) == (found, answer)


def test_classify_asks_for_a_classifier(affine: RunningCanary) -> None:
    """A signature that takes no tf.Examples cannot classify."""
    body = b'{"examples": [{"x": 1.0}]}'
    status, answer = _http(affine, "POST", "/v1/models/canary:classify", body)

    assert status == 400
    assert answer["error"].startswith("No classification inputs found in SignatureDef")


def test_a_refusal_over_rest_reaches_the_client(affine: RunningCanary) -> None:
    """The client tells code and text of a refused REST request."""
    with pytest.raises(RequestError, match="is not of expected type: float") as raised:
        affine.client.predict_rows("serving_default", [[1, "2", 3]])

    assert raised.value.code == Code.INVALID_ARGUMENT


def test_status_and_metadata_over_rest(affine: RunningCanary) -> None:
    """GET answers with the version's state and with the signatures, the init op among them."""
    status = _http(affine, "GET", "/v1/models/canary")
    metadata = _http(affine, "GET", "/v1/models/canary/versions/1/metadata")

    version = {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    assert (200, {"model_version_status": [version]}) == status
    assert metadata[0] == 200
    assert {"serving_default", "__saved_model_init_op"} < set(
        metadata[1]["metadata"]["signature_def"]["signature_def"]
    )


def test_model_service_refuses_other_models(affine: RunningCanary) -> None:
    """GetModelStatus of what is not served."""
    with _channel(affine) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        told = []
        for spec in (model_pb2.ModelSpec(name="other"), None):
            request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
            with pytest.raises(grpc.RpcError) as raised:
                stub.GetModelStatus(request, timeout=30)
            told.append((raised.value.code(), raised.value.details()))

    assert told == [
        (grpc.StatusCode.NOT_FOUND, "Could not find any versions of model other"),
        (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"),
    ]


def test_metadata_must_name_a_field(affine: RunningCanary) -> None:
    """GetModelMetadata without a field is refused."""
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = affine.model_name
    with _channel(affine) as channel, pytest.raises(grpc.RpcError) as raised:
        prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(
            request, timeout=30
        )

    text = "GetModelMetadataRequest must specify at least one metadata_field"
    assert text == raised.value.details()


def test_a_long_text_is_cut_over_grpc_alone(dtypes: RunningCanary) -> None:
    """Over gRPC a text is cut after 1,024 bytes, over REST it is not."""
    name = "n" * 2000
    with pytest.raises(RequestError) as raised:
        dtypes.client.predict(name, {})
    body = json.dumps({"signature_name": name, "instances": [1]}).encode()
    _, answer = _http(dtypes, "POST", "/v1/models/canary:predict", body)

    expected = f'Serving signature key "{name}" not found.'
    assert expected[:1024] + "...TRUNCATED" == raised.value.message
    assert f'Serving signature name: "{name}" not found in signature def' == answer["error"]


def _examples(*rows: tuple[float, float]) -> input_pb2.Input:
    request = input_pb2.Input()
    for row in rows:
        example = request.example_list.examples.add()
        example.features.feature["x"].float_list.value.extend(row)
    return request


def test_classify_regress_and_multi_inference(estimator: RunningCanary) -> None:
    """The three services over tf.Examples give the graph's numbers."""
    asked = _examples((0.5, 0.25), (1, 0))
    classify = model_pb2.ModelSpec(name="canary", signature_name="classify")
    regress = model_pb2.ModelSpec(name="canary", signature_name="regress")
    both = inference_pb2.MultiInferenceRequest(input=asked)
    both.tasks.add(model_spec=classify, method_name="tensorflow/serving/classify")
    both.tasks.add(model_spec=regress, method_name="tensorflow/serving/regress")
    with _channel(estimator) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        classes = stub.Classify(
            classification_pb2.ClassificationRequest(model_spec=classify, input=asked), timeout=30
        )
        values = stub.Regress(
            regression_pb2.RegressionRequest(model_spec=regress, input=asked), timeout=30
        )
        results = stub.MultiInference(both, timeout=30).results

    found = [
        [(item.label, item.score) for item in row.classes] for row in classes.result.classifications
    ]
    assert found == [
        [("a", 0.5), ("b", 0.25), ("c", 0.5), ("d", 0.75)],
        [("a", 1.0), ("b", 0.0), ("c", 0.0), ("d", 1.0)],
    ]
    assert [item.value for item in values.result.regressions] == [0.75, 1.0]
    assert [classes.result, values.result] == [
        results[0].classification_result,
        results[1].regression_result,
    ]


def test_classify_and_regress_over_rest(estimator: RunningCanary) -> None:
    """JSON examples become tf.Examples."""
    body = {"signature_name": "classify", "examples": [{"x": [0.5, 0.25]}]}
    classes = _http(estimator, "POST", "/v1/models/canary:classify", json.dumps(body).encode())
    body["signature_name"] = "regress"
    values = _http(estimator, "POST", "/v1/models/canary:regress", json.dumps(body).encode())

    assert classes == (200, {"results": [[["a", 0.5], ["b", 0.25], ["c", 0.5], ["d", 0.75]]]})
    assert values == (200, {"results": [0.75]})


def test_serialized_examples_go_over_rest_as_bytes(estimator: RunningCanary) -> None:
    """`{"b64": ...}` rows reach a signature of serialized tf.Examples."""
    example = Example()
    example.features.feature["x"].float_list.value.extend([0.5, 0.25])
    answer = estimator.client.predict_rows("serving_default", [example.SerializeToString()])

    assert answer["scores"].tolist() == [[0.5, 0.25, 0.5, 0.75]]


def test_many_threads_over_both_fronts_get_their_own_answers(affine: RunningCanary) -> None:
    """Concurrent requests over gRPC and REST do not mix."""

    def ask(number: int) -> bool:
        row = np.array([[number, 0, 0]], np.float32)
        if number % 2:
            answer = affine.client.predict("serving_default", {"x": row})
        else:
            answer = affine.client.predict_rows("serving_default", row.tolist())
        return [[number + 0.125, -2 * number - 0.5]] == answer["y"].tolist()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(200)))


def test_large_messages_pass(dtypes: RunningCanary) -> None:
    """The limit of gRPC's own, 4 MB, holds in neither direction."""
    value = np.arange(3_000_000, dtype=np.int64)

    _equal(value, dtypes.client.predict("t_int64", {"v": value})["o"])


def test_the_servers_work_on_a_request_ends_at_the_clients_deadline(models: Path) -> None:
    """A deadline passes into the session: the server is free afterwards."""
    with NativeBackend(request_deadline_s=0.5).start(models / "affine") as canary:
        for _ in range(12):  # more than there are threads
            with pytest.raises(RequestError) as raised:
                canary.client.predict("spin", {"turns": np.array(10**15)})
            assert raised.value.code == Code.DEADLINE_EXCEEDED

        assert canary.client.predict("spin", {"turns": np.array(2)})["turns"] == 2


def test_only_the_loopback_is_bound(affine: RunningCanary) -> None:
    """Another address of this machine does not answer."""
    for address in (affine.grpc_address, affine.rest_address):
        host, port = address.split(":")
        assert host == "127.0.0.1"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", int(port)), timeout=5)


def test_what_is_not_http_does_not_stop_the_front(affine: RunningCanary) -> None:
    """Garbage, a half request and an early close leave the front answering."""
    host, port = affine.rest_address.split(":")
    half = b"POST /v1/models/canary:predict HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"
    for data in (b"\x00\xff\r\n\r\n", half, b""):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(data)

    assert "y" in affine.client.predict_rows("serving_default", X.tolist())


def test_a_body_that_is_too_large_is_refused(affine: RunningCanary) -> None:
    """A body over the bound is refused as soon as it is over it."""
    host, port = affine.rest_address.split(":")
    head = (
        b"POST /v1/models/canary:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 400000000\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head)
        chunk = b" " * (1 << 20)
        try:
            for _ in range(400):
                connection.sendall(chunk)
        except (ConnectionResetError, BrokenPipeError):
            pass
        answer = connection.recv(1 << 16)

    assert b" 429 " in answer.partition(b"\r\n")[0]


def test_an_address_where_nothing_listens_is_an_unavailable_request() -> None:
    """A server that is not ours to watch is told as unavailable."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with CanaryClient(
            grpc_address=address, rest_address=address, model_name="m", deadline_s=5
        ) as client:
            for ask in (client.status, client.signature_defs):
                with pytest.raises(RequestError) as raised:
                    ask()
                assert raised.value.code == Code.UNAVAILABLE
