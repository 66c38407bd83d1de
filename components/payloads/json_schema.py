"""JSON Schema 2020-12 of the `:predict` bodies that reach a model unchanged and unsuspected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from tfx_parity.payloads.feature_rules import FeatureRule, FeatureRules
from tfx_parity.payloads.served_model import ServedModel
from tfx_parity.protos import DataType, SignatureDef, TensorInfo
from tfx_parity.serving_api.dtypes import numpy_dtype, type_name
from tfx_parity.serving_api.json_tensors import json_carries
from tfx_parity.serving_api.predict import DEFAULT_SIGNATURE

Schema: TypeAlias = "dict[str, object] | bool"

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# What a valid body may still do wrong, because JSON Schema has no words for it.
UNSAID = (
    "JSON Schema cannot say, and TensorFlow Serving does: an integer with a decimal point or an "
    "exponent (1.0) is refused; rows whose lists differ in length are refused; of a name that is "
    "there twice the first is taken. It takes, and changes: an integer beyond 2**24 that a float "
    "does not hold, a double of more than 15 digits, a number too near to zero for its type. What "
    "a serialized tf.Example holds is not looked at here."
)
_RAW_SIGNATURE = "serve_raw"
# The halfway point between the largest float and the next power of two: from there on, infinity.
_FLOAT_OVERFLOW = float(2**128 - 2**103)
_SPACE = "[ \\t\\n\\v\\f\\r]*"
_SIGN = f"[A-Za-z0-9+/]{_SPACE}"
_PAD = f"[=.]{_SPACE}"
_BASE64 = (
    f"^{_SPACE}(?:(?:{_SIGN}){{4}})*"
    f"(?:(?:{_SIGN}){{2}}(?:(?:{_PAD}){{2}})?|(?:{_SIGN}){{3}}(?:{_PAD})?)?$"
)


def body_schema(
    model: ServedModel, rules: FeatureRules, signatures: tuple[str, ...] = ()
) -> dict[str, object]:
    """Return the schema of the bodies of a model's `:predict` requests.

    Args:
        model: The model.
        rules: What is allowed for each feature.
        signatures: The signatures to describe; all of them where empty.
    """
    names = signatures or tuple(model.signature_defs)
    marks = model.contract is not None
    return {
        "$schema": DIALECT,
        "title": "Body of a POST to /v1/models/NAME:predict",
        "description": UNSAID,
        "anyOf": [
            signature_schema(
                name,
                model.signature_defs[name],
                rules,
                marks_missing=marks and name == _RAW_SIGNATURE,
            )
            for name in names
        ],
    }


def signature_schema(
    name: str, signature: SignatureDef, rules: FeatureRules, *, marks_missing: bool
) -> dict[str, object]:
    """Return the schema of the bodies that ask for one signature.

    Args:
        name: The signature's name.
        signature: The signature.
        rules: What is allowed for each feature.
        marks_missing: Whether values stand for missing ones, as in `serve_raw`.
    """
    is_default = name == DEFAULT_SIGNATURE
    inputs = {alias: signature.inputs[alias] for alias in sorted(signature.inputs)}
    values = {
        alias: _element(info, rules.by_name.get(alias), marks_missing=marks_missing)
        for alias, info in inputs.items()
    }
    return {
        "title": name,
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "signature_name": {"enum": [name, ""] if is_default else [name]},
            "instances": _instances(inputs, values),
            "inputs": _columns(inputs, values),
        },
        "required": [] if is_default else ["signature_name"],
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
    }


def _instances(inputs: Mapping[str, TensorInfo], values: Mapping[str, Schema]) -> Schema:
    if any(not i.tensor_shape.unknown_rank and not i.tensor_shape.dim for i in inputs.values()):
        return False  # a row adds a dimension: a scalar has none to give
    rows = {alias: _nested(inputs[alias], values[alias], skipped=1) for alias in inputs}
    row = _object(rows)
    if len(rows) == 1:
        row = {"anyOf": [*rows.values(), row]}
    schema: dict[str, object] = {"type": "array", "minItems": 1, "items": row}
    fixed = {
        int(info.tensor_shape.dim[0].size)
        for info in inputs.values()
        if info.tensor_shape.dim and info.tensor_shape.dim[0].size >= 0
    }
    if fixed:
        schema |= {"minItems": max(fixed), "maxItems": min(fixed)}
    return schema


def _columns(inputs: Mapping[str, TensorInfo], values: Mapping[str, Schema]) -> Schema:
    columns = {alias: _nested(inputs[alias], values[alias], skipped=0) for alias in inputs}
    if len(columns) == 1:
        return {"anyOf": [*columns.values(), _object(columns)]}
    return _object(columns)


def _object(members: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": dict(members),
        "required": sorted(members),
        "additionalProperties": False,
    }


def _nested(info: TensorInfo, element: Schema, skipped: int) -> Schema:
    """Return the schema of a tensor's lists, without its first `skipped` dimensions."""
    if info.tensor_shape.unknown_rank:
        return True
    schema = element
    sizes = [int(dim.size) for dim in info.tensor_shape.dim][skipped:]
    for level, size in enumerate(reversed(sizes)):
        array: dict[str, object] = {"type": "array", "items": schema}
        if size >= 0:
            array |= {"minItems": size, "maxItems": size}
        elif level:
            array["minItems"] = 1  # an empty list hides the dimensions within it
        schema = array
    return schema


