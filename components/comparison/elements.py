"""The difference of two flat arrays, element by element, for every dtype that a model answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.tolerance import Tolerance

_Floats = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]

# Single precision screens what double precision decides. Its five roundings put the ratio off by
# less than 1e-6; the ranges keep underflow and overflow out of them.
_SCREEN_MARGIN = np.float32(1 - 1e-6)
_SCREEN_ATOL = (1e-30, 1e30)
_SCREEN_MAX_RTOL = 0.5
_SCREENED_DTYPES = ("float32", "float16", "bfloat16")
_PROBED_ELEMENTS = 512


@dataclass(frozen=True)
class ElementDifferences:
    """What separates the elements of two flat arrays.

    Attributes:
      ratio: float64 [n], the distance over the allowance; never NaN, +inf where nothing could
        allow it.
      distance: float64 [n], |candidate - reference|; zero where a side is not finite, and for
        bytes, which have no distance.
      non_finite: bool [n], pairs that disagree and hold a NaN or an infinity.
    """

    ratio: _Floats
    distance: _Floats
    non_finite: _Mask


def differences(
    reference: npt.NDArray[Any],
    candidate: npt.NDArray[Any],
    tolerance: Tolerance,
    *,
    non_finite_agrees: bool = False,
) -> ElementDifferences:
    """Measure every element in double precision.

    A NaN agrees with a NaN, an infinity with one of its sign, -0.0 with +0.0; a pair that holds
    any other NaN or infinity has the ratio +inf.

    Args:
      reference: 1-D, the trainer's side, whose magnitude scales `rtol`.
      candidate: 1-D, of the same length and dtype.
      tolerance: The allowance of each element.
      non_finite_agrees: Whether any NaN or infinity agrees with any other.
    """
    kind = reference.dtype.kind
    if kind in "Ob":
        return _exact_differences(reference, candidate)
    if kind in "iu":
        distance = _integer_distance(reference, candidate)
        magnitude = np.abs(reference.astype(np.float64))
        ratio = _ratio(distance, magnitude, tolerance)
        return ElementDifferences(ratio, distance, np.zeros(len(ratio), np.bool_))
    if kind == "c":
        return _complex_differences(reference, candidate, tolerance, non_finite_agrees)
    return _float_differences(
        reference.astype(np.float64), candidate.astype(np.float64), tolerance, non_finite_agrees
    )


def are_identical(reference: npt.NDArray[Any], candidate: npt.NDArray[Any]) -> bool:
    """Tell whether two flat arrays hold the same bits; NaNs of equal bits included."""
    if reference.dtype.kind == "O":
        return bool(np.all(reference == candidate))
    bits = np.dtype(f"u{min(reference.itemsize, 8)}")
    first, second = reference.view(bits), candidate.view(bits)
    probe = slice(_PROBED_ELEMENTS)  # differing arrays mostly differ at once
    return bool(np.all(first[probe] == second[probe])) and bool(np.all(first == second))


def may_mismatch(
    reference: npt.NDArray[Any], candidate: npt.NDArray[Any], tolerance: Tolerance
) -> _Mask | None:
    """Tell quickly, in single precision, which elements could be a mismatch.

    Returns:
      bool [n], False where an element agrees for certain; None where single precision cannot tell
      for this dtype or tolerance.
    """
    lowest, highest = _SCREEN_ATOL
    in_range = lowest <= tolerance.atol <= highest and tolerance.rtol <= _SCREEN_MAX_RTOL
    if reference.dtype.name not in _SCREENED_DTYPES or not in_range:
        return None
    single = reference.astype(np.float32, copy=False)
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.subtract(candidate.astype(np.float32, copy=False), single)
    np.abs(distance, out=distance)
    allowance = np.abs(single)
    np.multiply(allowance, np.float32(tolerance.rtol) * _SCREEN_MARGIN, out=allowance)
    np.add(allowance, np.float32(tolerance.atol) * _SCREEN_MARGIN, out=allowance)
    # Strictly less: a NaN and two infinities both stay unknown.
    agrees = np.less(distance, allowance)
    return np.logical_not(agrees, out=agrees)


def _exact_differences(
    reference: npt.NDArray[Any], candidate: npt.NDArray[Any]
) -> ElementDifferences:
    unequal = np.asarray(reference != candidate, dtype=np.bool_)
    has_distance = reference.dtype.kind == "b"
    return ElementDifferences(
        ratio=np.where(unequal, np.inf, 0.0),
        distance=unequal.astype(np.float64) if has_distance else np.zeros(len(unequal)),
        non_finite=np.zeros(len(unequal), np.bool_),
    )


def _integer_distance(reference: npt.NDArray[Any], candidate: npt.NDArray[Any]) -> _Floats:
    # The smaller from the larger: what wraps in the signed type is right in the unsigned one.
    larger, smaller = np.maximum(reference, candidate), np.minimum(reference, candidate)
    distance = np.subtract(larger, smaller).view(np.dtype(f"u{reference.itemsize}"))
    return distance.astype(np.float64)


def _float_differences(
    reference: _Floats, candidate: _Floats, tolerance: Tolerance, non_finite_agrees: bool
) -> ElementDifferences:
    finite = np.isfinite(reference) & np.isfinite(candidate)
    clash = np.zeros(len(finite), np.bool_)
    if not finite.all():
        clash = ~finite & ~_non_finite_agreement(reference, candidate, non_finite_agrees)
        reference, candidate = np.where(finite, reference, 0), np.where(finite, candidate, 0)
    with np.errstate(over="ignore"):
        distance = np.subtract(candidate, reference)
    np.abs(distance, out=distance)
    ratio = _ratio(distance, np.abs(reference), tolerance)
    ratio[clash] = np.inf
    return ElementDifferences(ratio, distance, clash)


def _non_finite_agreement(reference: _Floats, candidate: _Floats, non_finite_agrees: bool) -> _Mask:
    if non_finite_agrees:
        return ~np.isfinite(reference) & ~np.isfinite(candidate)
    return (reference == candidate) | (np.isnan(reference) & np.isnan(candidate))


def _complex_differences(
    reference: npt.NDArray[Any],
    candidate: npt.NDArray[Any],
    tolerance: Tolerance,
    non_finite_agrees: bool,
) -> ElementDifferences:
    """Measure complex numbers by their modulus, their NaNs and infinities part by part."""
    first, second = reference.astype(np.complex128), candidate.astype(np.complex128)
    finite = np.isfinite(first) & np.isfinite(second)
    if non_finite_agrees:
        agreement = ~np.isfinite(first) & ~np.isfinite(second)
    else:
        agreement = _non_finite_agreement(first.real, second.real, False)
        agreement &= _non_finite_agreement(first.imag, second.imag, False)
    clash = ~finite & ~agreement
    first, second = np.where(finite, first, 0), np.where(finite, second, 0)
    # hypot of the parts: numpy's abs of a complex number rounds otherwise at other lengths.
    with np.errstate(over="ignore"):
        distance = np.hypot(second.real - first.real, second.imag - first.imag)
        magnitude = np.hypot(first.real, first.imag)
    ratio = _ratio(distance, magnitude, tolerance)
    ratio[clash] = np.inf
    return ElementDifferences(ratio, distance, clash)


def _ratio(distance: _Floats, magnitude: _Floats, tolerance: Tolerance) -> _Floats:
    """Divide distance by allowance; writes into `magnitude`, which the caller gives up."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        np.multiply(magnitude, tolerance.rtol, out=magnitude)
        np.add(magnitude, tolerance.atol, out=magnitude)
        ratio = np.divide(distance, magnitude, out=magnitude)
    undefined = np.isnan(ratio)
    if undefined.any():  # 0/0 agrees exactly; a distance beyond float64 agrees with nothing
        ratio[undefined] = np.where(distance[undefined] == 0, 0.0, np.inf)
    return ratio
