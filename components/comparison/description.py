"""Counting the elements of one chunk: what `ComparisonStatistics` holds of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.elements import ElementDifferences, differences
from tfx_parity.comparison.pairs import Chunk
from tfx_parity.comparison.statistics import RATIO_EDGES, ComparisonStatistics
from tfx_parity.comparison.tolerance import Tolerance
from tfx_parity.comparison.ulps import count_by_ulps, has_ulps


@dataclass(frozen=True)
class Differing:
    """The elements of a chunk that are not the same bits, and what separates them.

    Attributes:
      chunk: The chunk.
      positions: Where in the chunk they lie; None for all of it, which may then hold equal ones.
      identical: How many elements of the chunk hold the same bits.
      differences: Measured for `positions`.
    """

    chunk: Chunk
    positions: npt.NDArray[np.int64] | None
    identical: int
    differences: ElementDifferences


def find_differing(chunk: Chunk, tolerance: Tolerance, non_finite_agrees: bool) -> Differing:
    """Measure the elements of a chunk that are not the same bits on both sides."""
    reference, candidate = chunk.reference, chunk.candidate
    same = _same_bits(reference, candidate)
    identical = int(np.count_nonzero(same))
    positions = None
    if 2 * identical > len(same):  # picking costs about as much as measuring
        positions = np.flatnonzero(~same)
        reference, candidate = reference[positions], candidate[positions]
    found = differences(reference, candidate, tolerance, non_finite_agrees=non_finite_agrees)
    return Differing(chunk, positions, identical, found)


def count_elements(differing: Differing) -> ComparisonStatistics:
    """Return what `ComparisonStatistics` holds of a chunk's elements, without the worst."""
    chunk, found = differing.chunk, differing.differences
    size = len(chunk.reference)
    reference_nans, reference_infinities = _count_non_finite(chunk.reference)
    candidate_nans, candidate_infinities = _count_non_finite(chunk.candidate)
    all_finite = not (
        reference_nans or reference_infinities or candidate_nans or candidate_infinities
    )
    return ComparisonStatistics(
        elements=size,
        mismatching_elements=int(np.count_nonzero(found.ratio > 1)),
        non_finite_mismatches=int(np.count_nonzero(found.non_finite)),
        max_ratio=float(np.max(found.ratio, initial=0.0)),
        max_absolute_difference=float(np.max(found.distance, initial=0.0)),
        ratio_histogram=_count_by_ratio(found.ratio, size),
        ulp_histogram=_count_ulps(differing, all_finite),
        reference_nans=reference_nans,
        reference_infinities=reference_infinities,
        candidate_nans=candidate_nans,
        candidate_infinities=candidate_infinities,
    )


def _same_bits(reference: npt.NDArray[Any], candidate: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if reference.dtype.kind in "Oc":
        return np.asarray(reference == candidate, dtype=np.bool_)
    bits = np.dtype(f"u{reference.itemsize}")
    return np.equal(reference.view(bits), candidate.view(bits))


def _count_non_finite(elements: npt.NDArray[Any]) -> tuple[int, int]:
    if elements.dtype.kind not in "fVc":
        return 0, 0
    finite = np.isfinite(elements)
    if finite.all():
        return 0, 0
    nans = int(np.count_nonzero(np.isnan(elements)))
    return nans, len(elements) - int(np.count_nonzero(finite)) - nans


def _count_by_ratio(ratio: npt.NDArray[np.float64], size: int) -> tuple[int, ...]:
    """Count in the order of `RATIO_BUCKETS`; elements that were not measured have the ratio 0."""
    greatest = np.max(ratio, initial=0.0)
    zeros = size - int(np.count_nonzero(ratio))
    at_most = size
    within = []
    for edge in reversed(RATIO_EDGES):
        if edge < greatest and at_most > zeros:
            at_most = size - int(np.count_nonzero(ratio > edge))
        within.append(at_most)
    infinite = int(np.count_nonzero(np.isinf(ratio))) if np.isinf(greatest) else 0
    cumulative = [0, zeros, *reversed(within), size - infinite, size]
    return tuple(upper - lower for lower, upper in pairwise(cumulative))


def _count_ulps(differing: Differing, all_finite: bool) -> tuple[int, ...]:
    chunk, identical, positions = differing.chunk, differing.identical, differing.positions
    reference, candidate = chunk.reference, chunk.candidate
    omitted = 0
    if not has_ulps(reference.dtype):
        return ComparisonStatistics().ulp_histogram
    if not all_finite:
        finite = np.isfinite(reference) & np.isfinite(candidate)
        reference, candidate = reference[finite], candidate[finite]
        identical = int(np.count_nonzero(_same_bits(reference, candidate)))
    elif positions is not None:
        reference, candidate = reference[positions], candidate[positions]
        omitted = identical
    return count_by_ulps(reference, candidate, identical, omitted)
