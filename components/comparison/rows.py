"""One output, row by row: which examples mismatch, by how much, and where it is worst."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.description import Measured, count_elements, measure_chunk
from tfx_parity.comparison.elements import Rule, are_identical, differences
from tfx_parity.comparison.estimate import Estimate
from tfx_parity.comparison.pairs import RowPairs, Rows
from tfx_parity.comparison.scratch import Scratch
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
    _pairs: RowPairs = field(repr=False)
    _rule: Rule = field(repr=False)
    _first_row: int = field(repr=False)

    @property
    def tolerance(self) -> Tolerance:
        """What the rows were compared with."""
        return self._rule.tolerance

    @property
    def dtype(self) -> str:
        """The name of the reference's dtype; of both sides' where they differ."""
        return " or ".join(sorted(frozenset.union(*self._pairs.dtypes)))

    @cached_property
    def worst_ratio(self) -> npt.NDArray[np.float64]:
        """float64 [count], each row's greatest ratio; +inf where shape or dtype differ."""
        if self.dtype_mismatch is not None:
            return np.full(self.count, np.inf)
        worst = np.where(self.shape_mismatch, np.inf, 0.0)
        with np.errstate(all="ignore"):
            for chunk in self._pairs.chunks():
                if not are_identical(chunk.reference, chunk.candidate):
                    found = differences(chunk.reference, chunk.candidate, self._rule)
                    rows, maxima = chunk.row_maxima(found.ratio)
                    worst[rows] = np.maximum(worst[rows], maxima)
        return worst

    @cached_property
    def statistics(self) -> ComparisonStatistics:
        """Counts, histograms and extremes, to be merged with those of other batches."""
        keeper = WorstKeeper(WORST_KEPT, self._pairs, self._first_row)
        parts = [
            ComparisonStatistics(
                examples=self.count,
                mismatching_examples=int(np.count_nonzero(self.mismatching)),
                shape_mismatches=int(np.count_nonzero(self.shape_mismatch)),
            )
        ]
        with np.errstate(all="ignore"):
            for measured in self._measured():
                parts.append(count_elements(measured))
                keeper.offer(measured)
        return replace(parts[0].merged(*parts[1:]), worst=keeper.elements)

    def worst(self, k: int) -> tuple[WorstElement, ...]:
        """Return up to `k` elements with a ratio above 0, the worst first, ties by row and index.

        Rows whose shapes differ have no pairs of elements: see `shape_mismatch`.
        """
        if k <= WORST_KEPT:
            return self.statistics.worst[:k]
        keeper = WorstKeeper(k, self._pairs, self._first_row)
        with np.errstate(all="ignore"):
            for measured in self._measured():
                keeper.offer(measured)
        return keeper.elements

    def _measured(self) -> Iterator[Measured]:
        chunks = () if self.dtype_mismatch is not None else self._pairs.chunks()
        scratch = Scratch()
        return (measure_chunk(chunk, self._rule, scratch) for chunk in chunks)


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
    rule = Rule(tolerance, non_finite_agrees)
    if pairs.dtype_mismatch is None:
        with np.errstate(all="ignore"):
            mismatching, non_finite = _find_mismatches(pairs, rule)
    else:
        mismatching, non_finite = np.ones(pairs.count, np.bool_), np.zeros(pairs.count, np.bool_)
    return RowComparison(
        count=pairs.count,
        mismatching=mismatching,
        shape_mismatch=pairs.shape_mismatch,
        non_finite_mismatch=non_finite,
        dtype_mismatch=pairs.dtype_mismatch,
        _pairs=pairs,
        _rule=rule,
        _first_row=first_row,
    )


def _find_mismatches(
    pairs: RowPairs, rule: Rule
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    mismatching = pairs.shape_mismatch.copy()
    non_finite = np.zeros(pairs.count, np.bool_)
    scratch = Scratch()
    for chunk in pairs.chunks():
        reference, candidate = chunk.reference, chunk.candidate
        if are_identical(reference, candidate):
            continue
        if Estimate.serves(reference.dtype, rule.tolerance):
            places = Estimate(reference, candidate, rule.tolerance, scratch).suspects()
        else:
            places = np.flatnonzero(reference != candidate)  # what is equal agrees by any rule
        if len(places):
            found = differences(reference[places], candidate[places], rule)
            mismatching[chunk.rows_of(places[found.ratio > 1])] = True
            non_finite[chunk.rows_of(places[found.non_finite])] = True
    return mismatching, non_finite
