"""Tensors on evenly spaced levels, told from those that are not."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.canary.grid import lies_on_grid, narrow_type


def _weights(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _quantised(value: np.ndarray, axis: int | None, low: int, high: int) -> np.ndarray:
    """Return weights as an affine quantiser leaves them: 256 levels between their ends."""
    others = None if axis is None else tuple(a for a in range(value.ndim) if a != axis)
    least, most = (f(value, axis=others, keepdims=True) for f in (np.min, np.max))
    scale = ((most - least) / np.float32(high - low)).astype(np.float32)
    zero = np.round(low - least / scale)
    codes = np.clip(np.round(value / scale) + zero, low, high)
    return ((codes - zero) * scale).astype(np.float32)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([None, 0, 1]),
    st.sampled_from([(-128, 127), (0, 255), (-7, 7)]),
)
def test_quantised_weights_lie_on_a_grid(
    seed: int, axis: int | None, levels: tuple[int, int]
) -> None:
    """By tensor or by channel, signed or not, in eight bits or four."""
    assert lies_on_grid(_quantised(_weights(seed, 12, 9), axis, *levels))


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float16, np.float32]))
def test_other_weights_lie_on_none(seed: int, through: type) -> None:
    """Neither trained weights nor those of a floating type of fewer bits."""
    assert not lies_on_grid(_weights(seed, 12, 9).astype(through).astype(np.float32))


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((4, 4), np.float32),
        np.float32([1, 2, 4]),
        np.array(3.0, np.float32),
        np.zeros((0, 3), np.float32),
        np.arange(16),
        np.array([b"a", b"b"], dtype=object),
        np.float32([1, 2, 3, np.nan, 5, 6]),
    ],
    ids=["constant", "few values", "scalar", "empty", "integers", "strings", "nan"],
)
def test_what_cannot_be_told_lies_on_none(value: np.ndarray) -> None:
    """Fewer than five distinct values lie on a grid by chance; only finite floats are weights."""
    assert not lies_on_grid(value)


def test_one_channel_off_its_grid_is_enough() -> None:
    """A tensor is quantised in every channel, or not at all."""
    value = _quantised(_weights(1, 12, 9), 1, -127, 127)
    value[:, 4] = _weights(2, 12)

    assert not lies_on_grid(value)


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float16, ml_dtypes.bfloat16]))
def test_weights_that_went_through_16_bits_are_told(seed: int, through: type) -> None:
    """What a narrower type holds exactly, in a wider one."""
    value = _weights(seed, 6, 4)

    assert "" == narrow_type(value)
    assert np.dtype(through).name == narrow_type(value.astype(through).astype(np.float32))


@pytest.mark.parametrize(
    "value",
    [
        np.ones((6, 4), np.float32),
        np.float32([0, 1, 2]),
        np.arange(16),
        np.arange(16).astype(np.float16),
        np.float32([1, 2, 3, 4, 5, 1e6 + 1]),
        np.float32([1, 2, 3, 4, 5, np.inf]),
    ],
    ids=["constant", "few values", "integers", "narrow itself", "too large", "infinite"],
)
def test_what_cannot_be_told_went_through_no_16_bits(value: np.ndarray) -> None:
    """Few values are round by chance; a type that is narrow itself lost nothing on the way."""
    assert "" == narrow_type(value)
