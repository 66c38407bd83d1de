"""What metrics need beside predictions: labels, weights, and what slices are made by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.contract.examples import decode_rows, without_features
from tfx_parity.contract.parity_sample import FOLDER_NAME, read_sample
from tfx_parity.errors import BadInputError
from tfx_parity.protos import Example

Features = Mapping[str, NDArray[np.generic]]
_DTYPES: Mapping[str, type] = {"bytes_list": object, "float_list": np.float32}


@dataclass(frozen=True)
class EvaluationSample:
    """The features of the examples that were asked, by the example's number.

    Attributes:
        raw: Raw features by name; a feature that an example lacks has no values.
        transformed: Transformed features by name; the label's among them.
        lacks: What is not among the features; None where all of the parity sample is.
        source: Where the features were read from.
    """

    raw: Sequence[Features]
    transformed: Sequence[Features]
    lacks: str | None
    source: str

    @property
    def raw_names(self) -> list[str]:
        """The names of all raw features, sorted."""
        return sorted({name for features in self.raw for name in features})

    @property
    def transformed_names(self) -> list[str]:
        """The names of all transformed features, sorted."""
        return sorted({name for features in self.transformed for name in features})

    def holds(self, name: str) -> bool:
        """Whether any example has a feature of this name."""
        return any(name in features for side in (self.transformed, self.raw) for features in side)

    def has_value(self, example: int, name: str) -> bool:
        """Whether an example has a value of a feature, which TFMA looks up transformed first."""
        for side in (self.transformed, self.raw):
            if name in side[example]:
                return bool(side[example][name].size)
        return False


def read_evaluation_sample(recorded: Recorded, transform_graph: Path | None) -> EvaluationSample:
    """Return the features of the recorded examples.

    Args:
        recorded: The recorded predictions: raw examples without labels, transformed records.
        transform_graph: The transform graph's folder, whose parity sample has the raw labels;
            None where there is none.

    Raises:
        BadInputError: If the parity sample is damaged, or is not the one that was recorded.
    """
    asked = recorded.examples
    lacks = None
    records = asked or [b""] * recorded.count
    if asked is None:
        lacks = "the requests hold no tf.Example, so raw features are unknown"
    elif transform_graph is None or recorded.contract is None:
        lacks = "no transform_graph was given, so labels of raw examples are unknown"
    else:
        records = _labelled(asked, recorded.contract.label_features, transform_graph)
    return EvaluationSample(
        raw=[_features(record) for record in records],
        transformed=_transformed(recorded),
        lacks=lacks,
        source=recorded.source if transform_graph is None else str(transform_graph),
    )


def _labelled(asked: Sequence[bytes], labels: Sequence[str], folder: Path) -> list[bytes]:
    """Return the parity sample's raw examples, which are the requests with their labels."""
    raw = [pair.raw for pair in read_sample(folder / FOLDER_NAME).pairs]
    if [without_features(record, labels) for record in raw] != list(asked):
        raise BadInputError(
            f"Expected the {len(asked)} recorded requests to be the parity sample in {folder} "
            f"without its labels, found a sample of {len(raw)} other examples. Wire "
            "CanaryValidator to the very TransformGraphGen that the Trainer is wired to."
        )
    return raw


def _features(record: bytes) -> Features:
    features = Example.FromString(record).features.feature
    return {name: _values(feature) for name, feature in sorted(features.items())}


def _values(feature: object) -> NDArray[np.generic]:
    kind = feature.WhichOneof("kind")  # type: ignore[attr-defined]
    if kind is None:
        return np.array([], dtype=object)
    values = getattr(feature, kind).value
    return np.array(values, dtype=_DTYPES.get(kind, np.int64))


def _transformed(recorded: Recorded) -> list[Features]:
    if recorded.contract is None or recorded.transformed is None:
        return [{} for _ in range(recorded.count)]
    columns = {
        feature.name: decode_rows(recorded.transformed, feature)
        for feature in recorded.contract.transformed_features
    }
    return [
        {name: rows[example] for name, rows in columns.items()} for example in range(recorded.count)
    ]
