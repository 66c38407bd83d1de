"""`tfx-parity serve` as a command, asked as TensorFlow Serving's users ask it.

The models are like those of TensorFlow Serving's own tests: y = x / 2 + 2 or + 3, asked by
Predict, Classify, Regress and MultiInference, over gRPC by the public stubs and over REST.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from serve_command import TIMEOUT_S, Server, check_predict, predict_request, rest, serving

from tfx_parity.protos import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
    regression_pb2,
)

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

BATCHING = """
max_batch_size { value: 128 }
batch_timeout_micros { value: 0 }
max_enqueued_batches { value: 1000000 }
num_batch_threads { value: 8 }
"""
REGRESS, CLASSIFY = "tensorflow/serving/regress", "tensorflow/serving/classify"


@pytest.fixture(scope="module")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the model `half_plus_two`, version 123, under the name `default`."""
    folder = tmp_path_factory.mktemp("server")
    with serving(
        folder, "--model_name=default", f"--model_base_path={models / 'half_plus_two'}"
    ) as running:
        yield running


@pytest.fixture
def stub(server: Server) -> Iterator[prediction_service_pb2_grpc.PredictionServiceStub]:
    """TensorFlow Serving's own stub."""
    with grpc.insecure_channel(server.grpc_address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def test_status(server: Server) -> None:
    """The one version is available, over both APIs."""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "default"
    with grpc.insecure_channel(server.grpc_address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        [found] = stub.GetModelStatus(request, timeout=TIMEOUT_S).model_version_status

    available = {
        "version": "123",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    assert (found.version, found.state, found.status.error_code) == (123, found.AVAILABLE, 0)
    assert rest(server, "default") == (200, {"model_version_status": [available]})


def test_metadata(server: Server, stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    """Every signature, over both APIs."""
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "default"
    response = stub.GetModelMetadata(request, timeout=TIMEOUT_S)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    status, told = rest(server, "default/metadata")

    names = {"serving_default", "classify_x_to_y", "regress_x_to_y"}
    assert names <= set(signatures.signature_def)
    assert status == 200
    assert told["model_spec"] == {"name": "default", "signature_name": "", "version": "123"}
    shown = told["metadata"]["signature_def"]["signature_def"]
    assert set(shown) == set(signatures.signature_def)
    assert shown["regress_x_to_y"]["method_name"] == REGRESS
    # SignatureDef has had `defaults` since before TensorFlow 2.16, and maps are shown when empty.
    assert shown["regress_x_to_y"]["defaults"] == {}


def test_predict(server: Server) -> None:
    """With and without an output filter, over TCP by number and by name, and a UNIX socket."""
    by_name = server.grpc_address.replace("127.0.0.1", "localhost")
    for address in (server.grpc_address, by_name, f"unix:{server.socket_path}"):
        check_predict(address, "default", 3.0, 123)


def test_a_call_without_a_deadline(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    """Many clients set none."""
    result = stub.Predict(predict_request("default"))

    assert list(result.outputs["y"].float_val) == [3.0]


def test_classify(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    """Scores without classes."""
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "default"
    request.model_spec.signature_name = "classify_x_to_y"
    example = request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(2.0)
    result = stub.Classify(request, timeout=TIMEOUT_S)

    [[found]] = [list(one.classes) for one in result.result.classifications]
    assert (found.label, found.score) == ("", 3.0)
    assert (result.model_spec.signature_name, result.model_spec.version.value) == (
        "classify_x_to_y",
        123,
    )


def test_regress(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    """One value an example."""
    request = regression_pb2.RegressionRequest()
    request.model_spec.name = "default"
    request.model_spec.signature_name = "regress_x_to_y"
    for value in (2.0, 4.0):
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(value)
    result = stub.Regress(request, timeout=TIMEOUT_S)

    assert [found.value for found in result.result.regressions] == [3.0, 4.0]
    assert result.model_spec.signature_name == "regress_x_to_y"


def test_multi_inference(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    """Both at once, on the same examples."""
    request = inference_pb2.MultiInferenceRequest()
    for method, name in ((REGRESS, "regress_x_to_y"), (CLASSIFY, "classify_x_to_y")):
        task = request.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = "default", name
    example = request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(2.0)
    regressed, classified = stub.MultiInference(request, timeout=TIMEOUT_S).results

    assert regressed.regression_result.regressions[0].value == 3.0
    assert classified.classification_result.classifications[0].classes[0].score == 3.0
    assert [one.model_spec.version.value for one in (regressed, classified)] == [123, 123]


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("default:predict", {"instances": [2.0, 3.0, 4.0]}, {"predictions": [3.0, 3.5, 4.0]}),
        ("default:predict", {"instances": [{"x": 2.0}]}, {"predictions": [3.0]}),
        ("default:predict", {"inputs": [2.0, 3.0, 4.0]}, {"outputs": [3.0, 3.5, 4.0]}),
        ("default/versions/123:predict", {"inputs": {"x": [2.0]}}, {"outputs": [3.0]}),
        ("default:classify", {"signature_name": "classify_x_to_y", "examples": [{"x": 2.0}]},
         {"results": [[["", 3.0]]]}),
        ("default:regress", {"signature_name": "regress_x_to_y", "examples": [{"x": 2.0}]},
         {"results": [3.0]}),
    ],
    ids=["rows", "named rows", "columns", "version", "classify", "regress"],
)  # fmt: skip
def test_rest(server: Server, path: str, body: object, answer: object) -> None:
    """Each form of a request."""
    assert (200, answer) == rest(server, path, body)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("default/versions/7:predict", 404, "Servable not found for request: Specific(default, 7)"),
        ("none:predict", 404, "Servable not found for request: Latest(none)"),
        ("default:foo", 400, "Malformed request: POST /v1/models/default:foo"),
    ],
    ids=["version", "model", "verb"],
)
def test_rest_refusals(server: Server, path: str, status: int, text: str) -> None:
    """What is not served is told."""
    assert (status, {"error": text}) == rest(server, path, {"instances": [1.0]})


def _config(*models: tuple[str, Path]) -> str:
    entries = [
        f'config: {{ name: "{name}", base_path: "{path}", model_platform: "tensorflow" }}'
        for name, path in models
    ]
    return f"model_config_list: {{ {', '.join(entries)} }}"


@pytest.mark.parametrize("poll_s", [0, 1])
def test_a_model_config_file(models: Path, tmp_path: Path, poll_s: int) -> None:
    """Two models, one after a change of the file if it is looked at again."""
    file = tmp_path / "models.conf"
    two, three = ("two", models / "half_plus_two"), ("three", models / "half_plus_three")
    file.write_text(_config(two, three))
    with serving(
        tmp_path,
        f"--model_config_file={file}",
        f"--model_config_file_poll_wait_seconds={poll_s}",
    ) as running:
        check_predict(running.grpc_address, "two", 3.0, 123)
        check_predict(running.grpc_address, "three", 4.0, 123)
        file.write_text(_config(three))
        time.sleep(poll_s + 1)
        check_predict(running.grpc_address, "three", 4.0, 123)
        status, _ = rest(running, "two:predict", {"instances": [2.0]})

    assert status == (404 if poll_s else 200)


def test_batching(models: Path, tmp_path: Path) -> None:
    """A request by itself is answered as without batching."""
    file = tmp_path / "batching.txt"
    file.write_text(BATCHING)
    with serving(
        tmp_path,
        "--model_name=default",
        f"--model_base_path={models / 'half_plus_two'}",
        "--enable_batching",
        f"--batching_parameters_file={file}",
    ) as running:
        check_predict(running.grpc_address, "default", 3.0, 123)
        assert rest(running, "default:predict", {"instances": [2.0, 3.0]}) == (
            200,
            {"predictions": [3.0, 3.5]},
        )


@pytest.mark.parametrize(
    ("name", "body", "answer"),
    [
        ("scaled", {"instances": [2.0]}, {"predictions": [6.0]}),
        ("signatures", {"instances": [2.0], "signature_name": "half"}, {"predictions": [1.0]}),
        ("signatures", {"instances": [2.0], "signature_name": "double"}, {"predictions": [4.0]}),
    ],
    ids=["saved_model.save", "one of several signatures", "another"],
)
def test_saves_of_tensorflow_2(
    models: Path, tmp_path: Path, name: str, body: object, answer: object
) -> None:
    """A module with one signature, and with several."""
    with serving(tmp_path, "--model_name=m", f"--model_base_path={models / name}") as running:
        assert rest(running, "m:predict", body) == (200, answer)


def test_examples_asked_of_a_save_of_tensorflow_2(models: Path, tmp_path: Path) -> None:
    """Every signature has Predict's method name; Classify and Regress take them all the same."""
    base = models / "half_plus_two_tf2"
    with serving(tmp_path, "--model_name=m", f"--model_base_path={base}") as running:
        body = {"examples": [{"x": 2.0}, {"x": 4.0}]}
        classified = rest(running, "m:classify", {"signature_name": "classify_x_to_y", **body})
        regressed = rest(running, "m:regress", {"signature_name": "regress_x_to_y", **body})

    assert (200, {"results": [[["", 3.0]], [["", 4.0]]]}) == classified
    assert (200, {"results": [3.0, 4.0]}) == regressed


@pytest.mark.parametrize("name", ["keras2", "keras3_export"])
def test_keras_saves(models: Path, tmp_path: Path, name: str) -> None:
    """Rows and columns give the same numbers for models that Keras wrote."""
    with serving(tmp_path, "--model_name=m", f"--model_base_path={models / name}") as running:
        rows = rest(running, "m:predict", {"instances": [[1, 2, 3], [4, 5, 6]]})
        columns = rest(running, "m:predict", {"inputs": [[1, 2, 3], [4, 5, 6]]})

    assert (200, 200) == (rows[0], columns[0])
    assert rows[1]["predictions"] == columns[1]["outputs"]
    assert len(rows[1]["predictions"]) == 2


@pytest.mark.tfx
def test_the_client_of_tfxs_infra_validator(server: Server) -> None:
    """TFX's own client finds the model ready, its good request answered, its bad one refused."""
    from tfx.components.infra_validator import error_types
    from tfx.components.infra_validator.model_server_clients import tensorflow_serving_client

    client = tensorflow_serving_client.TensorFlowServingClient(
        server.grpc_address, model_name="default"
    )
    client.WaitUntilModelLoaded(deadline=time.time() + 30, polling_interval_sec=1)
    client.SendRequests([predict_request("default")])
    with pytest.raises(error_types.ValidationFailed):
        client.SendRequests([predict_request("default"), predict_request("other")])
