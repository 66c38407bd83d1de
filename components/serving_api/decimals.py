"""Decimal text of floating-point values as TF Serving writes it.

Source: util/json_tensor.cc, WriteDecimal. Six significant digits where they read back as the same
value, else 9 (float) or 17 (double); ".0" behind whole numbers; NaN, Infinity and -Infinity as bare
tokens.
"""

from __future__ import annotations

import numpy as np

from tfx_parity.serving_api.dtypes import Array

_MAX_DIGITS = {np.dtype(np.float32): 9, np.dtype(np.float64): 17}


def decimal_texts(values: Array) -> list[str]:
    """Return the text of each value.

    Args:
        values: float32 or float64, of any shape; taken in C order.
    """
    flat = values.reshape(-1)
    doubles = flat.tolist()
    texts = [f"{value:.6g}" for value in doubles]
    # Reading float32 by way of float64 is exact here: no six-digit decimal in float32's range is
    # rounded differently by the detour (checked exhaustively).
    with np.errstate(over="ignore"):
        read_back = np.array([float(text) for text in texts], np.float64).astype(flat.dtype)
    digits = _MAX_DIGITS[flat.dtype]
    for position in np.flatnonzero(read_back != flat).tolist():
        texts[position] = f"{doubles[position]:.{digits}g}"
    return [_finish(text) for text in texts]


def decimal_text(value: np.float32 | np.float64) -> str:
    """Return the text of one value."""
    return decimal_texts(np.asarray(value))[0]


def _finish(text: str) -> str:
    if "." in text or "e" in text:
        return text
    if text[-1].isdigit():
        return text + ".0"
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[text]
