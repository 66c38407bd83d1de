"""REST bodies of `:classify` and `:regress`, and their answers (util/json_tensor.cc).

The JSON token decides what a feature becomes: 1.0 a float, 1 and true an int64, a string or
{"b64": "..."} bytes. So {"x": [1, 2]} for a float feature fails when the model parses the example.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tfx_parity.protos import Example, Feature, classification_pb2, input_pb2, regression_pb2
from tfx_parity.serving_api.decimals import decimal_texts
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_echo import INDENT
from tfx_parity.serving_api.json_reader import JsonObject, JsonValue
from tfx_parity.serving_api.json_strings import write_string
from tfx_parity.serving_api.json_tensors import (
    decode_base64_object,
    is_base64_object,
    json_type,
)
from tfx_parity.serving_api.rest_document import format_error, read_object, signature_name
from tfx_parity.serving_api.status import ServingError, invalid_argument

_MAX_INT64 = 2**63 - 1
_KIND_NAMES = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


@dataclass(frozen=True)
class InferenceCall:
    """What a `:classify` or `:regress` body asks for.

    Attributes:
        signature_name: The signature, never empty.
        examples: The examples, with or without a context.
    """

    signature_name: str
    examples: input_pb2.Input


def parse_inference(body: bytes, generation: Generation) -> InferenceCall:
    """Return the call that TF Serving makes of a `:classify` or `:regress` body.

    Raises:
        ServingError: INVALID_ARGUMENT with TF Serving's text, by the first fault.
    """
    document = read_object(body, generation)
    name = signature_name(document, generation)
    result = input_pb2.Input()
    target = result.example_list.examples
    context = document.first(b"context")
    if context is not None:
        result.Clear()
        with_context = result.example_list_with_context
        with_context.context.CopyFrom(_example(context[0], generation))
        target = with_context.examples
    target.extend(_example(item, generation) for item in listed_examples(document, generation))
    return InferenceCall(name, result)


def asks_for_inference(body: bytes, generation: Generation) -> bool:
    """Return whether a body whose URL is not known is one of `:classify` or `:regress`."""
    if b"examples" not in body:
        return False
    try:
        document = read_object(body, generation)
    except ServingError:
        return False
    keys = {key for key, _ in document.members}
    return b"examples" in keys and keys.isdisjoint({b"instances", b"inputs"})


def format_classification(result: classification_pb2.ClassificationResult) -> bytes:
    """Return the body that answers `:classify`: [label, score] by class by example.

    Raises:
        ServingError: INVALID_ARGUMENT, if there is no classification.
    """
    if not result.classifications:
        raise invalid_argument("Cannot convert empty ClassificationResults to JSON")
    items = []
    for classifications in result.classifications:
        labels = [write_string(entry.label.encode("utf-8")) for entry in classifications.classes]
        scores = _float_texts(entry.score for entry in classifications.classes)
        pairs = [f"[{label}, {score}]" for label, score in zip(labels, scores, strict=True)]
        items.append(f"[{', '.join(pairs)}]")
    return _results(", ".join(items), f"\n{INDENT}")


def format_regression(result: regression_pb2.RegressionResult) -> bytes:
    """Return the body that answers `:regress`: a value by example.

    Raises:
        ServingError: INVALID_ARGUMENT, if there is no regression.
    """
    if not result.regressions:
        raise invalid_argument("Cannot convert empty RegressionResults to JSON")
    return _results(", ".join(_float_texts(entry.value for entry in result.regressions)), "")


def _float_texts(values: Iterable[float]) -> list[str]:
    return decimal_texts(np.fromiter(values, np.float32))


def _results(items: str, closing: str) -> bytes:
    return f'{{\n{INDENT}"results": [{items}{closing}]\n}}'.encode()


def listed_examples(document: JsonObject, generation: Generation) -> list[JsonValue]:
    """Return the value of `examples`, a list that is not empty.

    Raises:
        ServingError: INVALID_ARGUMENT, if it is not there or something else.
    """
    member = document.first(b"examples")
    if member is None:
        raise format_error(
            document,
            "When method is classify, key 'examples' is expected and was not found",
            generation,
        )
    if not isinstance(member[0], list):
        raise format_error(document, "Expecting 'examples' value to be an list/array", generation)
    if not member[0]:
        raise format_error(document, "'examples' value is an empty array", generation)
    return member[0]


def example_members(value: JsonValue) -> list[tuple[bytes, JsonValue]]:
    """Return what an example names.

    Raises:
        ServingError: INVALID_ARGUMENT, if it is no object.
    """
    if not isinstance(value, JsonObject):
        raise invalid_argument(f"Example must be JSON object but got JSON {json_type(value)}")
    return value.members


def feature_name(key: bytes) -> str:
    """Return the feature that a key names.

    C++ reads it up to its first NUL byte, and passes bytes on that are not UTF-8, which a Python
    message cannot carry.
    """
    return key.split(b"\0", 1)[0].decode("utf-8", "replace")


def _example(value: JsonValue, generation: Generation) -> Example:
    example = Example()
    for key, content in example_members(value):
        name, feature = feature_name(key), Feature()
        for item in content if isinstance(content, list) else [content]:
            add_to_feature(item, name, feature, generation)
        # Of a key that is there twice the last one stays.
        example.features.feature[name].CopyFrom(feature)
    return example


def add_to_feature(value: JsonValue, name: str, feature: Feature, generation: Generation) -> None:
    """Add one JSON value to a feature, whose type the first one decides.

    Args:
        value: The value.
        name: The feature's name, for the error's text.
        feature: The feature.
        generation: The JSON front's generation.

    Raises:
        ServingError: INVALID_ARGUMENT, if it is of another type, of none, or no base64.
    """
    kind = _kind(value)
    if kind is None:
        raise invalid_argument(
            f"Feature: {name} has element with unexpected JSON type: {json_type(value)}"
        )
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        raise invalid_argument(
            f"Unexpected element type in feature: {name} expecting type: {_KIND_NAMES[present]}"
        )
    if isinstance(value, JsonObject):
        feature.bytes_list.value.append(decode_base64_object(value, generation))
    elif isinstance(value, bytes):
        feature.bytes_list.value.append(value)
    elif isinstance(value, float):
        with np.errstate(over="ignore"):
            feature.float_list.value.append(float(np.float32(value)))
    elif isinstance(value, int):
        if value > _MAX_INT64:
            raise invalid_argument(f"Feature: {name} has uint64 element. Only int64 is supported.")
        feature.int64_list.value.append(int(value))


def _kind(value: JsonValue) -> str | None:
    """Return the field of a Feature that a value goes to, None if it goes to none."""
    if isinstance(value, bytes) or is_base64_object(value):
        return "bytes_list"
    if isinstance(value, float):
        return "float_list"
    return "int64_list" if isinstance(value, int) else None
