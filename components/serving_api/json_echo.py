"""JSON values echoed inside error texts (util/json_tensor.cc, JsonValueToString).

RapidJSON's PrettyWriter indents by four. Its plain Writer refuses NaN and infinity, upon which the
rest of the document is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfx_parity.serving_api.decimals import decimal_text
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_doubles import double_text
from tfx_parity.serving_api.json_reader import JsonObject, JsonValue
from tfx_parity.serving_api.json_strings import write_string

INDENT = "    "
_MAX_FLOAT_SHOWN = 3.4028234e38  # document.h, GenericValue::IsFloat
_MAX_ECHO_BYTES_2_18 = 256
_WORDS = {None: "null", True: "true", False: "false"}


def echo(value: JsonValue, generation: Generation) -> str:
    """Return a value as the error texts of `generation` show it."""
    if generation is Generation.V2_16:
        if isinstance(value, float):
            return _decimal(value)
        return "".join(pretty(value, single_line_arrays=False))
    parts: list[str] = []
    length = 0
    for part in pretty(value, single_line_arrays=True):
        parts.append(part)
        length += len(part)
        if length >= _MAX_ECHO_BYTES_2_18:
            break
    shown = "".join(parts).encode("utf-8", "surrogateescape")[:_MAX_ECHO_BYTES_2_18]
    return shown.decode("utf-8", "surrogateescape")


def _decimal(value: float) -> str:
    if -_MAX_FLOAT_SHOWN <= value <= _MAX_FLOAT_SHOWN:
        return decimal_text(np.float32(value))
    return decimal_text(np.float64(value))


def _scalar_text(value: JsonValue) -> str | None:
    """Return the text of a scalar, None for what the plain Writer refuses."""
    if isinstance(value, bytes):
        return write_string(value)
    if isinstance(value, float):
        return double_text(value) if np.isfinite(value) else None
    if isinstance(value, bool) or value is None:
        return _WORDS[value]
    return str(value)


def pretty(root: JsonValue, *, single_line_arrays: bool) -> Iterator[str]:
    """Yield the text that PrettyWriter writes, in pieces, up to the first number that it refuses.

    Args:
        root: The value.
        single_line_arrays: Whether kFormatSingleLineArray is set.
    """
    levels: list[tuple[bool, Iterator[tuple[bytes | None, JsonValue]]]] = []
    value: JsonValue = root
    while True:
        if isinstance(value, list | JsonObject):
            in_array = isinstance(value, list)
            yield "[" if in_array else "{"
            levels.append((in_array, _children(value)))
            first = True
        else:
            text = _scalar_text(value)
            if text is None:
                return
            yield text
            first = False
        while levels:
            in_array, children = levels[-1]
            child = next(children, None)
            if child is not None:
                break
            levels.pop()
            if not first and not (in_array and single_line_arrays):
                yield "\n" + INDENT * len(levels)
            yield "]" if in_array else "}"
            first = False
        else:
            return
        key, value = child
        if in_array and single_line_arrays:
            yield "" if first else ", "
        else:
            yield ("\n" if first else ",\n") + INDENT * len(levels)
        if key is not None:
            yield write_string(key) + ": "


def _children(container: list[JsonValue] | JsonObject) -> Iterator[tuple[bytes | None, JsonValue]]:
    if isinstance(container, list):
        return ((None, value) for value in container)
    return iter(container.members)
