"""The arithmetic by which RapidJSON 1.1.0 reads a number, which is not exactly rounded.

TF Serving does not set kParseFullPrecisionFlag, so a double can be some units in the last place off
(rapidjson/doc/dom.md). Followed here operation by operation from reader.h, ParseNumber, and
internal/strtod.h, StrtodNormalPrecision, so that the same text gives the same bits.
"""

from __future__ import annotations

_MAX_UINT64 = 2**64 - 1
_MAX_NEGATIVE = 2**63
_MAX_EXACT_SIGNIFICAND = 2**53 - 1
_TENTH_OF_MAX_DOUBLE = 1.7976931348623157e307
_SIGNIFICANT_DIGITS = 17
_MAX_EXPONENT = 308
_EXPONENT_CLAMP = 214748364  # reader.h stops counting a negative exponent there (issue #313)
_SAFE_DIGITS = 18
_EXACT_DIGITS = 15  # of a significand that is below 2**53 whatever its digits are
_EXPONENT_DIGITS = len(str(_EXPONENT_CLAMP))
_ZERO = ord("0")
_POWERS_OF_TEN = tuple(float(f"1e{exponent}") for exponent in range(_MAX_EXPONENT + 1))


class NumberTooBig(ValueError):  # noqa: N818 - named for RapidJSON's kParseErrorNumberTooBig
    """The number exceeds the range of a double in RapidJSON's eyes."""


def integer_token(digits: bytes, *, negative: bool) -> int | float:
    """Return what a token without fraction and exponent becomes.

    Args:
        digits: The digits, without the sign.
        negative: Whether a minus sign stood before them.

    Returns:
        An int within [-2**63, 2**64 - 1]; a float beyond.

    Raises:
        NumberTooBig: If it does not fit into a double.
    """
    if len(digits) <= _SAFE_DIGITS:
        value = int(digits)
        return -value if negative else value
    significand, rest = _integer_part(digits, _MAX_NEGATIVE if negative else _MAX_UINT64)
    if not rest:
        return -significand if negative else significand
    double = _extend(float(significand), rest)
    return -double if negative else double


def decimal_token(digits: bytes, fraction: bytes, exponent: bytes, *, negative: bool) -> float:
    """Return what a token with a fraction or an exponent becomes.

    Args:
        digits: The digits before the decimal point, without the sign.
        fraction: The digits behind the decimal point, empty where there is none.
        exponent: The exponent with its sign, empty where there is none.
        negative: Whether a minus sign stood before the digits.

    Raises:
        NumberTooBig: If it does not fit into a double.
    """
    if not exponent and len(digits) + len(fraction) <= _EXACT_DIGITS:
        double = int(digits + fraction) / _POWERS_OF_TEN[len(fraction)]
        return -double if negative else double
    significand, rest = _integer_part(digits, _MAX_NEGATIVE if negative else _MAX_UINT64)
    shift = 0
    if rest:
        double = _extend(float(significand), rest)
    elif fraction:
        double, shift = _with_fraction(significand, len(digits) - 1, fraction)
    else:
        double = float(significand)
    double = _scale(double, _exponent_value(exponent, _MAX_EXPONENT - shift) + shift)
    return -double if negative else double


def check_integer_part(digits: bytes, *, negative: bool) -> None:
    """Raise NumberTooBig where the digits before a decimal point alone are too big."""
    significand, rest = _integer_part(digits, _MAX_NEGATIVE if negative else _MAX_UINT64)
    if rest:
        _extend(float(significand), rest)


def _integer_part(digits: bytes, limit: int) -> tuple[int, bytes]:
    """Return the longest leading part within `limit`, and the digits behind it."""
    if len(digits) <= _SAFE_DIGITS:
        return int(digits), b""
    value = int(digits[:_SAFE_DIGITS])
    for position in range(_SAFE_DIGITS, len(digits)):
        longer = value * 10 + digits[position] - _ZERO
        if longer > limit:
            return value, digits[position:]
        value = longer
    return value, b""


def _extend(double: float, digits: bytes) -> float:
    for digit in digits:
        if double >= _TENTH_OF_MAX_DOUBLE:
            raise NumberTooBig
        double = double * 10 + (digit - _ZERO)
    return double


def _with_fraction(significand: int, significant: int, fraction: bytes) -> tuple[float, int]:
    """Return significand and decimal exponent of integer part and fraction together.

    `significant` counts digits as reader.h does: the first digit of the integer part not, zeros
    before the first other digit not.
    """
    used = 0
    while used < len(fraction) and significand <= _MAX_EXACT_SIGNIFICAND:
        if significand == 0 and fraction[used] == _ZERO:
            used += len(fraction[used:]) - len(fraction[used:].lstrip(b"0"))
            continue
        significand = significand * 10 + fraction[used] - _ZERO
        used += 1
        significant += 1
    double = float(significand)
    shift = -used
    for digit in fraction[used:]:
        if significant >= _SIGNIFICANT_DIGITS:
            break
        double = double * 10.0 + (digit - _ZERO)
        shift -= 1
        significant += 1
    return double, shift


def _exponent_value(exponent: bytes, largest: int) -> int:
    if not exponent:
        return 0
    digits = exponent.lstrip(b"+-").lstrip(b"0") or b"0"
    value = int(digits[: _EXPONENT_DIGITS + 1])
    if exponent.startswith(b"-"):
        return -min(value, _EXPONENT_CLAMP)
    if value > largest:
        raise NumberTooBig
    return value


def _scale(double: float, exponent: int) -> float:
    if exponent < -_MAX_EXPONENT:
        double = double / _POWERS_OF_TEN[_MAX_EXPONENT]
        exponent += _MAX_EXPONENT
        if exponent < -_MAX_EXPONENT:
            return 0.0
    if exponent >= 0:
        return double * _POWERS_OF_TEN[exponent]
    return double / _POWERS_OF_TEN[-exponent]
