"""What differs between the TFX lines is the same on both."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.tfx_lines import number_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(1e6), "1000000.0"),
        (np.float32(16_777_216), "16777216.0"),
        (np.float32(16.7), "16.7"),
        (np.float32(1e-7), "1e-07"),
        (np.float64(1.7e9), "1700000000.0"),
        (np.float16(2048), "2048.0"),
        (ml_dtypes.bfloat16(3e6), "2998270.0"),
        (np.float32("nan"), "nan"),
        (np.float32("-inf"), "-inf"),
        (np.int64(-(2**63)), "-9223372036854775808"),
        (np.uint8(7), "7"),
        (np.bool_(True), "True"),
    ],
)
def test_a_numbers_text_is_the_same_under_each_numpy(value: np.generic, text: str) -> None:
    """Whole floats up to a quadrillion have no exponent, whatever their dtype."""
    assert text == number_text(value)


@given(st.floats(width=32, allow_nan=False))
def test_a_floats_text_reads_back_as_the_same_value(value: float) -> None:
    """No digit that matters is lost."""
    assert np.float32(value) == np.float32(number_text(np.float32(value)))
