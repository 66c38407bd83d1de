"""The two TFX lines make the same of the same raw examples, but for versions and noise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tfx_line import OTHER

from tfx_parity.contract import TrainerPredictions
from tfx_parity.contract.examples import decode_features
from tfx_parity.contract.trainer_predictions import FOLDER_NAME, read_trainer_predictions
from tfx_parity.protos import prediction_log_pb2

if TYPE_CHECKING:
    from conftest import TrainedModel

pytestmark = [pytest.mark.tfx, pytest.mark.tensorflow]
# Made on the other line by tests/support/record_line_model.py.
THEIRS = Path(__file__).parent / "data" / f"tfx-{OTHER}" / "run" / FOLDER_NAME


@pytest.fixture(scope="module")
def folder(trained_models: Mapping[str, TrainedModel]) -> Path:
    """Return what the trainer of the same model recorded on this line."""
    return trained_models["keras 3"].run / FOLDER_NAME


@pytest.fixture(scope="module")
def mine(folder: Path) -> TrainerPredictions:
    """The same, read."""
    return read_trainer_predictions(folder)


@pytest.fixture(scope="module")
def theirs() -> TrainerPredictions:
    """Return what was recorded on the other line."""
    return read_trainer_predictions(THEIRS)


def _json(path: Path, *left_out: str) -> dict[str, Any]:
    """Return a JSON object without some of its members, which may lie deeper: `digests.x`."""
    document: dict[str, Any] = json.loads(path.read_bytes())
    for name in left_out:
        *above, last = name.split(".")
        inner = document
        for key in above:
            inner = inner[key]
        del inner[last]
    return document


def test_the_contract_is_the_same(folder: Path) -> None:
    """What clients send and what the graph makes of it; vocabularies and schema by digest."""
    noise = ("versions", "digests.transform_graph", "digests.parity_sample")
    path = "serving_contract.json"

    assert _json(THEIRS / path, *noise) == _json(folder / path, *noise)


def test_the_same_examples_are_drawn_in_the_same_order(
    mine: TrainerPredictions, theirs: TrainerPredictions
) -> None:
    """However each line's protobuf orders an example's features."""
    mine_sent, theirs_sent = (
        [_log(log).request.inputs["examples"].string_val[0] for log in each.logs]
        for each in (mine, theirs)
    )

    assert 420 == len(mine_sent)
    assert theirs_sent == mine_sent


def test_the_transformed_records_are_the_same(
    mine: TrainerPredictions, theirs: TrainerPredictions
) -> None:
    """Beam made them, with another TensorFlow: ids exactly, numbers but for roundings."""
    rows = [
        decode_features(each.transformed, each.contract.transformed_features)
        for each in (mine, theirs)
    ]

    assert {"size_z", "colour_id", "tags_id"} < rows[0].keys() == rows[1].keys()
    for name, found in rows[0].items():
        for expected, row in zip(rows[1][name], found, strict=True):
            rtol, atol = (1e-5, 1e-6) if row.dtype.kind == "f" else (0, 0)
            np.testing.assert_allclose(row, expected, rtol=rtol, atol=atol, err_msg=name)


def test_the_trainer_answers_the_same(mine: TrainerPredictions, theirs: TrainerPredictions) -> None:
    """From weights that are the same to the last bit."""
    import tensorflow as tf

    found, expected = (
        np.concatenate(
            [tf.make_ndarray(_log(log).response.outputs["outputs"]) for log in each.logs]
        )
        for each in (mine, theirs)
    )

    assert (420, 3) == found.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert theirs.variables == mine.variables


def _log(log: bytes) -> prediction_log_pb2.PredictLog:
    return prediction_log_pb2.PredictionLog.FromString(log).predict_log


def test_the_rare_values_have_the_same_outcomes(folder: Path) -> None:
    """Answers and refusals, by TensorFlow's own words."""
    assert _json(THEIRS / "manifest.json", "sha256") == _json(folder / "manifest.json", "sha256")
