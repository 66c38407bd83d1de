"""A `:predict` body that a model takes, to start from."""

from __future__ import annotations

import base64

from tfx_parity.errors import BadInputError
from tfx_parity.payloads.feature_rules import FeatureRule, FeatureRules
from tfx_parity.payloads.served_model import ServedModel
from tfx_parity.protos import DataType, Example, TensorInfo
from tfx_parity.serving_api.dtypes import numpy_dtype, type_name
from tfx_parity.serving_api.example_parsing import ParsedFeature
from tfx_parity.serving_api.json_tensors import json_carries

_UNKNOWN_TEXT = "text"
_FIELDS = {
    int(DataType.DT_STRING): "bytes_list",
    int(DataType.DT_FLOAT): "float_list",
    int(DataType.DT_INT64): "int64_list",
}


def sample_body(model: ServedModel, rules: FeatureRules, signature_name: str) -> dict[str, object]:
    """Return a body with one row, as a JSON object.

    Args:
        model: The model.
        rules: What is allowed for each feature; values are taken from there.
        signature_name: The signature to ask for.

    Raises:
        BadInputError: If an input cannot be sent over REST.
    """
    signature = model.signature_defs[signature_name]
    infos = {alias: signature.inputs[alias] for alias in sorted(signature.inputs)}
    example_input = model.example_input(signature_name)
    if example_input is not None:
        record = sample_example(model.parsed[signature_name], rules)
        text = base64.b64encode(record).decode("ascii")
        return {"signature_name": signature_name, "instances": [{"b64": text}]}
    values = {alias: _value(alias, info, rules) for alias, info in infos.items()}
    if any(not info.tensor_shape.dim for info in infos.values()):
        columns = {a: _nested(values[a], i, skipped=0) for a, i in infos.items()}
        return {"signature_name": signature_name, "inputs": columns}
    row = {a: _nested(values[a], i, skipped=1) for a, i in infos.items()}
    rows = max(int(info.tensor_shape.dim[0].size) for info in infos.values())
    return {"signature_name": signature_name, "instances": [row] * max(1, rows)}


def sample_example(parsed: tuple[ParsedFeature, ...], rules: FeatureRules) -> bytes:
    """Return a serialized `tf.Example` that a graph parses.

    Args:
        parsed: What the graph parses.
        rules: What is allowed for each feature; features of the schema alone are there too.
    """
    example = Example()
    kinds = {name: rule.data_type for name, rule in rules.by_name.items() if rule.required}
    kinds |= {feature.name: feature.data_type for feature in parsed}
    shapes = {feature.name: feature.shape for feature in parsed}
    for name, kind in sorted(kinds.items()):
        if kind not in _FIELDS:
            continue
        rule = rules.by_name.get(name, FeatureRule(name, kind))
        count = max(1, rule.min_count)
        for size in shapes.get(name) or ():
            count = count if size is None else max(count, size)
        value = _allowed(rule, kind)
        encoded = value.encode("utf-8") if isinstance(value, str) else value
        getattr(example.features.feature[name], _FIELDS[kind]).value.extend([encoded] * count)
    return example.SerializeToString(deterministic=True)


def _value(alias: str, info: TensorInfo, rules: FeatureRules) -> object:
    if not json_carries(info.dtype):
        raise BadInputError(
            f"Expected inputs that JSON carries, found {alias!r} of type {type_name(info.dtype)}. "
            "Ask for this signature over gRPC."
        )
    return _allowed(rules.by_name.get(alias, FeatureRule(alias, info.dtype)), info.dtype)


def _allowed(rule: FeatureRule, kind: int) -> object:
    """Return a value that a rule allows: of numbers the middle of the range."""
    if kind == DataType.DT_STRING:
        return min(rule.values, default=_UNKNOWN_TEXT)
    if kind == DataType.DT_BOOL:
        return True
    bounds = [bound for bound in (rule.minimum, rule.maximum) if bound is not None]
    middle = sum(bounds) / len(bounds) if bounds else 1.0
    return float(middle) if numpy_dtype(kind).kind == "f" else int(middle)


def _nested(value: object, info: TensorInfo, skipped: int) -> object:
    for dim in reversed(list(info.tensor_shape.dim)[skipped:]):
        value = [value] * max(1, int(dim.size))
    return value