def _element(info: TensorInfo, rule: FeatureRule | None, *, marks_missing: bool) -> Schema:
    kind = info.dtype
    if not json_carries(kind):
        return False
    if kind == DataType.DT_BOOL:
        return {"type": "boolean"}
    if kind == DataType.DT_STRING:
        return _string(rule, marks_missing=marks_missing)
    if numpy_dtype(kind).kind == "f":
        return _number(kind, rule)
    return _integer(kind, rule, marks_missing=marks_missing)


def _string(rule: FeatureRule | None, *, marks_missing: bool) -> Schema:
    encoded = {
        "type": "object",
        "properties": {"b64": {"type": "string", "contentEncoding": "base64", "pattern": _BASE64}},
        "required": ["b64"],
        "additionalProperties": False,
    }
    text: dict[str, object] = {"type": "string"}
    if rule is not None and rule.values:
        may_miss = marks_missing and not rule.required
        text["enum"] = sorted(rule.values | ({""} if may_miss else set()))
    elif rule is not None and rule.required and marks_missing:
        text["minLength"] = 1
    # A domain cannot be held against base64: where there is one, text is what is to be sent.
    return text if "enum" in text else {"anyOf": [text, encoded]}


def _number(kind: int, rule: FeatureRule | None) -> Schema:
    schema: dict[str, object] = {"type": "number", "description": type_name(kind)}
    if kind == DataType.DT_FLOAT:
        schema |= {"exclusiveMinimum": -_FLOAT_OVERFLOW, "exclusiveMaximum": _FLOAT_OVERFLOW}
    return schema | _bounds(rule)


def _integer(kind: int, rule: FeatureRule | None, *, marks_missing: bool) -> Schema:
    span = np.iinfo(numpy_dtype(kind))
    schema: dict[str, object] = {"type": "integer", "description": type_name(kind)}
    bounds = {"minimum": int(span.min), "maximum": int(span.max)} | {
        key: int(value) for key, value in _bounds(rule).items()
    }
    if marks_missing and rule is not None and not rule.required:
        return schema | {"anyOf": [bounds, {"const": int(span.min)}]}
    return schema | bounds


def _bounds(rule: FeatureRule | None) -> dict[str, float]:
    if rule is None:
        return {}
    bounds = {"minimum": rule.minimum, "maximum": rule.maximum}
    return {key: value for key, value in bounds.items() if value is not None}
