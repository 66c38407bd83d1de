"""The rows of payloads as examples."""

from __future__ import annotations

import base64
import json

import numpy as np
import payload_models
import pytest
from payload_models import ROW, example

from tfx_parity.payloads.payload_examples import payload_examples
from tfx_parity.payloads.payload_files import Form
from tfx_parity.payloads.served_model import ServedModel, read_served_model
from tfx_parity.protos import Example, prediction_log_pb2
from tfx_parity.serving_api.tensors import to_proto


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    """Return a model with a signature for each of the methods."""
    graph = payload_models.meta_graph()
    made = graph.signature_def["classify"]
    made.inputs["inputs"].CopyFrom(graph.signature_def["serving_default"].inputs["examples"])
    made.outputs["scores"].CopyFrom(graph.signature_def["serving_default"].outputs["outputs"])
    folder = tmp_path_factory.mktemp("served") / "1"
    return read_served_model(payload_models.write_model(folder, graph))


def body(**document: object) -> bytes:
    return json.dumps(document).encode("utf-8")


def log() -> bytes:
    made = prediction_log_pb2.PredictionLog()
    made.predict_log.request.model_spec.name = "penguins"
    records = np.array([example()], object)
    made.predict_log.request.inputs["examples"].CopyFrom(to_proto(records))
    return made.SerializeToString()


ENCODED = {"b64": base64.b64encode(example()).decode()}
COLUMNS = {name: [value] for name, value in ROW.items()}


@pytest.mark.parametrize(
    ("form", "payload"),
    [
        (Form.EXAMPLE, example()),
        (Form.PREDICTION_LOG, log()),
        (Form.REST_BODY, body(instances=[ENCODED])),
        (Form.REST_BODY, body(signature_name="serve_raw", instances=[ROW])),
        (Form.JSON_LINES, body(signature_name="serve_raw", inputs=COLUMNS)),
        (Form.REST_BODY, body(signature_name="classify", examples=[ROW])),
    ],
)
def test_every_form_is_the_same_example(served: ServedModel, form: Form, payload: bytes) -> None:
    """What reaches the model is one row, however it was sent."""
    (record,) = payload_examples(served, form, payload)

    expected = Example.FromString(example())
    assert expected == Example.FromString(record)


def test_marks_of_missing_values_leave_the_feature_out(served: ServedModel) -> None:
    """NaN, the empty text and the smallest integer are no values."""
    row = {"bill_length_mm": float("nan"), "body_mass_g": -(2**63), "island": "Dream", "sex": ""}

    (record,) = payload_examples(
        served, Form.REST_BODY, body(signature_name="serve_raw", instances=[row])
    )

    features = Example.FromString(record).features.feature
    found = {name: list(feature.bytes_list.value) for name, feature in features.items()}
    assert {"island": [b"Dream"]} == {name: values for name, values in found.items() if values}
    assert all(not f.float_list.value and not f.int64_list.value for f in features.values())


@pytest.mark.parametrize(
    "payload",
    [
        body(signature_name="serve_raw", instances=[{**ROW, "sex": None}]),
        body(signature_name="classify", examples=[{**ROW, "sex": None}]),
        body(signature_name="serve_raw", examples=[ROW]),
        body(instances=[{"b64": "/w=="}]),
        b"{",
    ],
)
def test_what_is_refused_reaches_no_model(served: ServedModel, payload: bytes) -> None:
    """The server answers an error, and the model sees no row."""
    assert [] == list(payload_examples(served, Form.REST_BODY, payload))
