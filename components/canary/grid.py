"""Whether a tensor's values are fewer than its type could hold, as those of rounded weights are."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from tfx_parity.serving_api.dtypes import Array

_MOST_LEVELS = 256
# Of a step. Levels made in float32 lie within 1e-5 of it; fewer than five distinct values lie on
# some grid by chance too often.
_TOLERANCE = 1e-3
_FEWEST_VALUES = 5
_FIRST_LOOK = 4096
# The coarser one first: float16 holds nearly all of bfloat16's numbers of common size.
_NARROW = (ml_dtypes.bfloat16, np.float16)


def narrow_type(value: Array) -> str:
    """Return the type of 16 bits that holds a tensor of a wider type exactly; empty where none.

    Tensors of too few distinct values to tell have none.

    Args:
        value: A tensor of any dtype.
    """
    is_wide = value.dtype in (np.float32, np.float64)
    if not is_wide or len(np.unique(value)) < _FEWEST_VALUES or not np.isfinite(value).all():
        return ""
    with np.errstate(over="ignore"):
        found = [t for t in _NARROW if np.array_equal(value, value.astype(t).astype(value.dtype))]
    return np.dtype(found[0]).name if found else ""


def lies_on_grid(value: Array) -> bool:
    """Return whether a tensor lies on at most 256 evenly spaced levels.

    One grid for the whole tensor, or one for each channel of its first or last axis: the ways in
    which weights are quantised to int8. Tensors of too few distinct values to tell lie on none.

    Args:
        value: A tensor of any dtype; only floating ones can lie on a grid.
    """
    if value.size < _FEWEST_VALUES or not np.issubdtype(value.dtype, np.floating):
        return False
    if not np.isfinite(value).all():
        return False
    if _all_on_grids(value.reshape(1, -1)):
        return True
    axes = (-1, 0) if value.ndim > 1 else ()
    return any(
        _all_on_grids(np.moveaxis(value, axis, 0).reshape(value.shape[axis], -1)) for axis in axes
    )


def _all_on_grids(rows: Array) -> bool:
    """Whether each row lies on a grid of its own, and one of them has enough values to tell."""
    can_tell = False
    for row in rows:
        if len(np.unique(row[:_FIRST_LOOK])) > _MOST_LEVELS:
            return False
        values = np.unique(row.astype(np.float64))
        if not _is_even(values):
            return False
        can_tell = can_tell or len(values) >= _FEWEST_VALUES
    return can_tell


def _is_even(values: NDArray[np.float64]) -> bool:
    """Whether sorted distinct values are whole steps apart, of at most 255 steps in all."""
    if len(values) <= 2:  # noqa: PLR2004 - two values are one step apart
        return True
    if len(values) > _MOST_LEVELS:
        return False
    parts = (values - values[0]) / (values[-1] - values[0])
    steps = parts * np.arange(1, _MOST_LEVELS)[:, np.newaxis]
    return bool((np.abs(steps - np.round(steps)) < _TOLERANCE).all(axis=1).any())
