"""The preprocessing rung: transformed features in serving against those that Beam made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfx_parity.canary_validator.comparing import Compared
from tfx_parity.canary_validator.coverage_check import CoverageFindings
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.contract import ServingContract
from tfx_parity.findings import Cause, CauseCode
from tfx_parity.protos import Example

_SHOWN = 5
_VALUELESS = frozenset({"missing", "empty", "empty_string"})


def find_preprocessing_skew(
    compared: Compared, coverage: CoverageFindings, recorded: Recorded
) -> list[Cause]:
    """Return a cause where serving makes other features than Beam made.

    It is MISSING_VALUE_SKEW where every example that differs in a feature lacks a value of a raw
    feature that it depends on.

    Args:
        compared: The rung of the materialised records against `transform_features`.
        coverage: What the coverage rows showed.
        recorded: The requests.
    """
    contract = recorded.contract
    if contract is None or not (compared.is_different or coverage.features):
        return []
    differing = _differing_examples(compared)
    names = sorted(
        set(differing) | set(coverage.features),
        key=lambda name: (-len(differing.get(name, ())), name),
    )
    only_missing = all(
        _is_missing_only(name, differing.get(name, ()), coverage, recorded, contract)
        for name in names
    )
    code = CauseCode.MISSING_VALUE_SKEW if only_missing else CauseCode.PREPROCESSING_SKEW
    raw = {feature.name: feature.raw_features for feature in contract.transformed_features}
    places = [f"{name} (from {', '.join(raw[name]) or 'no raw feature'})" for name in names]
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    place = (
        f"transformed feature{'s' if len(places) > 1 else ''} {'; '.join(places[:_SHOWN])}{more}"
    )
    counts = ", ".join(f"{name} on {len(differing.get(name, ()))}" for name in names[:_SHOWN])
    detail = f"Of {compared.rung.examples} examples differ: {counts}{_coverage_words(coverage)}."
    return [Cause(code, place, compared.evidence(detail, recorded.examples))]


def _differing_examples(compared: Compared) -> dict[str, list[int]]:
    if compared.outputs is None:
        return {}
    return {
        name: [compared.indices[row] for row in np.flatnonzero(output.mismatching)]
        for name, output in compared.outputs.outputs.items()
        if output.mismatching.any()
    }


def _coverage_words(coverage: CoverageFindings) -> str:
    rows = sum(len(rows) for rows in coverage.features.values())
    return f"; and {rows} values of the coverage set" if rows else ""


def _is_missing_only(
    name: str,
    examples: Sequence[int],
    coverage: CoverageFindings,
    recorded: Recorded,
    contract: ServingContract,
) -> bool:
    raw = _raw_features(contract)[name]
    records = recorded.examples or []
    in_sample = all(_lacks_value(records[index], raw) for index in examples)
    in_coverage = all(
        outcome.feature in raw and outcome.value in _VALUELESS
        for outcome in coverage.features.get(name, ())
    )
    return in_sample and in_coverage


def _raw_features(contract: ServingContract) -> Mapping[str, tuple[str, ...]]:
    return {feature.name: feature.raw_features for feature in contract.transformed_features}


def _lacks_value(record: bytes, raw_features: Sequence[str]) -> bool:
    features = Example.FromString(record).features.feature
    for name in raw_features:
        kind = features[name].WhichOneof("kind") if name in features else None
        if kind is None or not getattr(features[name], kind).value:
            return True
    return False
