"""Text of a double as RapidJSON 1.1.0 writes it: Grisu2, which is not always the shortest.

Seen in echoes of requests inside error texts. Written from the description of Grisu2 (Loitsch 2010)
and from RapidJSON's choice of cached powers and layout (internal/diyfp.h, internal/dtoa.h).
"""

from __future__ import annotations

import math
import struct
from functools import cache
from typing import NamedTuple

_MASK = 2**64 - 1
_HIDDEN_BIT = 2**52
_EXPONENT_BIAS = 0x3FF + 52
_MIN_CACHED = -348
_CACHED_STEP = 8
_LOG10_OF_2 = 0.30102999566398114
_MAX_PLAIN_DIGITS = 21
_MIN_PLAIN_EXPONENT = -6
_MAX_ROUNDED_INDEX = 9  # DigitGen's table of powers ends there; beyond, the distance counts as 0


class _Scaled(NamedTuple):
    """`significand` * 2**`exponent`, the significand within 64 bits."""

    significand: int
    exponent: int

    def times(self, other: _Scaled) -> _Scaled:
        product = self.significand * other.significand
        rounded = (product >> 64) + (product >> 63 & 1)
        return _Scaled(rounded & _MASK, self.exponent + other.exponent + 64)

    def normalized(self) -> _Scaled:
        shift = 64 - self.significand.bit_length()
        return _Scaled(self.significand << shift, self.exponent - shift)


def double_text(value: float) -> str:
    """Return the text of a finite double."""
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if value == 0:
        return sign + "0.0"
    digits, exponent = _grisu2(abs(value))
    return sign + _layout(digits, exponent)


@cache
def _cached_power(exponent: int) -> _Scaled:
    """Return 10**exponent with 64 rounded bits."""
    if exponent >= 0:
        numerator, denominator = 10**exponent, 1
    else:
        numerator, denominator = 1, 10**-exponent
    shift = numerator.bit_length() - denominator.bit_length() - 64
    while True:
        scaled = _rounded_quotient(numerator, denominator, shift)
        if scaled < 2**63:
            shift -= 1
        elif scaled > _MASK:
            shift += 1
        else:
            return _Scaled(scaled, shift)


def _rounded_quotient(numerator: int, denominator: int, shift: int) -> int:
    """Return numerator / denominator / 2**shift, rounded to the nearest."""
    if shift >= 0:
        denominator <<= shift
    else:
        numerator <<= -shift
    return (2 * numerator + denominator) // (2 * denominator)


def _grisu2(value: float) -> tuple[str, int]:
    """Return digits and decimal exponent: value is about digits * 10**exponent."""
    bits = struct.unpack("<Q", struct.pack("<d", value))[0]
    biased, significand = bits >> 52, bits & (_HIDDEN_BIT - 1)
    if biased:
        exact = _Scaled(significand + _HIDDEN_BIT, biased - _EXPONENT_BIAS)
    else:
        exact = _Scaled(significand, 1 - _EXPONENT_BIAS)
    upper = _Scaled(2 * exact.significand + 1, exact.exponent - 1).normalized()
    if exact.significand == _HIDDEN_BIT:
        lower = _Scaled(4 * exact.significand - 1, exact.exponent - 2)
    else:
        lower = _Scaled(2 * exact.significand - 1, exact.exponent - 1)
    lower = _Scaled(lower.significand << (lower.exponent - upper.exponent), upper.exponent)

    estimate = math.ceil((-61 - upper.exponent) * _LOG10_OF_2 + 347)
    power = _MIN_CACHED + ((estimate >> 3) + 1) * _CACHED_STEP
    scale = _cached_power(power)
    middle = exact.normalized().times(scale)
    high = upper.times(scale)
    low = lower.times(scale)
    digits, shift = _digits(
        middle.significand, high.significand - 1, low.significand + 1, -high.exponent
    )
    return digits, shift - power


def _digits(middle: int, high: int, low: int, point: int) -> tuple[str, int]:
    """Generate digits of `high` until they are above `low`; `point` is the binary point.

    Returns:
        The digits, moved towards `middle`, and the decimal exponent of the last one.
    """
    delta, distance = high - low, high - middle
    whole, rest = high >> point, high & ((1 << point) - 1)
    written: list[int] = []
    kappa = len(str(whole))
    while kappa > 0:
        kappa -= 1
        digit, whole = divmod(whole, 10**kappa)
        if digit or written:
            written.append(digit)
        remainder = (whole << point) + rest
        if remainder <= delta:
            return _rounded(written, delta, remainder, 10**kappa << point, distance), kappa
    while True:
        kappa -= 1
        rest = rest * 10 & _MASK
        delta = delta * 10 & _MASK
        digit, rest = rest >> point, rest & ((1 << point) - 1)
        if digit or written:
            written.append(digit)
        if rest < delta:
            distance *= 10**-kappa if -kappa < _MAX_ROUNDED_INDEX else 0
            return _rounded(written, delta, rest, 1 << point, distance & _MASK), kappa


def _rounded(written: list[int], delta: int, rest: int, step: int, distance: int) -> str:
    """Lower the last digit while that comes nearer to the value (GrisuRound)."""
    while (
        rest < distance
        and delta - rest >= step
        and (rest + step < distance or distance - rest > rest + step - distance)
    ):
        written[-1] -= 1
        rest += step
    return "".join(map(str, written))


def _layout(digits: str, exponent: int) -> str:
    point = len(digits) + exponent
    if exponent >= 0 and point <= _MAX_PLAIN_DIGITS:
        return digits + "0" * exponent + ".0"
    if 0 < point <= _MAX_PLAIN_DIGITS:
        return digits[:point] + "." + digits[point:]
    if _MIN_PLAIN_EXPONENT < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{point - 1}"
