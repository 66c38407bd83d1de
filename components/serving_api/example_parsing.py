"""What the op that parses serialized `tf.Example`s refuses, with its texts.

Source: TensorFlow's core/util/example_proto_fast_parsing.cc. The signature of such a model is one
string vector, so the server itself sees none of this: the graph refuses, the whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from tfx_parity.protos import DataType, Example, Feature
from tfx_parity.serving_api.dtypes import type_name
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.serving_api.status import ServingError, invalid_argument

_DATA_TYPES = {
    "bytes_list": int(DataType.DT_STRING),
    "float_list": int(DataType.DT_FLOAT),
    "int64_list": int(DataType.DT_INT64),
}
_NOUNS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


@dataclass(frozen=True)
class ParsedFeature:
    """A feature that a model's graph parses.

    Attributes:
        name: Its key.
        data_type: The DataType: string, float or int64.
        shape: Of one example, None for a first dimension of any size; None as a whole for a
            sparse or ragged feature, which takes any number of values.
        required: Whether an example without it is refused: a dense feature without a default.
    """

    name: str
    data_type: int
    shape: tuple[int | None, ...] | None
    required: bool


@dataclass(frozen=True)
class ExampleRefusal:
    """Something for which the graph refuses an example.

    Attributes:
        reason: Why.
        feature: The feature; empty where it is the example as a whole.
        error: What the server answers, were it the first fault.
        sent: What was sent for the feature.
    """

    reason: Reason
    feature: str
    error: ServingError
    sent: str


def parse_example(record: bytes) -> Example | ServingError:
    """Return a serialized example as a message, or what the graph answers for it."""
    try:
        return Example.FromString(record)
    except DecodeError:
        shown = record.decode("utf-8", "surrogateescape")
        return invalid_argument(f"Could not parse example input, value: '{shown}'")


def example_refusals(
    example: Example, index: int, features: tuple[ParsedFeature, ...]
) -> Iterator[ExampleRefusal]:
    """Yield all that a graph refuses of an example.

    Args:
        example: The example.
        index: Its number in the batch.
        features: What the graph parses.
    """
    sent = example.features.feature
    for feature in features:
        value = sent[feature.name] if feature.name in sent else Feature()
        kind = value.WhichOneof("kind")
        if kind is None:
            if feature.required:
                yield ExampleRefusal(
                    Reason.MISSING_INPUT, feature.name, _missing(feature), "nothing"
                )
        elif _DATA_TYPES[kind] != feature.data_type:
            found = type_name(_DATA_TYPES[kind])
            error = _type_mismatch(feature, found, index)
            yield ExampleRefusal(Reason.WRONG_TYPE, feature.name, error, found)
        elif feature.shape is not None:
            yield from _count(feature, len(getattr(value, kind).value), kind, index)


def _missing(feature: ParsedFeature) -> ServingError:
    return invalid_argument(
        f"Name: <unknown>, Feature: {feature.name} (data type: {type_name(feature.data_type)}) "
        "is required but could not be found."
    )


def _type_mismatch(feature: ParsedFeature, found: str, index: int) -> ServingError:
    """Return the error, whose words differ between dense and other features."""
    expected = type_name(feature.data_type)
    if feature.shape is None:
        told = f"Expected type: {expected}, Actual type: {found}"
    else:
        told = f"Data type: {found} but expected type: {expected}"
    return invalid_argument(f"{_key(feature, index)}  Data types don't match. {told}")


def _key(feature: ParsedFeature, index: int) -> str:
    return f"Name: <unknown>, Key: {feature.name}, Index: {index}."


def _count(feature: ParsedFeature, size: int, kind: str, index: int) -> Iterator[ExampleRefusal]:
    shape = feature.shape or ()
    expected = math.prod(length for length in shape if length is not None)
    if size == expected or (None in shape and size % expected == 0):
        return
    noun = f"{_key(feature, index)}  Number of {_NOUNS[kind]} values"
    if None in shape:
        text = f"{noun} is not a multiple of stride length."
    elif size > expected and kind == "bytes_list":
        text = f"{_key(feature, index)}  Can't parse serialized Example."
    else:
        shown = ",".join(map(str, shape))
        text = f"{noun} != expected.  Values size: {size} but output shape: [{shown}]"
    yield ExampleRefusal(Reason.RAGGED, feature.name, invalid_argument(text), f"{size} values")
