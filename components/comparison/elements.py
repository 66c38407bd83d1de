"""The difference of two flat arrays, element by element, for every dtype that a model answers.

NaN, overflow and division by zero are answers here: callers silence numpy's warnings about them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.tolerance import DEFAULTS, Tolerance

_Floats = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]

_PROBED_ELEMENTS = (512, 16384)

_BITS = {
    name: np.dtype(f"u{np.dtype(name).itemsize}")
    for name in DEFAULTS
    if not name.startswith("complex") and name != "object"
}

_NOWHERE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Rule:
    """What agrees.

    Attributes:
      tolerance: The allowance of each element.
      non_finite_agrees: Whether any NaN or infinity agrees with any other.
    """

    tolerance: Tolerance
    non_finite_agrees: bool = False


@dataclass(frozen=True)
class ElementDifferences:
    """What separates the elements of two flat arrays.

    Attributes:
      ratio: float64 [n], the distance over the allowance; never NaN, +inf where nothing could
        allow it.
      distance: float64 [n], |candidate - reference|; zero where a side is not finite, and for
        bytes, which have no distance.
      non_finite: int64, the positions of pairs that disagree and hold a NaN or an infinity.
      max_ratio: The greatest ratio, 0 without elements.
      max_distance: The greatest distance, 0 without elements.
      all_finite: Whether every value is known to be finite.
    """

    ratio: _Floats
    distance: _Floats
    non_finite: npt.NDArray[np.int64]
    max_ratio: float
    max_distance: float
    all_finite: bool


def differences(
    reference: npt.NDArray[Any], candidate: npt.NDArray[Any], rule: Rule
) -> ElementDifferences:
    """Measure every element in double precision.

    A NaN agrees with a NaN, an infinity with one of its sign, -0.0 with +0.0; a pair that holds
    any other NaN or infinity has the ratio +inf, unless the rule says that they agree.

    Args:
      reference: 1-D, the trainer's side, whose magnitude scales `rtol`.
      candidate: 1-D, of the same length and dtype.
      rule: What agrees.
    """
    kind = reference.dtype.kind
    if kind in "Ob":
        return _exact_differences(reference, candidate)
    if kind in "iu":
        distance = _integer_distance(reference, candidate)
        magnitude = np.abs(reference.astype(np.float64))
        return _measure(distance, magnitude, rule.tolerance, _NOWHERE, all_finite=True)
    if kind == "c":
        first, second = reference.astype(np.complex128), candidate.astype(np.complex128)
        return _complex_differences(first, second, rule)
    left, right = reference.astype(np.float64), candidate.astype(np.float64)
    return _float_differences(left, right, rule)


def same_bits(reference: npt.NDArray[Any], candidate: npt.NDArray[Any]) -> _Mask:
    """Tell which elements hold the same bits, a NaN of the same bits included.

    Where bits cannot be seen as one integer (complex, bytes), equality stands for them.
    """
    bits = _BITS.get(reference.dtype.name)
    if bits is None:
        return np.asarray(reference == candidate, dtype=np.bool_)
    return np.equal(reference.view(bits), candidate.view(bits))


def are_identical(reference: npt.NDArray[Any], candidate: npt.NDArray[Any]) -> bool:
    """Tell whether all elements hold the same bits."""
    # What differs mostly differs at once: look at a few first, then at more, then at all.
    return all(
        bool(same_bits(reference[:count], candidate[:count]).all())
        for count in (*_PROBED_ELEMENTS, len(reference))
        if count <= len(reference)
    )


def _exact_differences(
    reference: npt.NDArray[Any], candidate: npt.NDArray[Any]
) -> ElementDifferences:
    unequal = np.asarray(reference != candidate, dtype=np.bool_)
    has_distance = reference.dtype.kind == "b"
    return ElementDifferences(
        ratio=np.where(unequal, np.inf, 0.0),
        distance=unequal.astype(np.float64) if has_distance else np.zeros(len(unequal)),
        non_finite=_NOWHERE,
        max_ratio=math.inf if unequal.any() else 0.0,
        max_distance=float(has_distance and unequal.any()),
        all_finite=True,
    )


def _integer_distance(reference: npt.NDArray[Any], candidate: npt.NDArray[Any]) -> _Floats:
    # The smaller from the larger: what wraps in the signed type is right in the unsigned one.
    larger, smaller = np.maximum(reference, candidate), np.minimum(reference, candidate)
    distance = np.subtract(larger, smaller).view(np.dtype(f"u{reference.itemsize}"))
    return distance.astype(np.float64)


def _float_differences(reference: _Floats, candidate: _Floats, rule: Rule) -> ElementDifferences:
    distance = np.subtract(candidate, reference)
    np.abs(distance, out=distance)
    magnitude = np.abs(reference)
    clash: npt.NDArray[Any] = _NOWHERE
    all_finite = math.isfinite(np.max(distance, initial=0.0))
    if not all_finite:
        finite = np.isfinite(reference) & np.isfinite(candidate)
        agreement = _non_finite_agreement(reference, candidate, rule)
        clash = np.flatnonzero(~finite & ~agreement)
        distance[~finite] = magnitude[~finite] = 0.0
    return _measure(distance, magnitude, rule.tolerance, clash, all_finite)


def _complex_differences(
    reference: npt.NDArray[np.complex128],
    candidate: npt.NDArray[np.complex128],
    rule: Rule,
) -> ElementDifferences:
    """Measure by the modulus; where a part is not finite, both parts must be equal."""
    finite = np.isfinite(reference) & np.isfinite(candidate)
    agreement = _non_finite_agreement(reference, candidate, rule)
    first, second = np.where(finite, reference, 0), np.where(finite, candidate, 0)
    # hypot of the parts: numpy's abs of a complex number rounds otherwise at other lengths.
    distance = np.hypot(second.real - first.real, second.imag - first.imag)
    magnitude = np.hypot(first.real, first.imag)
    clash = np.flatnonzero(~finite & ~agreement)
    return _measure(distance, magnitude, rule.tolerance, clash, bool(finite.all()))


def _non_finite_agreement(
    reference: npt.NDArray[Any], candidate: npt.NDArray[Any], rule: Rule
) -> _Mask:
    if rule.non_finite_agrees:
        return ~np.isfinite(reference) & ~np.isfinite(candidate)
    if reference.dtype.kind == "c":
        return _are_same(reference.real, candidate.real) & _are_same(reference.imag, candidate.imag)
    return _are_same(reference, candidate)


def _are_same(reference: _Floats, candidate: _Floats) -> _Mask:
    return (reference == candidate) | (np.isnan(reference) & np.isnan(candidate))


def _measure(
    distance: _Floats,
    magnitude: _Floats,
    tolerance: Tolerance,
    clash: npt.NDArray[np.int64],
    all_finite: bool,
) -> ElementDifferences:
    """Divide distance by allowance; writes into `magnitude`, which the caller gives up."""
    np.multiply(magnitude, tolerance.rtol, out=magnitude)
    np.add(magnitude, tolerance.atol, out=magnitude)
    ratio = np.divide(distance, magnitude, out=magnitude)
    ratio[clash] = np.inf
    max_ratio = float(np.max(ratio, initial=0.0))
    if math.isnan(max_ratio):  # 0/0 agrees exactly; a distance beyond float64 with nothing
        undefined = np.isnan(ratio)
        ratio[undefined] = np.where(distance[undefined] == 0, 0.0, np.inf)
        max_ratio = float(np.max(ratio))
    max_distance = float(np.max(distance, initial=0.0))
    return ElementDifferences(ratio, distance, clash, max_ratio, max_distance, all_finite)
