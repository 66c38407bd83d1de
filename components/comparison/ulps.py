"""The distance of two floats in representable numbers (units in the last place)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.scratch import Scratch
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
    distance = _within_one_sign(reference, candidate, Scratch())
    bits = reference.view(_signed(reference.dtype)), candidate.view(_signed(candidate.dtype))
    crossing = np.bitwise_xor(*bits) < 0
    distance[crossing] = _magnitude(bits[0][crossing]) + _magnitude(bits[1][crossing])
    return distance


def count_within_ulps(
    reference: npt.NDArray[Any], candidate: npt.NDArray[Any], scratch: Scratch
) -> list[int]:
    """Count the pairs of finite floats that are at most each of `ULP_EDGES` apart."""
    distance = _within_one_sign(reference, candidate, scratch)
    # Across zero the bits lie further apart than the last edge, for finite floats of any dtype:
    # only there can a distance be too great.
    beyond = np.greater(distance, ULP_EDGES[-1], out=scratch.take("mask", len(distance), np.bool_))
    if beyond.any():
        places = np.flatnonzero(beyond)
        distance[places] = ulp_distances(reference[places], candidate[places])
    return [scratch.count(np.less_equal, distance, edge) for edge in ULP_EDGES]


def _within_one_sign(
    reference: npt.NDArray[Any], candidate: npt.NDArray[Any], scratch: Scratch
) -> npt.NDArray[Any]:
    """Subtract bits, which have the order of floats of one sign; wrong across zero."""
    signed = _signed(reference.dtype)
    distance = scratch.take("ulps", len(reference), signed)
    np.subtract(reference.view(signed), candidate.view(signed), out=distance)
    return np.abs(distance, out=distance).view(np.dtype(f"u{reference.itemsize}"))


def _signed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"i{dtype.itemsize}")


def _magnitude(bits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.bitwise_and(bits, np.iinfo(bits.dtype).max).view(np.dtype(f"u{bits.itemsize}"))
