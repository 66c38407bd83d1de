"""The distance of two floats in representable numbers (units in the last place)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


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
    signed = np.dtype(f"i{reference.itemsize}")
    first, second = reference.view(signed), candidate.view(signed)
    # The bits of floats of one sign have the floats' order; across zero both magnitudes count.
    distance = np.subtract(first, second)
    distance = np.abs(distance, out=distance).view(np.dtype(f"u{reference.itemsize}"))
    crossing = np.bitwise_xor(first, second) < 0
    if crossing.any():
        distance[crossing] = _magnitude(first[crossing]) + _magnitude(second[crossing])
    return distance


def _magnitude(bits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.bitwise_and(bits, np.iinfo(bits.dtype).max).view(np.dtype(f"u{bits.itemsize}"))
