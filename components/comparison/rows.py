"""One output, row by row: which examples mismatch, by how much, and where it is worst."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.description import Differing, count_elements, find_differing
from tfx_parity.comparison.elements import are_identical, differences, may_mismatch
from tfx_parity.comparison.pairs import RowPairs, Rows
from tfx_parity.comparison.statistics import WORST_KEPT, ComparisonStatistics, WorstElement
from tfx_parity.comparison.tolerance import Tolerance
from tfx_parity.comparison.worst import WorstKeeper

__all__ = ["RowComparison", "WorstElement", "compare_rows"]


@dataclass(frozen=True, eq=False)
class RowComparison:
    """Which rows of one output mismatch.

    The masks are made at once; `worst_ratio`, `statistics` and `worst` read the rows again when
    they are first asked for, so the rows must not be changed meanwhile.

    Attributes:
      count: The number of rows; 0 proves nothing, and it is the caller's to say so.
      mismatching: bool [count], rows with a mismatching element, another shape or another dtype.
      shape_mismatch: bool [count], rows whose shapes differ.
      non_finite_mismatch: bool [count], rows with a NaN or an infinity that the other side does
        not have.
      dtype_mismatch: The dtypes of both sides where they differ: every row mismatches, and no
        element is compared.
    """

    count: int
    mismatching: npt.NDArray[np.bool_]
    shape_mismatch: npt.NDArray[np.bool_]
    non_finite_mismatch: npt.NDArray[np.bool_]
    dtype_mismatch: tuple[str, str] | None
    _pairs: RowPairs
    _tolerance: Tolerance
    _non_finite_agrees: bool
    _first_row: int

    @cached_property
    def worst_ratio(self) -> npt.NDArray[np.float64]:
        """float64 [count], each row's greatest ratio; +inf where shape or dtype differ."""
        worst = np.zeros(self.count)
        if self.dtype_mismatch is not None:
            worst[:] = np.inf
            return worst
        for chunk in self._pairs.chunks():
            if are_identical(chunk.reference, chunk.candidate):
                continue
            found = differences(
                chunk.reference,
                chunk.candidate,
                self._tolerance,
                non_finite_agrees=self._non_finite_agrees,
            )
            rows, maxima = chunk.row_maxima(found.ratio)
            worst[rows] = np.maximum(worst[rows], maxima)
        worst[self.shape_mismatch] = np.inf
        return worst

    @cached_property
    def statistics(self) -> ComparisonStatistics:
        """Counts, histograms and extremes, to be merged with those of other batches."""
        return replace(
            self._describe_elements(),
            examples=self.count,
            mismatching_examples=int(np.count_nonzero(self.mismatching)),
            shape_mismatches=int(np.count_nonzero(self.shape_mismatch)),
        )

    def worst(self, k: int) -> tuple[WorstElement, ...]:
        """Return up to `k` elements with a ratio above 0, the worst first, ties by row and index.

        Rows whose shapes differ have no pairs of elements: see `shape_mismatch`.
        """
        if k <= WORST_KEPT:
            return self.statistics.worst[:k]
        keeper = WorstKeeper(k, self._pairs, self._first_row)
        for differing in self._differing():
            keeper.offer(differing)
        return keeper.elements

    def _describe_elements(self) -> ComparisonStatistics:
        keeper = WorstKeeper(WORST_KEPT, self._pairs, self._first_row)
        total = ComparisonStatistics()
        for differing in self._differing():
            total = total.merged(count_elements(differing))
            keeper.offer(differing)
        return replace(total, worst=keeper.elements)

    def _differing(self) -> Iterator[Differing]:
        if self.dtype_mismatch is not None:
            return
        for chunk in self._pairs.chunks():
            yield find_differing(chunk, self._tolerance, self._non_finite_agrees)


def compare_rows(
    reference: Rows,
    candidate: Rows,
    tolerance: Tolerance,
    *,
    non_finite_agrees: bool = False,
    first_row: int = 0,
) -> RowComparison:
    """Compare two sides of one output, one row an example.

    A row mismatches where an element's ratio exceeds 1, or its shape differs, or the output's
    dtype does. A NaN agrees with a NaN at the same place, an infinity with one of its sign, -0.0
    with +0.0. Rows are compared in their order, never sorted and never cut to the shorter side.

    Args:
      reference: The trainer's side: an array whose leading axis is the example, or one array an
        example. Floats (bfloat16 too), complex numbers, integers, booleans, or bytes as objects.
      candidate: The canary's side, in the same order.
      tolerance: The allowance of each element.
      non_finite_agrees: Whether any NaN or infinity agrees with any other, as in the coverage set.
      first_row: The number of the first row among all batches, in which `worst` counts.

    Raises:
      ValueError: If the numbers of rows differ.
      TypeError: If a side cannot be compared.
    """
    pairs = RowPairs(reference, candidate)
    if pairs.dtype_mismatch is None:
        mismatching, non_finite = _find_mismatches(pairs, tolerance, non_finite_agrees)
    else:
        mismatching, non_finite = np.ones(pairs.count, np.bool_), np.zeros(pairs.count, np.bool_)
    return RowComparison(
        count=pairs.count,
        mismatching=mismatching,
        shape_mismatch=pairs.shape_mismatch,
        non_finite_mismatch=non_finite,
        dtype_mismatch=pairs.dtype_mismatch,
        _pairs=pairs,
        _tolerance=tolerance,
        _non_finite_agrees=non_finite_agrees,
        _first_row=first_row,
    )


def _find_mismatches(
    pairs: RowPairs, tolerance: Tolerance, non_finite_agrees: bool
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    mismatching = pairs.shape_mismatch.copy()
    non_finite = np.zeros(pairs.count, np.bool_)
    for chunk in pairs.chunks():
        if are_identical(chunk.reference, chunk.candidate):
            continue
        suspects = may_mismatch(chunk.reference, chunk.candidate, tolerance)
        places = slice(None) if suspects is None else np.flatnonzero(suspects)
        found = differences(
            chunk.reference[places],
            chunk.candidate[places],
            tolerance,
            non_finite_agrees=non_finite_agrees,
        )
        if np.max(found.ratio, initial=0.0) > 1:
            positions = np.arange(len(chunk.reference))[places]
            mismatching[chunk.rows_of(positions[found.ratio > 1])] = True
            non_finite[chunk.rows_of(positions[found.non_finite])] = True
    return mismatching, non_finite
