"""The raw features that a signature takes, against the transform graph and the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tfx_parity.contract import RawFeature, ServingContract
from tfx_parity.findings import StaticFinding
from tfx_parity.payloads.feature_rules import FeatureRules
from tfx_parity.protos import DataType, SignatureDef, TensorInfo
from tfx_parity.serving_api.dtypes import numpy_dtype, type_name
from tfx_parity.serving_api.example_parsing import ParsedFeature
from tfx_parity.serving_api.json_tensors import json_carries

_RAW_SIGNATURE = "serve_raw"
_OF_CONTRACT: Mapping[str, int] = {
    "string": int(DataType.DT_STRING),
    "float32": int(DataType.DT_FLOAT),
    "int64": int(DataType.DT_INT64),
}
# The numpy kinds of inputs that take the values of a schema's type as they are.
_TAKES = {
    int(DataType.DT_STRING): "O",
    int(DataType.DT_FLOAT): "f",
    int(DataType.DT_INT64): "iuf",
}


def against_contract(
    name: str,
    signature: SignatureDef,
    parsed: tuple[ParsedFeature, ...],
    contract: ServingContract,
) -> Iterator[StaticFinding]:
    """Yield what keeps a raw feature from being sent to the two signatures that take raw ones.

    Args:
        name: The signature's name.
        signature: The signature.
        parsed: What it parses of examples; none where it takes no examples.
        contract: The contract of the transform graph.
    """
    takes_raw = name == _RAW_SIGNATURE
    if not takes_raw and not parsed:
        return
    kinds = {feature.name: feature.data_type for feature in parsed}
    sent = {a: signature.inputs[a].dtype for a in signature.inputs} if takes_raw else kinds
    for feature in contract.raw_features:
        if feature.name not in sent:
            yield _not_sendable(name, feature, takes_raw)
            continue
        expected = _OF_CONTRACT[feature.dtype]
        if sent[feature.name] != expected:
            yield dtype_disagrees(
                name, feature.name, expected, sent[feature.name], "transform graph"
            )
        if takes_raw:
            yield from _shape_disagrees(name, feature, signature.inputs[feature.name])


def against_rules(
    name: str, signature: SignatureDef, rules: FeatureRules
) -> Iterator[StaticFinding]:
    """Yield inputs that are named as features of the schema and cannot take their values.

    Args:
        name: The signature's name.
        signature: The signature.
        rules: What the schema says of each feature.
    """
    if name == _RAW_SIGNATURE:
        return  # held against the contract, which knows more
    for alias in sorted(set(signature.inputs) & set(rules.by_name)):
        expected, kind = rules.by_name[alias].data_type, signature.inputs[alias].dtype
        if expected is None or not json_carries(kind):
            continue
        if numpy_dtype(kind).kind not in _TAKES.get(expected, ""):
            yield dtype_disagrees(name, alias, expected, kind, "schema")


def dtype_disagrees(
    name: str, feature: str, expected: int, found: int, source: str
) -> StaticFinding:
    """Return the finding of a feature that has one type here and another there.

    Args:
        name: The signature's name.
        feature: The feature.
        expected: The DataType that was expected.
        found: The signature's.
        source: Who expects it.
    """
    return StaticFinding(
        "DTYPE_DISAGREES",
        True,
        name,
        feature,
        f"{type_name(expected)}, as the {source} says",
        type_name(found),
        "Bring the schema, the feature spec and the signature to one type.",
    )


def _not_sendable(name: str, feature: RawFeature, takes_raw: bool) -> StaticFinding:
    return StaticFinding(
        "FEATURE_NOT_SENDABLE",
        True,
        name,
        feature.name,
        "every raw feature that the transform graph reads",
        "no such input" if takes_raw else "a feature that the signature does not parse",
        "Export the signature with the raw feature spec of the transform graph.",
    )


def _shape_disagrees(name: str, feature: RawFeature, info: TensorInfo) -> Iterator[StaticFinding]:
    """Yield a finding where rows of an input cannot hold the values of an example."""
    if info.tensor_shape.unknown_rank:
        return
    inner = () if feature.is_single_valued else feature.shape
    sizes = [int(dim.size) for dim in info.tensor_shape.dim][1:]
    fits = len(inner) == len(sizes) and all(
        size < 0 or expected == size for expected, size in zip(inner, sizes, strict=True)
    )
    if not fits:
        yield StaticFinding(
            "SHAPE_DISAGREES",
            True,
            name,
            feature.name,
            f"rows of shape {_shown(inner)}, as the transform graph says",
            f"rows of shape {_shown(sizes)}",
            "Export the signature with the raw feature spec of the transform graph.",
        )


def _shown(sizes: tuple[int | None, ...] | list[int]) -> str:
    return f"[{', '.join('any' if size is None or size < 0 else str(size) for size in sizes)}]"
