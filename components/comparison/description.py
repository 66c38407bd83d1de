"""Counting the elements of one chunk: what `ComparisonStatistics` holds of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.elements import Rule, same_bits
from tfx_parity.comparison.measurement import Measurement, measure
from tfx_parity.comparison.pairs import Chunk
from tfx_parity.comparison.scratch import Scratch
from tfx_parity.comparison.statistics import (
    RATIO_EDGES,
    ULP_BUCKETS,
    ComparisonStatistics,
)
from tfx_parity.comparison.ulps import count_within_ulps, has_ulps


@dataclass(frozen=True)
class Measured:
    """The elements of a chunk that were measured: all that are not the same bits on both sides.

    Attributes:
      chunk: The chunk.
      positions: Where in the chunk they lie; None for all of it, equal ones included.
      reference: Their values on the reference's side.
      candidate: Their values on the candidate's side.
      identical: How many elements of the chunk hold the same bits.
      measurement: Their ratios.
      scratch: For counting.
    """

    chunk: Chunk
    positions: npt.NDArray[np.int64] | None
    reference: npt.NDArray[Any]
    candidate: npt.NDArray[Any]
    identical: int
    measurement: Measurement
    scratch: Scratch


def measure_chunk(chunk: Chunk, rule: Rule, scratch: Scratch) -> Measured:
    """Measure the elements of a chunk that are not the same bits.

    What is returned lasts until `scratch` is used for another chunk.
    """
    reference, candidate = chunk.reference, chunk.candidate
    same = same_bits(reference, candidate)
    identical = int(np.count_nonzero(same))
    positions = None
    if 2 * identical > len(same):  # picking costs about as much as measuring
        positions = np.flatnonzero(np.logical_not(same, out=same))
        reference, candidate = reference[positions], candidate[positions]
    measurement = measure(reference, candidate, rule, scratch)
    return Measured(chunk, positions, reference, candidate, identical, measurement, scratch)


def count_elements(measured: Measured) -> ComparisonStatistics:
    """Return what `ComparisonStatistics` holds of a chunk's elements, without the worst."""
    measurement, size = measured.measurement, len(measured.chunk.reference)
    nans, infinities = _count_non_finite(measured)
    return ComparisonStatistics(
        elements=size,
        mismatching_elements=measurement.count_above(1.0),
        non_finite_mismatches=measurement.non_finite,
        max_ratio=measurement.max_ratio,
        max_absolute_difference=measurement.max_distance,
        ratio_histogram=_count_by_ratio(measurement, size),
        ulp_histogram=_count_by_ulps(measured, nans[0] + infinities[0]),
        reference_nans=nans[0],
        candidate_nans=nans[1],
        reference_infinities=infinities[0],
        candidate_infinities=infinities[1],
    )


def _count_non_finite(measured: Measured) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the NaNs and the infinities of the reference and of the candidate."""
    chunk = measured.chunk
    is_finite = measured.positions is None and measured.measurement.all_finite
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


def _count_by_ratio(measurement: Measurement, size: int) -> tuple[int, ...]:
    """Count in the order of `RATIO_BUCKETS`; elements that were not measured have the ratio 0."""
    edges = (0.0, *RATIO_EDGES, sys.float_info.max)
    return _steps([*(size - measurement.count_above(edge) for edge in edges), size])


def _count_by_ulps(measured: Measured, reference_non_finite: int) -> tuple[int, ...]:
    """Count pairs of finite floats in the order of `ULP_BUCKETS`."""
    reference, candidate = measured.reference, measured.candidate
    if not has_ulps(reference.dtype):
        return (0,) * len(ULP_BUCKETS)
    unmeasured = len(measured.chunk.reference) - len(reference)
    same = measured.identical - unmeasured
    if not measured.measurement.all_finite:
        finite = np.isfinite(reference)
        reference_non_finite -= len(finite) - int(np.count_nonzero(finite))
        finite &= np.isfinite(candidate)
        reference, candidate = reference[finite], candidate[finite]
        same = int(np.count_nonzero(same_bits(reference, candidate)))
    # What was not measured is the same on both sides, its NaNs and infinities too.
    unmeasured -= reference_non_finite
    within = count_within_ulps(reference, candidate, measured.scratch)
    return _steps([unmeasured + count for count in (same, *within, len(reference))])


def _steps(cumulative: list[int]) -> tuple[int, ...]:
    return tuple(upper - lower for lower, upper in pairwise([0, *cumulative]))
