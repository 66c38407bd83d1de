"""The distance of two floats in representable numbers (units in the last place)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.statistics import ULP_EDGES


def has_ulps(dtype: np.dtype[Any]) -> bool:
    """Tell whether the dtype is a real float, numpy's or bfloat16."""
    return dtype.kind in "fV"


def ulp_distances(reference: npt.NDArray[Any], candidate: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Count the representable numbers from one to the other.

    -0.0 and +0.0 are one number. Meaningless for NaN.

    Args:
      reference: 1-D, float16, bfloat16, float32 or float64.
      candidate: 1-D, of the same length and dtype.

    Returns:
      Unsigned integers as wide as the dtype, [n].
    """
    first, second = _ordered(reference), _ordered(candidate)
    # The smaller from the larger: the difference may exceed the signed type, never the unsigned.
    distance = np.subtract(np.maximum(first, second), np.minimum(first, second))
    return distance.view(np.dtype(f"u{reference.itemsize}"))


def count_by_ulps(
    reference: npt.NDArray[Any], candidate: npt.NDArray[Any], identical: int, omitted: int
) -> tuple[int, ...]:
    """Count pairs of finite floats in the order of `ULP_BUCKETS`.

    Args:
      reference: 1-D float array, finite.
      candidate: 1-D, of the same length and dtype, finite.
      identical: How many of all pairs hold the same bits.
      omitted: How many of those are left out of the arrays.
    """
    distance = ulp_distances(reference, candidate)
    within = [omitted + int(np.count_nonzero(distance <= edge)) for edge in ULP_EDGES]
    cumulative = [0, identical, *within, omitted + len(reference)]
    return tuple(upper - lower for lower, upper in pairwise(cumulative))


def _ordered(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Map floats to signed integers of the same order, both zeros to 0."""
    bits = values.view(np.dtype(f"i{values.itemsize}"))
    magnitude = bits & np.iinfo(bits.dtype).max
    return np.where(bits < 0, -magnitude, magnitude)
