"""The pushed model, asked by TensorFlow Serving's own client stubs and over REST."""

from __future__ import annotations

import base64
import json
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary_validator.recorded import read_recorded

pytestmark = [pytest.mark.tfx, pytest.mark.tensorflow, pytest.mark.native]


def test_clients_get_the_trainers_own_numbers(penguins_demo: Path) -> None:
    """Stubs over gRPC and a plain REST request get what the trainer recorded."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    run = min((penguins_demo / "artifacts/Trainer/model_run").iterdir(), key=lambda p: int(p.name))
    recorded = read_recorded(run)
    assert recorded.examples is not None
    assert recorded.outputs is not None
    examples = recorded.examples[:20]
    expected = np.stack(recorded.outputs["outputs"][:20])
    pushed = min((penguins_demo / "serving_model").iterdir())

    with NativeBackend().start(pushed) as canary:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = canary.model_name
        request.inputs["examples"].CopyFrom(tf.make_tensor_proto(examples))
        with grpc.insecure_channel(canary.grpc_address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            answer = stub.Predict(request, timeout=30)
        over_grpc = tf.make_ndarray(answer.outputs["outputs"])
        rows = [{"b64": base64.b64encode(example).decode()} for example in examples]
        url = f"http://{canary.rest_address}/v1/models/{canary.model_name}:predict"
        body = json.dumps({"instances": rows}).encode()
        with urllib.request.urlopen(url, data=body, timeout=30) as response:
            over_rest = np.array(json.load(response)["predictions"], dtype=np.float32)

    np.testing.assert_allclose(expected, over_grpc, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(over_grpc, over_rest)
