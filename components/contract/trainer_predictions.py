"""Trainer predictions: what the trained model answered on the parity sample, as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from tfx_parity.contract.parity_sample import MANIFEST, check_digests
from tfx_parity.contract.serving_contract import FILE_NAME as CONTRACT_FILE
from tfx_parity.contract.serving_contract import ServingContract, read_contract
from tfx_parity.errors import BadInputError
from tfx_parity.files import canonical_json, read_json_object, sha256_of_file, write_bytes
from tfx_parity.tfrecord import read_records, write_records

FOLDER_NAME = "trainer_predictions"
PREDICTIONS = "predictions.tfrecord"
TRANSFORMED = "transformed.tfrecord"
COVERAGE = "coverage.tfrecord"
COVERAGE_TRANSFORMED = "coverage_transformed.tfrecord"
_FILES = (PREDICTIONS, TRANSFORMED, COVERAGE, COVERAGE_TRANSFORMED, CONTRACT_FILE)


@dataclass(frozen=True)
class VariableDigest:
    """A variable of the trained model, by digests: its values are not kept.

    Attributes:
        path: The variable's name as its model's author knows it.
        dtype: Its numpy dtype's name.
        shape: Its shape.
        sha256: Of its values, little-endian and in C order.
        sha256_float16: Of its values after rounding to float16 and back.
        sha256_bfloat16: Of its values after rounding to bfloat16 and back.
    """

    path: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str
    sha256_float16: str
    sha256_bfloat16: str


@dataclass(frozen=True)
class CoverageOutcome:
    """What one coverage row is about; the manifest's line for it."""

    feature: str
    value: str
    error: str | None


@dataclass(frozen=True)
class TrainerPredictions:
    """A folder of trainer predictions.

    Attributes:
        logs: Serialized `PredictionLog`s, one an example: the raw example without its label as the
            request, the trained model's answer as the response.
        transformed: The transformed record that each answer was made from.
        coverage: What each coverage row is about.
        coverage_logs: Their `PredictionLog`s; without a response where the graph raises.
        coverage_transformed: Their transformed records; empty where the graph raises.
        variables: The trained model's variables.
        contract: The serving contract that the model was trained under.
    """

    logs: tuple[bytes, ...]
    transformed: tuple[bytes, ...]
    coverage: tuple[CoverageOutcome, ...]
    coverage_logs: tuple[bytes, ...]
    coverage_transformed: tuple[bytes, ...]
    variables: tuple[VariableDigest, ...]
    contract: ServingContract


def write_trainer_predictions(folder: Path, predictions: TrainerPredictions) -> None:
    """Write trainer predictions; the manifest comes last, so a folder with one is whole."""
    write_records(folder / PREDICTIONS, predictions.logs)
    write_records(folder / TRANSFORMED, predictions.transformed)
    write_records(folder / COVERAGE, predictions.coverage_logs)
    write_records(folder / COVERAGE_TRANSFORMED, predictions.coverage_transformed)
    write_bytes(folder / CONTRACT_FILE, predictions.contract.to_json())
    manifest = {
        "count": len(predictions.logs),
        "coverage": [asdict(outcome) for outcome in predictions.coverage],
        "variables": [asdict(variable) for variable in predictions.variables],
        "sha256": {name: sha256_of_file(folder / name) for name in _FILES},
    }
    write_bytes(folder / MANIFEST, canonical_json(manifest))


def find_trainer_predictions(path: Path) -> Path | None:
    """Return the folder of trainer predictions at `path`, or in the model_run at `path`."""
    for folder in (path, path / FOLDER_NAME):
        if (folder / MANIFEST).is_file() and (folder / PREDICTIONS).is_file():
            return folder
    return None


def read_trainer_predictions(folder: Path) -> TrainerPredictions:
    """Read the folder that `write_trainer_predictions` wrote.

    Raises:
        BadInputError: If a file is missing, damaged, or not the one that the manifest names.
    """
    manifest = read_json_object(folder / MANIFEST, "a manifest of trainer predictions")
    check_digests(folder, cast("dict[str, str]", manifest["sha256"]))
    contract = read_contract(folder)
    if contract is None:
        raise BadInputError(f"Expected {CONTRACT_FILE} among the trainer predictions in {folder}.")
    return TrainerPredictions(
        logs=tuple(read_records(folder / PREDICTIONS)),
        transformed=tuple(read_records(folder / TRANSFORMED)),
        coverage=_outcomes(cast("list[dict[str, str]]", manifest["coverage"])),
        coverage_logs=tuple(read_records(folder / COVERAGE)),
        coverage_transformed=tuple(read_records(folder / COVERAGE_TRANSFORMED)),
        variables=_variables(cast("list[dict[str, object]]", manifest["variables"])),
        contract=contract,
    )


def _outcomes(values: Sequence[dict[str, str]]) -> tuple[CoverageOutcome, ...]:
    return tuple(CoverageOutcome(**value) for value in values)


def _variables(values: Sequence[dict[str, object]]) -> tuple[VariableDigest, ...]:
    return tuple(
        VariableDigest(
            path=str(value["path"]),
            dtype=str(value["dtype"]),
            shape=tuple(cast("list[int]", value["shape"])),
            sha256=str(value["sha256"]),
            sha256_float16=str(value["sha256_float16"]),
            sha256_bfloat16=str(value["sha256_bfloat16"]),
        )
        for value in values
    )
