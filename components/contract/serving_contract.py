"""The serving contract: what a model's clients send, and what its transform graph makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import orjson

from tfx_parity.contract.features import (
    RawFeature,
    TransformedFeature,
    raw_feature_from_json,
    transformed_feature_from_json,
)
from tfx_parity.errors import BadInputError
from tfx_parity.files import canonical_json

FILE_NAME = "serving_contract.json"
FORMAT = 1


@dataclass(frozen=True)
class Digests:
    """What tells one run of a transform graph from another (hexadecimal sha256).

    Attributes:
        transform_graph: Of the transform graph's files as this run wrote them: equal digests mean
            the same graph of the same examples; another run, or TensorFlow, may write other bytes.
        schema: Of the data schema's text.
        parity_sample: Of the parity sample's files.
        vocabularies: Of each vocabulary asset, by file name.
    """

    transform_graph: str
    schema: str
    parity_sample: str
    vocabularies: Mapping[str, str]


@dataclass(frozen=True)
class ServingContract:
    """What training and serving have agreed on.

    Attributes:
        raw_features: What clients send and the transform graph reads, sorted by name.
        label_features: Raw features of training alone; clients never send them.
        transformed_features: What the transform graph makes, sorted by name.
        signatures: Signatures that an exported model offers, with what each is for.
        missing_values: How a missing value is written, by payload form.
        digests: Digests of the run that wrote this.
        versions: Versions of the libraries that took part.
    """

    raw_features: tuple[RawFeature, ...]
    label_features: tuple[str, ...]
    transformed_features: tuple[TransformedFeature, ...]
    signatures: Mapping[str, str]
    missing_values: Mapping[str, str]
    digests: Digests
    versions: Mapping[str, str]

    @property
    def serving_features(self) -> tuple[TransformedFeature, ...]:
        """The transformed features that can be made without a label."""
        labels = set(self.label_features)
        return tuple(f for f in self.transformed_features if not labels & set(f.raw_features))

    def to_json(self) -> bytes:
        """Return the contract as canonical JSON: the same contract gives the same bytes."""
        return canonical_json({"format": FORMAT, **asdict(self)})

    @staticmethod
    def from_json(data: bytes, where: str) -> ServingContract:
        """Return the contract that `data` holds.

        Args:
            data: What `to_json` wrote.
            where: Where it came from, for the error's text.

        Raises:
            BadInputError: If it is no serving contract of this format.
        """
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise BadInputError(
                f"Expected a serving contract, found invalid JSON in {where}: {error}."
            ) from error
        return _from_value(value, where)


def _from_value(value: object, where: str) -> ServingContract:
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise BadInputError(
            f"Expected a serving contract of format {FORMAT} in {where}, found "
            f"{value.get('format') if isinstance(value, dict) else type(value).__name__!r}. "
            "Run TransformGraphGen again with this version of tfx-parity."
        )
    try:
        return ServingContract(
            raw_features=tuple(raw_feature_from_json(f) for f in value["raw_features"]),
            label_features=tuple(value["label_features"]),
            transformed_features=tuple(
                transformed_feature_from_json(f) for f in value["transformed_features"]
            ),
            signatures=cast("dict[str, str]", value["signatures"]),
            missing_values=cast("dict[str, str]", value["missing_values"]),
            digests=Digests(**value["digests"]),
            versions=cast("dict[str, str]", value["versions"]),
        )
    except (KeyError, TypeError) as error:
        raise BadInputError(
            f"Expected a whole serving contract in {where}, found one without {error}."
        ) from error


def read_contract(folder: Path) -> ServingContract | None:
    """Return the serving contract of a folder, None where it holds none.

    Raises:
        BadInputError: If the file is there and is no serving contract.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    return ServingContract.from_json(path.read_bytes(), str(path))
