"""Decimal text against exact arithmetic, and doubles as RapidJSON writes them."""

from __future__ import annotations

import struct
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_parity.serving_api.decimals import decimal_text, decimal_texts
from tfx_parity.serving_api.json_doubles import double_text

EXPONENT_FROM = -5
MOST_DIGITS = 17
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
doubles = st.floats(allow_nan=False, allow_infinity=False)


def percent_g(value: float, digits: int) -> str:
    """Return C's %.{digits}g by exact decimal arithmetic."""
    if value == 0:
        return "-0" if struct.pack(">d", value)[0] else "0"
    context = Context(prec=digits, rounding=ROUND_HALF_EVEN, Emax=9999, Emin=-9999)
    sign, numerals, _ = context.plus(Decimal(value)).as_tuple()
    exponent = context.plus(Decimal(value)).adjusted()
    text = "".join(map(str, numerals)).rstrip("0") or "0"
    prefix = "-" if sign else ""
    if EXPONENT_FROM < exponent < digits:
        whole, part = text[: exponent + 1], text[exponent + 1 :]
        if exponent < 0:
            whole, part = "0", "0" * (-exponent - 1) + text
        return f"{prefix}{whole.ljust(exponent + 1, '0')}{'.' if part else ''}{part}"
    mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
    return f"{prefix}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def reads_back(text: str, value: np.floating) -> bool:
    """Return whether `value` is the one nearest to the decimal, by exact fractions."""
    target = Fraction(Decimal(text))
    with np.errstate(over="ignore"):
        neighbours = [np.nextafter(value, value.dtype.type(sign)) for sign in (-np.inf, np.inf)]
    own = abs(Fraction(float(value)) - target)
    others = [abs(Fraction(float(item)) - target) for item in neighbours if np.isfinite(item)]
    even = not int.from_bytes(value.tobytes(), "little") & 1
    return all(own < other or (own == other and even) for other in others)


def slow_text(value: np.floating) -> str:
    digits = 9 if value.dtype == np.float32 else 17
    text = percent_g(float(value), 6)
    if not reads_back(text, value):
        text = percent_g(float(value), digits)
    return text if "." in text or "e" in text else text + ".0"


@given(floats)
def test_floats_are_written_as_exact_arithmetic_says(value: float) -> None:
    """Six digits if they read back, else nine."""
    assert slow_text(np.float32(value)) == decimal_text(np.float32(value))


@given(
    st.lists(
        st.integers(-(10**10), 10**10).map(lambda value: float(np.float32(value / 10**5))) | floats,
        min_size=40,
        max_size=60,
    )
)
@settings(max_examples=20)
def test_many_floats_are_written_as_each_by_itself(values: list[float]) -> None:
    """Few texts and many are made in different ways, and are the same."""
    array = np.array([*values, float("nan"), float("inf"), 0.0, -0.0], np.float32)

    assert [decimal_text(value) for value in array] == decimal_texts(array)


@given(doubles)
def test_doubles_are_written_as_exact_arithmetic_says(value: float) -> None:
    """Six digits if they read back, else seventeen."""
    assert slow_text(np.float64(value)) == decimal_text(np.float64(value))


@given(st.lists(floats | st.just(float("nan")) | st.just(float("-inf"))))
def test_float32_reads_back_bit_by_bit(values: list[float]) -> None:
    """A client that reads the text into float32 has the server's bits."""
    array = np.array(values, np.float32)

    got = np.array([float(text) for text in decimal_texts(array)], np.float64).astype(np.float32)

    assert array.tobytes() == got.tobytes()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9000000, "9e+06"),
        (999999, "999999.0"),
        (0.5, "0.5"),
        (0.00003, "3e-05"),
        (555557.5, "555557.5"),
        (0.2, "0.2"),
        (1 / 3, "0.333333343"),
        (-0.0, "-0.0"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_known_texts(value: float, text: str) -> None:
    """The values of TF Serving's own json_tensor_test.cc are written as it expects them."""
    assert text == decimal_text(np.float32(value))


@given(doubles)
def test_rapidjson_text_reads_back_the_same_double(value: float) -> None:
    """Grisu2 loses nothing, and needs no more than 17 digits."""
    text = double_text(value)

    assert struct.pack("<d", value) == struct.pack("<d", float(text))
    digits = text.lstrip("-").split("e")[0].replace(".", "").strip("0")
    assert len(digits) <= MOST_DIGITS
