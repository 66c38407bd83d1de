"""Answers of TF Serving's REST front (util/json_tensor.cc, MakeJsonFromTensors and its like).

Every text is that of RapidJSON's PrettyWriter, indented by four; names stand in alphabetical order
(TF Serving's order is that of a hash map, another in each process). Bytes that are not valid UTF-8
go out as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from tfx_parity.protos import DataType
from tfx_parity.serving_api.base64_text import escape
from tfx_parity.serving_api.decimals import decimal_texts
from tfx_parity.serving_api.dtypes import Array, data_type, type_name
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_echo import INDENT
from tfx_parity.serving_api.json_strings import write_string
from tfx_parity.serving_api.metadata import format_metadata, format_status
from tfx_parity.serving_api.status import invalid_argument

__all__ = ["format_error", "format_metadata", "format_predict", "format_status"]

_BYTES_SUFFIX = "_bytes"
_INTEGER_TYPES = frozenset(
    {
        DataType.DT_INT8,
        DataType.DT_UINT8,
        DataType.DT_INT16,
        DataType.DT_INT32,
        DataType.DT_UINT32,
        DataType.DT_INT64,
        DataType.DT_UINT64,
    }
)


def format_predict(outputs: Mapping[str, Array], row_format: bool) -> bytes:
    """Return the body that answers a `:predict` request.

    Args:
        outputs: Alias to tensor; strings are object arrays of bytes.
        row_format: Whether the request had `instances`.

    Raises:
        ServingError: INVALID_ARGUMENT, if the outputs cannot be written so: a type that JSON does
            not carry, or in the row format an output without the others' batch dimension.
    """
    if not outputs:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
    text = _rows(outputs) if row_format else _columns(outputs)
    return text.encode("utf-8", "surrogateescape")


def format_error(message: str, generation: Generation) -> bytes:  # noqa: ARG001 - the same in both
    """Return the body of a refusal, {"error": "..."}.

    Args:
        message: The error's text; lone surrogates go out as the bytes they stand for.
        generation: The JSON front's generation; today's generations write the same.
    """
    quoted = write_string(message.encode("utf-8", "surrogateescape"))
    return f'{{\n{INDENT}"error": {quoted}\n}}'.encode("utf-8", "surrogateescape")


def _rows(outputs: Mapping[str, Array]) -> str:
    aliases = sorted(outputs)
    size = _batch_size({alias: outputs[alias] for alias in aliases})
    level = 3 if len(aliases) > 1 else 2
    columns = [_nested(alias, outputs[alias], level, _single_line) for alias in aliases]
    if len(aliases) == 1:
        # Array and elements are written with different options: only the bracket gets its own line.
        items = ", ".join(columns[0])
    else:
        keys = [f"\n{INDENT * 3}{write_string(alias.encode('utf-8'))}: " for alias in aliases]
        rows = (
            ",".join(key + value for key, value in zip(keys, row, strict=True))
            for row in zip(*columns, strict=True)
        )
        items = ",".join(f"\n{INDENT * 2}{{{row}\n{INDENT * 2}}}" for row in rows)
    closing = f"\n{INDENT}" if size else ""
    return f'{{\n{INDENT}"predictions": [{items}{closing}]\n}}'


def _batch_size(outputs: Mapping[str, Array]) -> int:
    size = -1
    for alias, array in outputs.items():
        if array.ndim == 0:
            raise invalid_argument(f"Tensor name: {alias} has no shape information ")
        if size not in (-1, array.shape[0]):
            raise invalid_argument(
                f"Tensor name: {alias} has inconsistent batch size: {array.shape[0]} "
                f"expecting: {size}"
            )
        size = array.shape[0]
    return size


def _columns(outputs: Mapping[str, Array]) -> str:
    aliases = sorted(outputs)
    if len(aliases) == 1:
        (value,) = _nested(aliases[0], outputs[aliases[0]][np.newaxis], 1, _multi_line)
    else:
        values = [_nested(alias, outputs[alias][np.newaxis], 2, _multi_line) for alias in aliases]
        members = ",".join(
            f"\n{INDENT * 2}{write_string(alias.encode('utf-8'))}: {text}"
            for alias, (text,) in zip(aliases, values, strict=True)
        )
        value = f"{{{members}\n{INDENT}}}"
    return f'{{\n{INDENT}"outputs": {value}\n}}'


_Join = Callable[[list[str], int], str]


def _single_line(items: list[str], level: int) -> str:  # noqa: ARG001 - the other form needs it
    return f"[{', '.join(items)}]"


def _multi_line(items: list[str], level: int) -> str:
    if not items:
        return "[]"
    separator = ",\n" + INDENT * (level + 1)
    return f"[\n{INDENT * (level + 1)}{separator.join(items)}\n{INDENT * level}]"


def _nested(alias: str, array: Array, level: int, join: _Join) -> list[str]:
    """Return the text of each element along the first dimension.

    Args:
        alias: The output's name.
        array: The tensor, of rank 1 or more.
        level: How many brackets are open around an element.
        join: How to write an array.
    """
    depth = array.ndim - 1
    texts = _leaves(alias, array, level + depth)
    for axis in range(depth, 0, -1):
        size = array.shape[axis]
        count = math.prod(array.shape[:axis])
        texts = [
            join(texts[start * size : (start + 1) * size], level + axis - 1)
            for start in range(count)
        ]
    return texts


def _leaves(alias: str, array: Array, level: int) -> list[str]:
    kind = data_type(array.dtype)
    if array.size == 0:
        return []
    if kind in (DataType.DT_FLOAT, DataType.DT_DOUBLE):
        return decimal_texts(array)
    if kind in _INTEGER_TYPES:
        return [str(value) for value in array.reshape(-1).tolist()]
    if kind == DataType.DT_BOOL:
        return ["true" if value else "false" for value in array.reshape(-1).tolist()]
    if kind != DataType.DT_STRING:
        raise invalid_argument(f"Failed to write JSON value for tensor type: {type_name(kind)}")
    strings = array.reshape(-1).tolist()
    if not alias.endswith(_BYTES_SUFFIX):
        return [write_string(value) for value in strings]
    inner, outer = INDENT * (level + 1), INDENT * level
    return [f'{{\n{inner}"b64": "{escape(value)}"\n{outer}}}' for value in strings]
