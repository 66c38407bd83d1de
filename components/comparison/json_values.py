"""One element's value as strict JSON, which has neither NaN nor bytes nor complex numbers."""

from __future__ import annotations

import base64
import math
from typing import Any


def encode_value(value: bool | int | float | complex | bytes | str) -> Any:
    """Return a strict JSON value that `decode_value` turns back.

    Finite numbers and booleans stand for themselves, non-finite floats are the strings `NaN`,
    `Infinity` and `-Infinity`; bytes, text and complex numbers are objects with one key.
    """
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, complex):
        return {"complex": [encode_value(value.real), encode_value(value.imag)]}
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def decode_value(value: Any) -> Any:
    """Return the value that `encode_value` was given.

    Raises:
      ValueError: If it was not written by `encode_value`.
    """
    if isinstance(value, str):
        return float(value)
    if not isinstance(value, dict):
        return value
    if "b64" in value:
        return base64.b64decode(value["b64"], validate=True)
    if "text" in value:
        return value["text"]
    if "complex" in value:
        real, imaginary = value["complex"]
        return complex(decode_value(real), decode_value(imaginary))
    raise ValueError(f"Expected one of the keys b64, text and complex, got {sorted(value)}.")
