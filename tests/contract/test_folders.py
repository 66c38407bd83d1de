"""The parity sample and the trainer predictions as folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.contract import (
    CoverageRow,
    Digests,
    Pair,
    ParitySample,
    ServingContract,
    TrainerPredictions,
    VariableDigest,
)
from tfx_parity.contract.parity_sample import FILES, read_sample, sample_key, write_sample
from tfx_parity.contract.trainer_predictions import (
    FOLDER_NAME,
    CoverageOutcome,
    find_trainer_predictions,
    read_trainer_predictions,
    write_trainer_predictions,
)
from tfx_parity.errors import BadInputError

SAMPLE = ParitySample(
    pairs=(Pair(b"raw", b"made"), Pair(b"", b"")),
    coverage=(
        CoverageRow("f", "missing", b"raw", None, "Feature: f is required"),
        CoverageRow("f", "empty", b"raw", b"", None),
    ),
    seed=-3,
    splits=("eval", "train"),
    available=9,
)
PREDICTIONS = TrainerPredictions(
    logs=(b"log", b""),
    transformed=(b"made", b""),
    coverage=(CoverageOutcome("f", "missing", None),),
    coverage_logs=(b"log",),
    coverage_transformed=(b"made",),
    variables=(VariableDigest("dense/kernel", "float32", (2, 3), "a", "b", "c"),),
    contract=ServingContract((), ("label",), (), {}, {}, Digests("g", "s", "p", {}), {}),
)


def test_a_sample_comes_back_and_its_digest_is_that_of_its_content(tmp_path: Path) -> None:
    """An outcome that is an error has no record, one that is an empty record has one."""
    first = write_sample(tmp_path / "a", SAMPLE)

    assert SAMPLE == read_sample(tmp_path / "a")
    assert first == write_sample(tmp_path / "b", SAMPLE)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_of_a_sample_is_told(tmp_path: Path, name: str) -> None:
    """Each file is held by the manifest's digest."""
    write_sample(tmp_path, SAMPLE)
    path = tmp_path / name
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(BadInputError, match=f"{name} with the sha256 .* was changed"):
        read_sample(tmp_path)


@given(record=st.binary(max_size=50), seed=st.integers(-(2**63), 2**63 - 1))
def test_the_key_is_of_record_and_seed(record: bytes, seed: int) -> None:
    """The same record and seed give the same key, another seed another."""
    assert sample_key(record, seed) == sample_key(record, seed)
    assert sample_key(record, seed) != sample_key(record, seed ^ 1)


def test_trainer_predictions_come_back(tmp_path: Path) -> None:
    """Every part is read as it was written, from the folder and from the model_run around it."""
    write_trainer_predictions(tmp_path / FOLDER_NAME, PREDICTIONS)

    assert PREDICTIONS == read_trainer_predictions(tmp_path / FOLDER_NAME)
    assert tmp_path / FOLDER_NAME == find_trainer_predictions(tmp_path)
    assert tmp_path / FOLDER_NAME == find_trainer_predictions(tmp_path / FOLDER_NAME)


def test_a_folder_without_its_manifest_is_none(tmp_path: Path) -> None:
    """The manifest comes last: without it the folder was never whole."""
    write_trainer_predictions(tmp_path, PREDICTIONS)
    (tmp_path / "manifest.json").unlink()

    assert find_trainer_predictions(tmp_path) is None


def test_a_lost_contract_is_told(tmp_path: Path) -> None:
    """A missing file is named."""
    write_trainer_predictions(tmp_path, PREDICTIONS)
    (tmp_path / "serving_contract.json").unlink()

    with pytest.raises(BadInputError, match=r"serving_contract\.json .* found no such file"):
        read_trainer_predictions(tmp_path)
