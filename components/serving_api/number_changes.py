"""Whether a number that TF Serving takes reaches the model as it was written.

A number without fraction and exponent is exact: another value is a change. Any other number stands
for the nearest value of the type: that one is no change, any other is, and so is one that has lost
digits because it lies below the type's normal range.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np

from tfx_parity.serving_api.dtypes import Array, numpy_dtype
from tfx_parity.serving_api.json_tensors import values_to_array
from tfx_parity.serving_api.json_written import WrittenNumber
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.tfx_lines import number_text

# Integers up to here are exact in every type that takes them but the 8 and 16 bit ones.
_EXACT_IN_FLOAT = 2**24


class NumberChange(NamedTuple):
    """A number that reaches the model as another one."""

    reason: Reason
    sent: str
    received: str


def number_change(value: int | float, data_type: int) -> NumberChange | None:
    """Return how a number changes on its way into a tensor, None where it does not.

    Args:
        value: A number of a JSON document that the server takes for this type; floats are
            `WrittenNumber`s.
        data_type: The input's DataType.
    """
    dtype = numpy_dtype(data_type)
    received = values_to_array([value], dtype)
    if isinstance(value, WrittenNumber):
        return _float_change(value.text, received)
    if dtype.kind == "f":
        exact = -_EXACT_IN_FLOAT <= value <= _EXACT_IN_FLOAT
        return None if exact else _float_change(str(value), received)
    got = int(received[0])
    return None if got == value else NumberChange(Reason.WRAPPED, str(value), str(got))


def _float_change(text: str, received: Array) -> NumberChange | None:
    try:
        sent = Decimal(text)
    except InvalidOperation:  # such as "NaN.5", which RapidJSON reads as 0.5
        return NumberChange(Reason.ROUNDED, text, number_text(received[0]))
    if not sent.is_finite():
        return None
    reason = _reason(sent, received, is_whole=text.lstrip("-").isdigit())
    return None if reason is None else NumberChange(reason, text, number_text(received[0]))


def _reason(sent: Decimal, received: Array, *, is_whole: bool) -> Reason | None:
    got = Decimal(float(received[0]))
    if sent == got:
        return None
    if got.is_infinite():
        return Reason.OVERFLOWED
    if abs(got) < Decimal(float(np.finfo(received.dtype).tiny)):
        return Reason.UNDERFLOWED
    return Reason.ROUNDED if is_whole or not _is_nearest(sent, received) else None


def _is_nearest(sent: Decimal, received: Array) -> bool:
    if received.dtype == np.float64:
        return float(sent) == received[0]
    # The middle between two float32 is a double.
    middles = [
        (float(received[0]) + float(np.nextafter(received, np.float32(end))[0])) / 2
        for end in (-np.inf, np.inf)
    ]
    return Decimal(middles[0]) <= sent <= Decimal(middles[1])
