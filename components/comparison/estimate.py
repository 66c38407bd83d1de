"""Ratios in single precision: half the work of exact ones, and enough to leave most of it undone.

The estimated ratio `q` of an element whose exact ratio is `r` satisfies `r <= q <= r * (1 + 2e-6)`:
the allowance is made smaller by a millionth, which outweighs the roundings of single precision
(six of at most 6e-8 each), and tolerances that could make it underflow or overflow are not served.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.scratch import Scratch
from tfx_parity.comparison.tolerance import Tolerance

SINGLE_PRECISION_DTYPES = ("float32", "float16", "bfloat16")
_LEAST_TOLERANCE = 1e-30
_GREATEST_ATOL = 1.0
_GREATEST_RTOL = 0.5

# An element whose estimate exceeds `bar * CERTAINTY` has an exact ratio above `bar`.
CERTAINTY = 1 + 3e-6
_MARGIN = np.float32(1 - 1e-6)


class Estimate:
    """The estimated ratios of two flat arrays, until its scratch is used for others.

    Attributes:
      distance: float32 [n], |candidate - reference|, off by one rounding; NaN or infinite where a
        side is.
    """

    def __init__(
        self,
        reference: npt.NDArray[Any],
        candidate: npt.NDArray[Any],
        tolerance: Tolerance,
        scratch: Scratch,
    ) -> None:
        first = reference.astype(np.float32, copy=False)
        second = candidate.astype(np.float32, copy=False)
        distance = scratch.take("distance", len(first), np.float32)
        np.abs(np.subtract(second, first, out=distance), out=distance)
        allowance = np.abs(first, out=scratch.take("allowance", len(first), np.float32))
        np.multiply(allowance, np.float32(tolerance.rtol) * _MARGIN, out=allowance)
        np.add(allowance, np.float32(tolerance.atol) * _MARGIN, out=allowance)
        self.distance: npt.NDArray[np.float32] = distance
        self._allowance: npt.NDArray[np.float32] = allowance
        self._scratch = scratch

    @staticmethod
    def serves(dtype: np.dtype[Any], tolerance: Tolerance) -> bool:
        """Tell whether single precision holds the dtype and its roundings stay relative."""
        return (
            dtype.name in SINGLE_PRECISION_DTYPES
            and _LEAST_TOLERANCE <= tolerance.atol <= _GREATEST_ATOL
            and (tolerance.rtol == 0 or _LEAST_TOLERANCE <= tolerance.rtol <= _GREATEST_RTOL)
        )

    @cached_property
    def ratio(self) -> npt.NDArray[np.float32]:
        """float32 [n]; zero where and only where the sides are equal, NaN or infinite with them."""
        ratio = self._scratch.take("ratio", len(self.distance), np.float32)
        return np.divide(self.distance, self._allowance, out=ratio)

    def suspects(self) -> npt.NDArray[np.int64]:
        """Return the positions of all elements that may mismatch, ascending."""
        # Strictly less: a NaN and two infinities both stay suspects.
        agrees = self._scratch.take("mask", len(self.distance), np.bool_)
        np.less(self.distance, self._allowance, out=agrees)
        if agrees.all():
            return np.empty(0, np.int64)
        return np.flatnonzero(np.logical_not(agrees, out=agrees))
