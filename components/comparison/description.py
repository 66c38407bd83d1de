"""Counting the elements of one chunk: what `ComparisonStatistics` holds of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.elements import ElementDifferences, same_bits
from tfx_parity.comparison.pairs import Chunk
from tfx_parity.comparison.statistics import (
    RATIO_EDGES,
    ULP_BUCKETS,
    ULP_EDGES,
    ComparisonStatistics,
)
from tfx_parity.comparison.ulps import has_ulps, ulp_distances


@dataclass(frozen=True)
class Measured:
    """The elements of a chunk that were measured: all that are not the same bits on both sides.

    Attributes:
      chunk: The chunk.
      positions: Where in the chunk they lie; None for all of it, equal ones included.
      reference: Their values on the reference's side.
      candidate: Their values on the candidate's side.
      identical: How many elements of the chunk hold the same bits.
      differences: What separates them.
    """

    chunk: Chunk
    positions: npt.NDArray[np.int64] | None
    reference: npt.NDArray[Any]
    candidate: npt.NDArray[Any]
    identical: int
    differences: ElementDifferences


def measure_chunk(
    chunk: Chunk,
    differences: Callable[[npt.NDArray[Any], npt.NDArray[Any]], ElementDifferences],
) -> Measured:
    """Measure, by `differences`, the elements of a chunk that are not the same bits."""
    reference, candidate = chunk.reference, chunk.candidate
    same = same_bits(reference, candidate)
    identical = int(np.count_nonzero(same))
    positions = None
    if 2 * identical > len(same):  # picking costs about as much as measuring
        positions = np.flatnonzero(~same)
        reference, candidate = reference[positions], candidate[positions]
    found = differences(reference, candidate)
    return Measured(chunk, positions, reference, candidate, identical, found)


def count_elements(measured: Measured) -> ComparisonStatistics:
    """Return what `ComparisonStatistics` holds of a chunk's elements, without the worst."""
    found, size = measured.differences, len(measured.chunk.reference)
    nans, infinities = _count_non_finite(measured)
    return ComparisonStatistics(
        elements=size,
        mismatching_elements=int(np.count_nonzero(found.ratio > 1)) if found.max_ratio > 1 else 0,
        non_finite_mismatches=len(found.non_finite),
        max_ratio=found.max_ratio,
        max_absolute_difference=found.max_distance,
        ratio_histogram=_count_by_ratio(found, size),
        ulp_histogram=_count_by_ulps(measured, any(nans) or any(infinities)),
        reference_nans=nans[0],
        candidate_nans=nans[1],
        reference_infinities=infinities[0],
        candidate_infinities=infinities[1],
    )


def _count_non_finite(measured: Measured) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the NaNs and the infinities of the reference and of the candidate."""
    chunk = measured.chunk
    is_finite = measured.positions is None and measured.differences.all_finite
    if is_finite or chunk.reference.dtype.kind not in "fVc":
        return (0, 0), (0, 0)
    reference = candidate = _nans_and_infinities(chunk.reference)
    if measured.identical < len(chunk.reference):
        candidate = _nans_and_infinities(chunk.candidate)
    return (reference[0], candidate[0]), (reference[1], candidate[1])


def _nans_and_infinities(elements: npt.NDArray[Any]) -> tuple[int, int]:
    finite = np.isfinite(elements)
    if finite.all():
        return 0, 0
    nans = int(np.count_nonzero(np.isnan(elements)))
    return nans, len(elements) - int(np.count_nonzero(finite)) - nans


def _count_by_ratio(found: ElementDifferences, size: int) -> tuple[int, ...]:
    """Count in the order of `RATIO_BUCKETS`; elements that were not measured have the ratio 0."""
    ratio = found.ratio
    zeros = size - int(np.count_nonzero(ratio > 0))
    at_most = size
    within = []
    for edge in reversed(RATIO_EDGES):
        if edge < found.max_ratio and at_most > zeros:
            at_most = size - int(np.count_nonzero(ratio > edge))
        within.append(at_most)
    infinite = int(np.count_nonzero(np.isinf(ratio))) if math.isinf(found.max_ratio) else 0
    return _steps([zeros, *reversed(within), size - infinite, size])


def _count_by_ulps(measured: Measured, has_non_finite: bool) -> tuple[int, ...]:
    """Count pairs of finite floats in the order of `ULP_BUCKETS`."""
    reference, candidate = measured.reference, measured.candidate
    if not has_ulps(reference.dtype):
        return (0,) * len(ULP_BUCKETS)
    identical, omitted = measured.identical, len(measured.chunk.reference) - len(reference)
    if has_non_finite:
        reference, candidate = measured.chunk.reference, measured.chunk.candidate
        finite = np.isfinite(reference) & np.isfinite(candidate)
        reference, candidate = reference[finite], candidate[finite]
        identical, omitted = int(np.count_nonzero(same_bits(reference, candidate))), 0
    distance = ulp_distances(reference, candidate)
    within = [omitted + int(np.count_nonzero(distance <= edge)) for edge in ULP_EDGES]
    return _steps([identical, *within, omitted + len(reference)])


def _steps(cumulative: list[int]) -> tuple[int, ...]:
    return tuple(upper - lower for lower, upper in pairwise([0, *cumulative]))
