"""`tf.Example` records as numpy, by the features of a serving contract, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tfx_parity.contract.features import RawFeature, TransformedFeature
from tfx_parity.errors import BadInputError
from tfx_parity.protos import Example

_LISTS = {"string": "bytes_list", "float32": "float_list", "int64": "int64_list"}
_DTYPES: Mapping[str, type] = {"string": object, "float32": np.float32, "int64": np.int64}
# What stands for a missing value in `serve_raw`; none of these can be sent as a value.
_MARKS: Mapping[str, object] = {"string": b"", "float32": np.nan, "int64": np.iinfo(np.int64).min}


def in_canonical_order(record: bytes) -> bytes:
    """Return a serialized `tf.Example` with its features in the one deterministic order.

    They are a map, which each writer puts in an order of its own; protobuf 5 and newer in another
    one in each process.
    """
    return without_features(record, ())


def without_features(record: bytes, names: Iterable[str]) -> bytes:
    """Return a serialized `tf.Example` without some features, in deterministic form."""
    example = Example.FromString(record)
    for name in names:
        example.features.feature.pop(name, None)
    return example.SerializeToString(deterministic=True)


def decode_rows(records: Sequence[bytes], feature: TransformedFeature) -> list[NDArray[np.generic]]:
    """Return a feature's values in each record.

    Args:
        records: Serialized transformed records.
        feature: The feature to read.

    Returns:
        One array a record: shape `feature.shape` for a fixed feature, `[number of values]` else;
        dtype object (of bytes), float32 or int64.

    Raises:
        BadInputError: If a record lacks a fixed feature, or holds another number of values.
    """
    return decode_features(records, [feature])[feature.name]


def decode_features(
    records: Sequence[bytes], features: Iterable[TransformedFeature]
) -> dict[str, list[NDArray[np.generic]]]:
    """Return the values of several features in each record, by name; see `decode_rows`."""
    examples = [Example.FromString(record) for record in records]
    return {
        feature.name: [_decode(example, feature, row) for row, example in enumerate(examples)]
        for feature in features
    }


def _decode(example: Example, feature: TransformedFeature, row: int) -> NDArray[np.generic]:
    values = _values(example, feature.name, feature.dtype)
    array: NDArray[np.generic] = np.array(values, dtype=_DTYPES[feature.dtype])
    if feature.kind != "fixed":
        return array
    shape = tuple(1 if size is None else size for size in feature.shape)
    if array.size != int(np.prod(shape, dtype=np.int64)):
        raise BadInputError(
            f"Expected {shape} values of the transformed feature {feature.name!r} in record {row}, "
            f"found {array.size}. The record was made by another transform graph."
        )
    return array.reshape(shape)


def component_arrays(
    records: Sequence[bytes], features: Iterable[TransformedFeature]
) -> dict[str, NDArray[np.generic]]:
    """Return transformed records as the inputs of the signature `predict_transformed`.

    A fixed feature is one input of its own name. A varlen feature is the three parts of a sparse
    tensor (`NAME_indices`, `NAME_values`, `NAME_dense_shape`), a ragged one its `NAME_values` and
    `NAME_row_lengths`: TF Serving takes dense tensors only.

    Args:
        records: Serialized transformed records, one an example.
        features: The features that the signature takes.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    features = list(features)
    decoded = decode_features(records, features)
    for feature in features:
        rows = decoded[feature.name]
        if feature.kind == "fixed":
            arrays[feature.name] = np.stack(rows)
        else:
            arrays |= _components(feature, rows)
    return arrays


def _components(
    feature: TransformedFeature, rows: Sequence[NDArray[np.generic]]
) -> dict[str, NDArray[np.generic]]:
    lengths = np.array([row.size for row in rows], dtype=np.int64)
    values: NDArray[np.generic] = np.concatenate(rows).astype(_DTYPES[feature.dtype])
    if feature.kind == "ragged":
        return {f"{feature.name}_values": values, f"{feature.name}_row_lengths": lengths}
    pairs = [(row, column) for row, size in enumerate(lengths) for column in range(size)]
    return {
        f"{feature.name}_indices": np.array(pairs, dtype=np.int64).reshape(-1, 2),
        f"{feature.name}_values": values,
        f"{feature.name}_dense_shape": np.array(
            [len(rows), lengths.max(initial=0)], dtype=np.int64
        ),
    }


def raw_arrays(
    records: Sequence[bytes], features: Iterable[RawFeature]
) -> dict[str, NDArray[np.generic]]:
    """Return raw examples as the inputs of the signature `serve_raw`.

    Args:
        records: Serialized raw examples.
        features: The raw features that the signature takes.

    Returns:
        One array a feature: `[records]` for a single-valued feature, `[records, *shape]` else,
        padded with the mark of a missing value where the number of values differs.
    """
    examples = [Example.FromString(record) for record in records]
    return {feature.name: _raw_array(examples, feature) for feature in features}


def _raw_array(examples: Sequence[Example], feature: RawFeature) -> NDArray[np.generic]:
    rows = [_values(example, feature.name, feature.dtype) for example in examples]
    mark = _MARKS[feature.dtype]
    if feature.is_single_valued:
        return np.array([row[0] if row else mark for row in rows], dtype=_DTYPES[feature.dtype])
    if feature.kind == "fixed":
        shape = tuple(1 if size is None else size for size in feature.shape)
        return np.array(rows, dtype=_DTYPES[feature.dtype]).reshape(len(rows), *shape)
    width = max((len(row) for row in rows), default=0)
    padded = [row + [mark] * (width - len(row)) for row in rows]
    return np.array(padded, dtype=_DTYPES[feature.dtype]).reshape(len(rows), width)


def _values(example: Example, name: str, dtype: str) -> list[object]:
    entry = example.features.feature.get(name)
    return [] if entry is None else list(getattr(entry, _LISTS[dtype]).value)


def rows_of_components(
    outputs: Mapping[str, NDArray[np.generic]], feature: TransformedFeature, count: int
) -> list[NDArray[np.generic]] | None:
    """Return a feature's values in each example from the outputs of `transform_features`.

    Args:
        outputs: What the signature answered for `count` examples: `NAME` for a fixed feature,
            `NAME_indices`, `NAME_values`, `NAME_dense_shape` for a varlen one, `NAME_values` and
            `NAME_row_lengths` for a ragged one.
        feature: The feature to read.
        count: How many examples were asked for.

    Returns:
        One array an example, None where the outputs do not hold the feature.
    """
    if feature.kind == "fixed":
        array = outputs.get(feature.name)
        return None if array is None else list(array)
    values = outputs.get(f"{feature.name}_values")
    if values is None:
        return None
    lengths = _row_lengths(outputs, feature, count)
    return np.split(values, np.cumsum(lengths)[:-1])


def _row_lengths(
    outputs: Mapping[str, NDArray[np.generic]], feature: TransformedFeature, count: int
) -> NDArray[np.int64]:
    if feature.kind == "ragged":
        return np.asarray(outputs[f"{feature.name}_row_lengths"], dtype=np.int64)
    indices = np.asarray(outputs[f"{feature.name}_indices"], dtype=np.int64)
    return np.bincount(indices[:, 0], minlength=count).astype(np.int64)
