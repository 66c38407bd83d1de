"""What is allowed for each feature that clients send."""

from __future__ import annotations

from dataclasses import dataclass

from tfx_parity.contract import RawFeature, ServingContract
from tfx_parity.protos import DataType

_FLOAT, _INT, _STRING = int(DataType.DT_FLOAT), int(DataType.DT_INT64), int(DataType.DT_STRING)
_OF_CONTRACT = {"float32": _FLOAT, "int64": _INT, "string": _STRING}


@dataclass(frozen=True)
class FeatureRule:
    """What is allowed for one feature of one example.

    Attributes:
        name: The feature.
        data_type: DataType of its values; None where the schema leaves it open.
        minimum: Smallest number allowed; None for no bound.
        maximum: Largest number allowed; None for no bound.
        values: Strings allowed; empty for any.
        allow_nan: Whether NaN is a value.
        allow_infinity: Whether infinity is a value.
        required: Whether every example must have it.
        min_count: Fewest values where it is there.
        max_count: Most values; None for any number.
    """

    name: str
    data_type: int | None
    minimum: float | None = None
    maximum: float | None = None
    values: frozenset[str] = frozenset()
    allow_nan: bool = False
    allow_infinity: bool = False
    required: bool = False
    min_count: int = 0
    max_count: int | None = None


@dataclass(frozen=True)
class FeatureRules:
    """The rules of all features.

    Attributes:
        by_name: The rule of each feature that clients send.
        labels: Features that clients never send.
        complete: Whether no other feature is known: a schema lists all, a contract only those that
            the transform graph reads.
    """

    by_name: dict[str, FeatureRule]
    labels: frozenset[str]
    complete: bool


NO_RULES = FeatureRules({}, frozenset(), complete=False)


def rules_of_contract(contract: ServingContract) -> FeatureRules:
    """Return the rules of a serving contract."""
    rules = {feature.name: _of_raw(feature) for feature in contract.raw_features}
    return FeatureRules(rules, frozenset(contract.label_features), complete=False)


def _of_raw(feature: RawFeature) -> FeatureRule:
    count = None
    if None not in feature.shape:
        count = 1
        for size in feature.shape:
            count *= size or 1
    return FeatureRule(
        name=feature.name,
        data_type=_OF_CONTRACT[feature.dtype],
        minimum=feature.domain.minimum,
        maximum=feature.domain.maximum,
        values=frozenset(feature.domain.values),
        required=feature.required,
        min_count=(count or 0) if feature.kind == "fixed" else 0,
        max_count=count,
    )
