"""Numbers and texts as people read them."""

from __future__ import annotations

import math

import pytest
from alphabet import ALPHABET
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.reporting.wording import (
    TIMES,
    number_text,
    ratio_text,
    share_text,
    short_count_text,
    short_text,
    visible_text,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("1", 1.0),
        ("0.0075", 0.0075),
        ("0.00746", 0.0074595),
        ("12.3", 12.345),
        ("257,044", 257043.53),
        ("-0.172", -0.17161),
        (f"7.91{TIMES}10⁻⁸", 7.908e-8),
        (f"1.5{TIMES}10¹²", 1.5e12),
        ("nan", math.nan),
    ],
)
def test_numbers_have_three_digits(text: str, value: float) -> None:
    """Small and great ones as powers of ten, those between in plain digits."""
    assert text == number_text(value)


@given(st.floats(-1e308, 1e308))
def test_a_number_reads_back_within_a_half_percent(value: float) -> None:
    """What is written is the value, rounded, and 0 only where it is 0."""
    text = number_text(value).replace(",", "")
    mantissa, _, power = text.partition(f"{TIMES}10")
    exponent = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or "0"

    assert float(f"{mantissa}e{exponent}") == pytest.approx(value, rel=0.0051, abs=0)


def test_what_no_tolerance_allows_is_infinite() -> None:
    """None is no small number and no missing one."""
    assert "∞" == ratio_text(None)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("0.00%", 0),
        ("under 0.01%", 1e-9),
        ("0.87%", 0.0087),
        ("over 99.99%", 0.99999),
        ("100.00%", 1),
    ],
)
def test_a_share_never_reads_as_none_or_all_where_it_is_not(text: str, share: float) -> None:
    """Rounding does not turn few into none."""
    assert text == share_text(share)


@given(st.integers(0, 10**12))
def test_short_counts_are_short_and_near(count: int) -> None:
    """At most five characters, within a tenth of the count."""
    text = short_count_text(count)
    value = float(text.rstrip("kMG")) * {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1], 1)

    assert len(text) <= 5
    assert value == pytest.approx(count, rel=0.1)


def test_a_long_text_tells_its_length() -> None:
    """What is cut says so."""
    assert ("abc", "abc… (5 characters)") == (short_text("abc", 3), short_text("abcde", 3))


@given(st.text(ALPHABET))
def test_no_unseen_character_is_left(text: str) -> None:
    """Control characters and turns of direction are gone, all else stays."""
    visible = visible_text(text)

    assert not any((ord(c) < 32 and c not in "\t\n") or c == "\u202e" for c in visible)
    if text.isascii() and text.isprintable():
        assert text == visible
