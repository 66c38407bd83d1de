"""Values that were scaled before they were sent are told by the training data's statistics."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import payload_models
import pytest
from hypothesis import given
from hypothesis import strategies as st
from payload_models import ROW
from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_parity import PayloadGuard
from tfx_parity.errors import BadInputError
from tfx_parity.payloads.numeric_summary import (
    NumericSummary,
    add_example,
    preprocessed_already,
    read_training_summaries,
)
from tfx_parity.payloads.validation import ValidationOptions, validate_files


def summary(values: list[float]) -> NumericSummary:
    made = NumericSummary()
    made.add(values)
    return made


MASSES = [2_700 + 36 * i for i in range(100)]
TRAINED = {"mass": summary(MASSES)}


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_mean_and_deviation_are_those_of_the_values(values: list[float]) -> None:
    """The running summary is that of the whole list, and NaN is passed over."""
    made = summary([*values, float("nan")])

    assert len(values) == made.count
    assert statistics.fmean(values) == pytest.approx(made.mean, abs=1e-6)
    assert statistics.pstdev(values) == pytest.approx(made.deviation, abs=1e-4)
    assert (min(values), max(values)) == (made.minimum, made.maximum)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (MASSES, []),
        ([mass * 1.2 for mass in MASSES], []),
        ([(mass - 4_482) / 1_039 for mass in MASSES], ["mass"]),
        ([(mass - 2_700) / 3_600 for mass in MASSES], ["mass"]),
        ([(mass - 4_482) / 1_039 for mass in MASSES[:10]], []),
        ([mass / 1_000 for mass in MASSES], []),
        ([0.0] * 100, []),
    ],
    ids=["raw", "heavier", "z-scores", "unit interval", "too few", "kilograms", "constant"],
)
def test_scaled_values_are_told_apart_from_raw_ones(
    values: list[float], expected: list[str]
) -> None:
    """Only what lies where training's own scaling would have put it is suspect."""
    faults = preprocessed_already(TRAINED, {"mass": summary(values)})

    assert expected == [fault.input for fault in faults]


def test_examples_add_their_numbers() -> None:
    """Floats and integers count, strings do not."""
    summaries: dict[str, NumericSummary] = {}

    add_example(summaries, payload_models.example())

    assert {"bill_length_mm": 1, "body_mass_g": 1} == {n: s.count for n, s in summaries.items()}


def test_a_log_of_scaled_values_is_suspect(guard: PayloadGuard, tmp_path: Path) -> None:
    """The fault stands in the result once, for the feature as a whole."""
    stats = statistics_pb2.DatasetFeatureStatisticsList()
    feature = stats.datasets.add().features.add(name="bill_length_mm")
    feature.num_stats.common_stats.tot_num_values = 300
    feature.num_stats.mean, feature.num_stats.std_dev = 44.0, 5.5
    feature.num_stats.min, feature.num_stats.max = 32.0, 60.0
    (tmp_path / "FeatureStats.pb").write_bytes(stats.SerializeToString())
    rows = [{**ROW, "bill_length_mm": (i - 15) / 10} for i in range(30)]
    body = {"signature_name": "serve_raw", "instances": rows}
    (tmp_path / "body.json").write_text(json.dumps(body))
    options = ValidationOptions(trained=read_training_summaries(tmp_path / "FeatureStats.pb"))

    result = validate_files(guard, [tmp_path / "body.json"], options, (), lambda _: None)

    tallies = {tally.code.value: (tally.input, tally.count) for tally in result.tallies}
    assert ("bill_length_mm", 1) == tallies["ALREADY_PREPROCESSED"]


def test_statistics_that_are_none_are_bad_input(tmp_path: Path) -> None:
    """A missing file and one of something else say what was expected."""
    with pytest.raises(BadInputError, match=r"FeatureStats\.pb"):
        read_training_summaries(tmp_path / "none")
    (tmp_path / "other").write_bytes(b"\xff\xff")
    with pytest.raises(BadInputError, match=r"FeatureStats\.pb"):
        read_training_summaries(tmp_path / "other")
