"""What the bytes of a JSON body say about its numbers, and when RapidJSON's rounding cannot matter.

RapidJSON's arithmetic (json_numbers.py) ends within a few units in the last place of the exactly
rounded double. The conditions here are sufficient, never necessary.
"""

from __future__ import annotations

import re
from array import array
from functools import cached_property

import numpy as np

from tfx_parity.serving_api.dtypes import Array

# A token of at most 16 bytes with a point has 15 digits at most: an exact significand, divided once
# by an exact power of ten. Without a point it is an integer.
_EXACT_TOKEN_BYTES = 16
# An integer part of fewer digits than this fits into 64 bits: the only roundings are those of the
# last digits and of the power of ten, some 8 units at worst. A longer one rounds with each digit,
# and can be refused.
_LONG_INTEGER_DIGITS = 20
_SLACK_ULPS = 16
# From here on, arrays are quicker than the methods of `bytes`.
_SMALL_BODY = 4096
_LARGE_EXPONENT = re.compile(rb"[0-9][eE]\+?[0-9]{3}")
_CERTAIN_BELOW = 2.0**63  # integers beyond are floats to orjson
_CERTAIN_ABOVE = 2.0**-120  # far above where float32 becomes denormal
_SLACK_BELOW, _SLACK_ABOVE = 1 - _SLACK_ULPS * 2.0**-52, 1 + _SLACK_ULPS * 2.0**-52
_EXPONENT = re.compile(rb"[0-9][eE]")
_MANY_ZEROS = b"0" * 300  # of a number that is nearer to zero than a double can be
_BITS_BELOW_FLOAT32 = 52 - 23
_BELOW_FLOAT32 = (1 << _BITS_BELOW_FLOAT32) - 1
_TIE = 1 << (_BITS_BELOW_FLOAT32 - 1)


class NumberTokens:
    """Facts about the bytes of one body, its number tokens above all.

    What stands inside strings counts as well.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body

    def count(self, byte: bytes) -> int:
        """Return how often a byte occurs."""
        if len(self._body) < _SMALL_BODY:
            return self._body.count(byte)
        return int(np.count_nonzero(self._bytes == ord(byte)))

    def doubles_are_exact(self) -> bool:
        """Return whether every number token is read exactly rounded."""
        with_point = self._digits | (self._bytes == ord("."))
        return not self._has_exponent and not _runs(with_point, _EXACT_TOKEN_BYTES + 1).any()

    def floats_are_certain(self, doubles: Array) -> bool:
        """Return whether float32 values are the same however their doubles were rounded.

        Args:
            doubles: float64, the values exactly rounded.
        """
        magnitudes = np.abs(doubles)
        if not magnitudes.size:
            return True
        if magnitudes.max() >= _CERTAIN_BELOW or self._could_have_long_integer_part:
            return False
        if magnitudes.min() < _CERTAIN_ABOVE:
            if magnitudes[magnitudes < _CERTAIN_ABOVE].any():
                return False
            # RapidJSON refuses even 0e309, whatever the digits before the exponent.
            if self._has_exponent and _LARGE_EXPONENT.search(self._body):
                return False
        from_tie = np.abs((doubles.view(np.int64) & _BELOW_FLOAT32) - _TIE)
        return bool(from_tie.min() > _SLACK_ULPS)

    def few_floats_are_certain(self, doubles: list[float]) -> bool:
        """Do the work of `floats_are_certain` for so few values that arrays would cost more."""
        magnitudes = list(map(abs, doubles))
        if max(magnitudes) >= _CERTAIN_BELOW or self._could_have_long_integer_part:
            return False
        if min(magnitudes) < _CERTAIN_ABOVE:
            if any(0 < magnitude < _CERTAIN_ABOVE for magnitude in magnitudes):
                return False
            if self._has_exponent and _LARGE_EXPONENT.search(self._body):
                return False
        # Lists and loops of C take half as long as looking at the bits one by one.
        lower = array("f", [double * _SLACK_BELOW for double in doubles])
        return lower == array("f", [double * _SLACK_ABOVE for double in doubles])

    def zeros_are_written(self) -> bool:
        """Return whether no number can have become zero by being too near to it."""
        return not self._has_exponent and _MANY_ZEROS not in self._body

    @cached_property
    def _bytes(self) -> Array:
        return np.frombuffer(self._body, np.uint8)

    @cached_property
    def _digits(self) -> Array:
        return (self._bytes - np.uint8(ord("0"))) < 10  # noqa: PLR2004 - wraps below "0"

    @cached_property
    def _has_exponent(self) -> bool:
        if len(self._body) < _SMALL_BODY:
            return _EXPONENT.search(self._body) is not None
        marks = (self._bytes | np.uint8(0x20)) == ord("e")
        return bool((self._digits[:-1] & marks[1:]).any())

    @property
    def _could_have_long_integer_part(self) -> bool:
        """Whether a number below 2**63 could have one: with a negative exponent only."""
        if len(self._body) < _SMALL_BODY:
            body = self._body  # to look for one byte is much quicker than for two
            has_negative_exponent = b"-" in body and (
                b"e-" in body or (b"E" in body and b"E-" in body)
            )
        else:
            marks = (self._bytes[:-1] | np.uint8(0x20)) == ord("e")
            has_negative_exponent = bool((marks & (self._bytes[1:] == ord("-"))).any())
        return has_negative_exponent and self._has_long_integer_part

    @cached_property
    def _has_long_integer_part(self) -> bool:
        starts = np.flatnonzero(_runs(self._digits, _LONG_INTEGER_DIGITS))
        before = self._bytes[starts - 1]  # body starts with no digit: it was an object
        return bool((~self._digits[starts - 1] & (before != ord("."))).any())


def _runs(mask: Array, length: int) -> Array:
    """Return where `length` true values in a row begin, by doubling."""
    width = 1
    while width < length and mask.any():
        step = min(width, length - width)
        mask = mask[:-step] & mask[step:]
        width += step
    return mask
