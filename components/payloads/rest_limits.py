"""What a REST client cannot send to a signature, or read of its answer, each with the way out."""

from __future__ import annotations

from collections.abc import Iterator

from tfx_parity.contract import ServingContract
from tfx_parity.findings import StaticFinding
from tfx_parity.payloads.feature_rules import FeatureRules
from tfx_parity.protos import DataType, SignatureDef, TensorInfo
from tfx_parity.serving_api.dtypes import type_name
from tfx_parity.serving_api.json_tensors import json_carries

BYTES_SUFFIX = "_bytes"
_SMALL = (DataType.DT_INT8, DataType.DT_UINT8, DataType.DT_INT16)
_LARGE = (DataType.DT_INT64, DataType.DT_UINT64)
_RAW_SIGNATURE = "serve_raw"


def rest_limits(
    name: str, signature: SignatureDef, rules: FeatureRules, contract: ServingContract | None
) -> Iterator[StaticFinding]:
    """Yield the limits of one signature.

    Args:
        name: The signature's name.
        signature: The signature.
        rules: What is allowed for each feature.
        contract: The contract that the model carries, which says how a missing value is written.
    """
    for alias in sorted(signature.inputs):
        yield from _of_input(name, alias, signature.inputs[alias])
        rule = rules.by_name.get(alias)
        if rule is not None and not rule.required:
            yield _missing(name, alias, signature.inputs[alias], contract)
    takes_any_rows = any(
        info.tensor_shape.dim and info.tensor_shape.dim[0].size < 0
        for info in signature.inputs.values()
    )
    for alias in sorted(signature.outputs):
        yield from _of_output(name, alias, signature.outputs[alias], takes_any_rows)


def _of_input(name: str, alias: str, info: TensorInfo) -> Iterator[StaticFinding]:
    kind, shape = info.dtype, info.tensor_shape
    if not json_carries(kind):
        yield _limit(
            "NOT_OVER_REST",
            name,
            alias,
            "a type that JSON requests carry",
            type_name(kind),
            "Ask over gRPC, or export a signature that takes float or int64 and casts.",
        )
    if not shape.unknown_rank and not shape.dim:
        yield _limit(
            "SCALAR_IN_ROWS",
            name,
            alias,
            "an input with a first dimension for rows",
            "a scalar",
            "Send it under 'inputs': a row of 'instances' adds a dimension.",
        )
    elif shape.dim and shape.dim[0].size >= 0:
        yield _limit(
            "NO_BATCH_DIMENSION",
            name,
            alias,
            "a first dimension of any size",
            str(shape.dim[0].size),
            "Export the signature with None as first dimension, or send that many rows.",
        )
    if kind in _SMALL:
        yield _limit(
            "WRAPS_IN_JSON",
            name,
            alias,
            f"numbers within {type_name(kind)}",
            "a parser that takes any int32 and wraps it",
            "Check the range before sending, or export the signature with int32.",
        )
    if kind in _LARGE:
        yield _limit(
            "LARGE_INTEGERS_IN_JSON",
            name,
            alias,
            "integers of up to 53 bits",
            f"{type_name(kind)}, which many JSON libraries hold as a double",
            "Send larger ids as strings, or in a serialized tf.Example.",
        )


def _missing(
    name: str, alias: str, info: TensorInfo, contract: ServingContract | None
) -> StaticFinding:
    way = "Leave it out of a serialized tf.Example."
    if contract is not None and name == _RAW_SIGNATURE:
        numpy_name = "float32" if info.dtype == DataType.DT_FLOAT else type_name(info.dtype)
        mark = contract.missing_values.get(f"{name} {numpy_name}")
        way = f"Write {mark}; or: {way[0].lower()}{way[1:]}" if mark else way
    return _limit(
        "NULL_REFUSED", name, alias, "a way to send no value", "null is refused by the server", way
    )


def _of_output(
    name: str, alias: str, info: TensorInfo, takes_any_rows: bool
) -> Iterator[StaticFinding]:
    shape = info.tensor_shape
    is_scalar = not shape.unknown_rank and not shape.dim
    if is_scalar or (takes_any_rows and shape.dim and shape.dim[0].size >= 0):
        yield _limit(
            "OUTPUT_WITHOUT_ROWS",
            name,
            alias,
            "an output with a row for each instance",
            "a scalar" if is_scalar else f"{shape.dim[0].size} rows whatever is sent",
            "Ask with 'inputs': for 'instances' the server answers an error.",
        )
    if info.dtype == DataType.DT_STRING and not alias.endswith(BYTES_SUFFIX):
        yield _limit(
            "TEXT_OUTPUT",
            name,
            alias,
            f"bytes in an output whose name ends in {BYTES_SUFFIX}",
            "a string output, which is written as text",
            f"Name it {alias}{BYTES_SUFFIX} if it can hold anything but UTF-8.",
        )


def _limit(
    code: str, signature: str, name: str, expected: str, found: str, cure: str
) -> StaticFinding:
    return StaticFinding(code, False, signature, name, expected, found, cure)
