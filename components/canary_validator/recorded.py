"""Recorded predictions: what was asked, and what the trainer answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfx_parity.contract import ServingContract, VariableDigest
from tfx_parity.contract.trainer_predictions import (
    CoverageOutcome,
    find_trainer_predictions,
    read_trainer_predictions,
)
from tfx_parity.errors import BadInputError
from tfx_parity.prediction_logs.records import is_example, read_prediction
from tfx_parity.tfrecord import read_records

DEFAULT_SIGNATURE = "serving_default"
Rows = Mapping[str, list[NDArray[np.generic]]]


@dataclass(frozen=True)
class RecordedCoverage:
    """A coverage row with what is expected of it.

    Attributes:
        outcome: Which feature holds which rare value, and the error expected, if any.
        raw: The serialized raw example.
        transformed: The transformed record; None where the graph is expected to raise.
        outputs: The trainer's answer by output name, without a batch dimension; empty likewise.
    """

    outcome: CoverageOutcome
    raw: bytes
    transformed: bytes | None
    outputs: Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Recorded:
    """Recorded predictions, one row an example, and what was recorded beside them.

    Attributes:
        signature_name: The signature that the requests name.
        inputs: By input name, one array an example, without a batch dimension.
        outputs: The trainer's answers likewise; None where there are requests only.
        transformed: The transformed record of each example; None where none were recorded.
        coverage: Coverage rows; empty where none were recorded.
        variables: Digests of the trained model's variables; empty where none were recorded.
        contract: The contract that the model was trained under; None where none was recorded.
        source: Where all this was read from.
    """

    signature_name: str
    inputs: Rows
    outputs: Rows | None
    transformed: tuple[bytes, ...] | None
    coverage: tuple[RecordedCoverage, ...]
    variables: tuple[VariableDigest, ...]
    contract: ServingContract | None
    source: str

    @property
    def count(self) -> int:
        """How many examples there are."""
        return len(next(iter(self.inputs.values())))

    @cached_property
    def examples(self) -> list[bytes] | None:
        """The serialized raw examples, None where the requests hold something else."""
        if len(self.inputs) != 1:
            return None
        (rows,) = self.inputs.values()
        if any(row.dtype != object or row.shape != () for row in rows):
            return None
        records: list[bytes] = [row.item() for row in rows]
        return records if all(map(is_example, records)) else None


def read_recorded(path: Path) -> Recorded:
    """Read recorded predictions.

    Args:
        path: What `record_predictions` wrote (its folder, or the model_run that holds it), or a
            TFRecord file of `PredictionLog`, plain or gzip, one example a record.

    Raises:
        BadInputError: If there is nothing of the kind, or it cannot be read.
    """
    if not path.exists():
        raise BadInputError(f"Expected recorded predictions at {path}, found nothing there.")
    folder = find_trainer_predictions(path)
    if folder is not None:
        return _from_folder(folder)
    if path.is_dir():
        raise BadInputError(
            f"Expected trainer predictions in {path}, found none. Give the Trainer's model_run, "
            "what record_predictions wrote, or a TFRecord file of PredictionLog."
        )
    return from_logs(list(read_records(path)), str(path))


def _from_folder(folder: Path) -> Recorded:
    found = read_trainer_predictions(folder)
    recorded = from_logs(found.logs, str(folder))
    return Recorded(
        signature_name=recorded.signature_name,
        inputs=recorded.inputs,
        outputs=recorded.outputs,
        transformed=found.transformed,
        coverage=tuple(
            _coverage(outcome, log, transformed, f"coverage row {row} of {folder}")
            for row, (outcome, log, transformed) in enumerate(
                zip(found.coverage, found.coverage_logs, found.coverage_transformed, strict=True)
            )
        ),
        variables=found.variables,
        contract=found.contract,
        source=str(folder),
    )


def _coverage(
    outcome: CoverageOutcome, log: bytes, transformed: bytes, where: str
) -> RecordedCoverage:
    prediction = read_prediction(log, where)
    (raw,) = prediction.inputs.values()
    return RecordedCoverage(
        outcome=outcome,
        raw=raw.item(),
        transformed=None if outcome.error is not None else transformed,
        outputs=prediction.outputs,
    )


def from_logs(logs: Sequence[bytes], source: str) -> Recorded:
    """Return the recorded predictions of serialized `PredictionLog`s.

    Args:
        logs: One example each.
        source: Where they came from, for the errors' texts.

    Raises:
        BadInputError: If there are none, or one is no prediction of one example, or they name
            different signatures, inputs or outputs.
    """
    if not logs:
        raise BadInputError(
            f"Expected at least one recorded prediction, found no record in {source}. "
            "A check of nothing proves nothing."
        )
    first = read_prediction(logs[0], f"record 0 of {source}")
    inputs: dict[str, list[NDArray[np.generic]]] = {name: [] for name in first.inputs}
    outputs: dict[str, list[NDArray[np.generic]]] = {name: [] for name in first.outputs}
    signature = first.signature_name
    for row, log in enumerate(logs):
        where = f"record {row} of {source}"
        found = read_prediction(log, where)
        if found.signature_name != signature:
            raise BadInputError(
                f"Expected one signature, {signature!r}, found {found.signature_name!r}: {where}."
            )
        _append(inputs, found.inputs, "inputs", where)
        _append(outputs, found.outputs, "outputs", where)
    if not inputs or not outputs:
        lacks = "inputs" if not inputs else "outputs"
        raise BadInputError(f"Expected recorded predictions with {lacks}, found none in {source}.")
    return Recorded(
        signature_name=signature or DEFAULT_SIGNATURE,
        inputs=inputs,
        outputs=outputs,
        transformed=None,
        coverage=(),
        variables=(),
        contract=None,
        source=source,
    )


def _append(
    rows: dict[str, list[NDArray[np.generic]]],
    values: Mapping[str, NDArray[np.generic]],
    what: str,
    where: str,
) -> None:
    if set(values) != set(rows):
        raise BadInputError(
            f"Expected the same {what} in every record, {sorted(rows)}, found {sorted(values)}: "
            f"{where}."
        )
    for name, value in values.items():
        rows[name].append(value)
