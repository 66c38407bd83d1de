"""Recorded predictions: what can be read, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary_validator.recorded import read_recorded
from tfx_parity.errors import BadInputError
from tfx_parity.protos import Example, prediction_log_pb2
from tfx_parity.serving_api.tensors import to_proto
from tfx_parity.tfrecord import write_records


def _log(
    inputs: dict[str, np.ndarray], outputs: dict[str, np.ndarray], signature: str = ""
) -> bytes:
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    for name, value in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(to_proto(value))
    for name, value in outputs.items():
        log.predict_log.response.outputs[name].CopyFrom(to_proto(value))
    return log.SerializeToString()


X = {"x": np.zeros((1, 4), np.float32)}
Y = {"y": np.ones((1, 2), np.float32)}


def _written(tmp_path: Path, *logs: bytes) -> Path:
    path = tmp_path / "predictions"
    write_records(path, logs)
    return path


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_a_tfrecord_of_prediction_logs_is_read(tmp_path: Path, zipped: bool) -> None:
    """Requests and answers come back row by row, the default signature by its name."""
    path = _written(tmp_path, _log(X, Y), _log(X, Y))
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))

    recorded = read_recorded(path)

    assert (
        recorded.count,
        recorded.signature_name,
        recorded.examples,
    ) == (2, "serving_default", None)
    assert [row.shape for row in recorded.inputs["x"]] == [(4,), (4,)]
    assert recorded.outputs["y"][1].tolist() == [1.0, 1.0]


def test_serialized_examples_are_known_as_such(tmp_path: Path) -> None:
    """A single string input holds the raw examples."""
    example = Example()
    example.features.feature["size"].float_list.value.append(3)
    raw = example.SerializeToString()
    inputs = {"examples": np.array([raw], dtype=object)}

    assert [raw] == read_recorded(_written(tmp_path, _log(inputs, Y))).examples


def test_an_example_of_which_everything_is_missing_is_one(tmp_path: Path) -> None:
    """Without its label nothing may be left of it, in either of the two ways to write nothing."""
    hollow = Example()
    hollow.features.SetInParent()
    raws = [hollow.SerializeToString(), Example().SerializeToString()]
    logs = [_log({"examples": np.array([raw], dtype=object)}, Y) for raw in raws]

    assert raws == read_recorded(_written(tmp_path, *logs)).examples


def test_texts_are_no_examples(tmp_path: Path) -> None:
    """A single string input can as well hold texts, the empty one among them."""
    logs = [_log({"text": np.array([t], dtype=object)}, Y) for t in (b"", b"word word", b"\xff")]

    assert read_recorded(_written(tmp_path, *logs)).examples is None


@pytest.mark.parametrize(
    ("logs", "text"),
    [
        ([], "found no record in"),
        ([b"\xff\xff"], "found other bytes: record 0"),
        ([prediction_log_pb2.PredictionLog().SerializeToString()], "found an empty one"),
        ([_log({"x": np.zeros((2, 4), np.float32)}, Y)], r"found 'x' of the shape \[2, 4\]"),
        ([_log({"x": np.float32(1)}, Y)], r"found 'x' of the shape \[\]"),
        ([_log(X, Y), _log(X, Y, "other")], "one signature, '', found 'other'"),
        ([_log(X, Y), _log(X, {"z": Y["y"]})], r"the same outputs .* found \['z'\]: record 1"),
        ([_log(X, {})], "predictions with outputs, found none"),
        ([_log({}, Y)], "predictions with inputs, found none"),
    ],
    ids=[
        "none",
        "bytes",
        "empty",
        "batch",
        "scalar",
        "signatures",
        "outputs",
        "no_output",
        "no_input",
    ],
)
def test_what_is_no_recorded_prediction_is_told(
    tmp_path: Path, logs: list[bytes], text: str
) -> None:
    """The error says what was expected and what was found in which record."""
    with pytest.raises(BadInputError, match=text):
        read_recorded(_written(tmp_path, *logs))


def test_a_path_with_nothing_is_told(tmp_path: Path) -> None:
    """A missing path and a folder without predictions are different errors."""
    with pytest.raises(BadInputError, match="found nothing there"):
        read_recorded(tmp_path / "missing")
    with pytest.raises(BadInputError, match="found none. Give the Trainer's model_run"):
        read_recorded(tmp_path)
