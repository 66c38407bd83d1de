"""What a chunk's statistics ask of its ratios, answered exactly in either of two ways."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.elements import Rule, differences
from tfx_parity.comparison.estimate import CERTAINTY, SINGLE_PRECISION_DTYPES, Estimate
from tfx_parity.comparison.scratch import Scratch

# Under this, an estimate's roundings are no longer small beside it.
_LEAST_ESTIMATE = 1e-30

Found: TypeAlias = "tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]"


class Measurement(Protocol):
    """Exact answers about the ratios of two flat arrays."""

    @property
    def all_finite(self) -> bool:
        """Whether every value is known to be finite."""

    @property
    def max_ratio(self) -> float:
        """The greatest ratio, 0 without elements."""

    @property
    def max_distance(self) -> float:
        """The greatest distance of finite values, in single precision for dtypes within it."""

    @property
    def non_finite(self) -> int:
        """How many pairs disagree and hold a NaN or an infinity."""

    def count_above(self, edge: float) -> int:
        """Count the elements whose ratio exceeds the edge."""

    def above(self, edge: float) -> Found:
        """Return the positions, ascending, and the ratios of elements that exceed the edge."""


def measure(
    reference: npt.NDArray[Any], candidate: npt.NDArray[Any], rule: Rule, scratch: Scratch
) -> Measurement:
    """Measure two flat arrays, by estimates where they can carry it.

    Args:
      reference: 1-D, the trainer's side.
      candidate: 1-D, of the same length and dtype.
      rule: What agrees.
      scratch: Holds the estimates, which last until it is used for others.
    """
    if Estimate.serves(reference.dtype, rule.tolerance):
        estimate = Estimate(reference, candidate, rule.tolerance, scratch)
        greatest = float(np.max(estimate.ratio, initial=0.0))
        if greatest == 0 or _LEAST_ESTIMATE < greatest < math.inf:
            return EstimatedMeasurement(reference, candidate, rule, estimate, greatest, scratch)
    return ExactMeasurement(reference, candidate, rule)


class ExactMeasurement:
    """Every ratio in double precision."""

    def __init__(
        self, reference: npt.NDArray[Any], candidate: npt.NDArray[Any], rule: Rule
    ) -> None:
        found = differences(reference, candidate, rule)
        self._ratio = found.ratio
        self.all_finite = found.all_finite
        self.max_ratio = found.max_ratio
        is_narrow = reference.dtype.name in SINGLE_PRECISION_DTYPES
        self.max_distance = (
            float(np.float32(found.max_distance)) if is_narrow else found.max_distance
        )
        self.non_finite = len(found.non_finite)

    def count_above(self, edge: float) -> int:
        """Count the elements whose ratio exceeds the edge."""
        return int(np.count_nonzero(self._ratio > edge)) if edge < self.max_ratio else 0

    def above(self, edge: float) -> Found:
        """Return the positions, ascending, and the ratios of elements that exceed the edge."""
        positions = np.flatnonzero(self._ratio > edge)
        return positions, self._ratio[positions]


class EstimatedMeasurement:
    """Every ratio estimated, and in double precision only those for which that is too coarse.

    Serves finite values alone.
    """

    all_finite = True
    non_finite = 0

    def __init__(
        self,
        reference: npt.NDArray[Any],
        candidate: npt.NDArray[Any],
        rule: Rule,
        estimate: Estimate,
        greatest: float,
        scratch: Scratch,
    ) -> None:
        self._sides = reference, candidate
        self._rule = rule
        self._estimate = estimate
        self._greatest = greatest
        self._scratch = scratch

    @cached_property
    def max_ratio(self) -> float:
        """The greatest ratio, 0 without elements."""
        if self._greatest == 0:
            return 0.0
        places = np.flatnonzero(self._estimate.ratio >= np.float32(self._greatest / CERTAINTY))
        return float(self._ratios(places).max())

    @cached_property
    def max_distance(self) -> float:
        """The greatest distance, in single precision, 0 without elements."""
        return float(np.max(self._estimate.distance, initial=0.0))

    def count_above(self, edge: float) -> int:
        """Count the elements whose ratio exceeds the edge."""
        if edge >= self._greatest:
            return 0
        ratio, certain = self._estimate.ratio, np.float32(edge * CERTAINTY)
        above = self._scratch.count(np.greater, ratio, certain)
        if edge == 0 or above == self._scratch.count(np.greater, ratio, np.float32(edge)):
            return above
        uncertain = np.flatnonzero((ratio > np.float32(edge)) & (ratio <= certain))
        return above + int(np.count_nonzero(self._ratios(uncertain) > edge))

    def above(self, edge: float) -> Found:
        """Return the positions, ascending, and the ratios of elements that exceed the edge."""
        estimated_edge = np.float32(edge if edge > _LEAST_ESTIMATE else 0)
        positions = np.flatnonzero(self._estimate.ratio > estimated_edge)
        ratios = self._ratios(positions)
        exceeds = ratios > edge
        return positions[exceeds], ratios[exceeds]

    def _ratios(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        reference, candidate = (side[positions] for side in self._sides)
        return differences(reference, candidate, self._rule).ratio
