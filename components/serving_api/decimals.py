"""Decimal text of floating-point values as TF Serving writes it.

Source: util/json_tensor.cc, WriteDecimal. Six significant digits where they read back as the same
value, else 9 (float) or 17 (double); ".0" behind whole numbers; NaN, Infinity and -Infinity as bare
tokens.
"""

from __future__ import annotations

from array import array

import numpy as np
import orjson

from tfx_parity.serving_api.dtypes import Array

_SHORT_DIGITS = 6
_MAX_DIGITS = {np.dtype(np.float32): 9, np.dtype(np.float64): 17}
_MAX_FLOAT_DIGITS = _MAX_DIGITS[np.dtype(np.float32)]
_FEW = 32
# Magnitudes that %.6g and %.9g both write without an exponent. A float's 24 bits times the power
# of ten that brings nine digits before the point, 10**12 at most, are exact in a double.
_LOWEST_PLAIN_EXPONENT = -4
_PLAIN_DECADES = 10.0 ** np.arange(_LOWEST_PLAIN_EXPONENT, _SHORT_DIGITS + 1)
_POWERS_OF_TEN = 10.0 ** np.arange(_MAX_FLOAT_DIGITS - _LOWEST_PLAIN_EXPONENT)


def decimal_texts(values: Array) -> list[str]:
    """Return the text of each value.

    Args:
        values: float32 or float64, of any shape; taken in C order.
    """
    flat = values.reshape(-1)
    if flat.dtype == np.float32 and flat.size > _FEW:
        return _many_float_texts(flat)
    return _texts(flat)


def decimal_text(value: np.float32 | np.float64) -> str:
    """Return the text of one value."""
    return decimal_texts(np.asarray(value))[0]


def _texts(flat: Array) -> list[str]:
    """Return the texts, value by value."""
    doubles = flat.tolist()
    texts = [f"{value:.{_SHORT_DIGITS}g}" for value in doubles]
    # Reading float32 by way of float64 is exact here: no six-digit decimal in float32's range is
    # rounded differently by the detour (checked exhaustively).
    read_back = array(flat.dtype.char, map(float, texts))
    digits = _MAX_DIGITS[flat.dtype]
    for position, (double, read) in enumerate(zip(doubles, read_back, strict=True)):
        if double != read:
            texts[position] = f"{double:.{digits}g}"
    return [_finish(text) for text in texts]


def _many_float_texts(flat: Array) -> list[str]:
    """Return the texts of float32 values, those without an exponent all at once.

    The double nearest to a decimal of at most 15 digits has that decimal as its shortest text,
    which is what orjson writes: so doubles are made that are nearest to the six or nine digits.
    """
    with np.errstate(invalid="ignore"):  # signalling NaNs
        magnitudes = np.abs(flat.astype(np.float64))
    decades = np.searchsorted(_PLAIN_DECADES, magnitudes, side="right")
    plain = (decades > 0) & (decades < len(_PLAIN_DECADES)) | (magnitudes == 0)
    magnitudes[~plain] = 0
    exponents = np.where(plain, decades - 1, 0) + _LOWEST_PLAIN_EXPONENT
    exponents[magnitudes == 0] = 0
    short = _rounded(magnitudes, _SHORT_DIGITS - 1 - exponents)
    full = _rounded(magnitudes, _MAX_FLOAT_DIGITS - 1 - exponents)
    reads_back = short.astype(np.float32) == np.abs(flat)
    nearest = np.where(reads_back, short, full)
    nearest[np.signbit(flat)] *= -1
    texts = orjson.dumps(nearest, option=orjson.OPT_SERIALIZE_NUMPY).decode()[1:-1].split(",")
    others = np.flatnonzero(~plain)
    for position, text in zip(others.tolist(), _texts(flat[others]), strict=True):
        texts[position] = text
    return texts


def _rounded(magnitudes: Array, places: Array) -> Array:
    """Return the doubles nearest to the values rounded, half to even, to decimal places."""
    powers = _POWERS_OF_TEN[places]
    return np.rint(magnitudes * powers) / powers


def _finish(text: str) -> str:
    if "." in text or "e" in text:
        return text
    if text[-1].isdigit():
        return text + ".0"
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[text]
