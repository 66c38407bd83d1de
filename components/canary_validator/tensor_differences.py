"""How far one tensor of a graph lies apart between two ways of asking for the same examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfx_parity.serving_api.dtypes import Array

# Relative RMS up to which floats are taken for equal: some tens of the dtype's rounding error, as
# kernels sum in another order for another batch, and layers add that up.
_FLOORS = {"float64": 1e-12, "float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}
_FLOORS |= {"complex64": _FLOORS["float32"], "complex128": _FLOORS["float64"]}
# The smaller floats that ml_dtypes brings.
_COARSE_FLOOR = 0.25
# A row of numbers near zero is measured against this part of the whole tensor's size at least.
_LEAST_SHARE = 1e-3
_FEW_EXAMPLES = 3
_DISCRETE_KINDS = "iubO"


@dataclass(frozen=True)
class Difference:
    """How far a tensor lies apart.

    Attributes:
        examples: For each example, the relative RMS difference; discrete values give 0 or
            infinity. None where the two cannot be compared.
        floor: Up to which it is taken for rounding, by the dtype.
        is_by_row: Whether the tensor has rows of each example; else all examples share one value.
        shapes: The shape together and the shapes alone, where rows are padded or otherwise not the
            same alone.
    """

    examples: NDArray[np.float64] | None
    floor: float
    is_by_row: bool
    shapes: tuple[tuple[int, ...], tuple[tuple[int, ...], ...]] | None = None


def compare_asked_twice(first: Array, second: Array, count: int) -> Difference:
    """Compare a tensor of one batch that was asked for twice.

    Args:
        first: Its value.
        second: Its value the other time.
        count: How many examples the batch has.
    """
    floor = _floor(first)
    if first.shape != second.shape:
        return Difference(np.full(count, np.inf), floor, is_by_row=False)
    if first.ndim == 0 or first.shape[0] != count:
        return Difference(
            np.full(count, _distance(first, second, _least_scale(first))), floor, is_by_row=False
        )
    distances = _distances(np.split(first, count), np.split(second, count), first)
    return Difference(distances, floor, is_by_row=True)


def compare_groupings(together: Array, alone: Sequence[Array]) -> Difference:
    """Compare a tensor of a batch with that of its examples asked one by one.

    Where one axis is as long as those of the single runs together, its parts are compared (a part
    is one row, or several). Where the shape is the same in all runs, each value is compared with
    the batch's: a mean over the batch. Where rows are longer in the batch (padding), what they
    share is compared, and if that agrees there is nothing to compare. Whole numbers that count the
    batch, or number its rows, differ by their nature and are not compared.

    Args:
        together: Its value in one batch.
        alone: Its values of one example each.
    """
    floor = _floor(together)
    unknown = Difference(None, floor, is_by_row=False)
    axis = _example_axis(together, alone)
    if axis is not None:
        ends = np.cumsum([single.shape[axis] for single in alone])[:-1]
        parts = np.split(together, ends, axis)
        distances = _distances(parts, alone, together)
        if distances.any() and _are_positions(parts, alone):
            return unknown
        return Difference(distances, floor, is_by_row=True)
    if all(single.shape == together.shape for single in alone):
        distances = _distances([together] * len(alone), alone, together)
        is_natural = together.dtype.kind in _DISCRETE_KINDS and distances.any()
        return unknown if is_natural else Difference(distances, floor, is_by_row=False)
    return _compare_padded(together, alone)


def _example_axis(together: Array, alone: Sequence[Array]) -> int | None:
    """Return the first axis along which the single runs' values add up to the batch's shape."""
    for axis in range(together.ndim):
        if any(single.ndim != together.ndim for single in alone):
            return None
        length = sum(single.shape[axis] for single in alone)
        rest = _without(together.shape, axis)
        if length == together.shape[axis] and all(
            _without(single.shape, axis) == rest for single in alone
        ):
            return axis
    return None


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


def _distances(parts: Sequence[Array], alone: Sequence[Array], whole: Array) -> NDArray[np.float64]:
    least = _least_scale(whole)
    pairs = zip(parts, alone, strict=True)
    return np.array([_distance(part, single, least) for part, single in pairs])


def _least_scale(whole: Array) -> float:
    """Return against what numbers near zero in some rows of a tensor are measured."""
    if _is_discrete(whole):
        return 0.0
    wide = _widened(whole)
    return _LEAST_SHARE * _rms(wide[np.isfinite(wide)])


def _are_positions(parts: Sequence[Array], alone: Sequence[Array]) -> bool:
    """Tell whether whole numbers differ by their row's number: indices into the batch.

    Where an example has no row of its own, or several, they may well be such.
    """
    if parts[0].dtype.kind not in "iu":
        return False
    if any(part.shape != parts[0].shape for part in parts) or len(parts) < _FEW_EXAMPLES:
        return True
    offsets = [p.astype(np.int64) - a.astype(np.int64) for p, a in zip(parts, alone, strict=True)]
    return all(np.array_equal(offset, row * offsets[1]) for row, offset in enumerate(offsets))


def _compare_padded(together: Array, alone: Sequence[Array]) -> Difference:
    """Compare what the rows share where the batch's are longer, at their beginning or end."""
    shapes = (together.shape, tuple(single.shape for single in alone))
    floor = _floor(together)
    unknown = Difference(None, floor, is_by_row=True, shapes=shapes)
    is_rows = together.ndim > 0 and together.shape[0] == len(alone)
    if not is_rows or any(single.ndim != together.ndim or single.shape[0] != 1 for single in alone):
        return unknown
    distances = []
    least = _least_scale(together)
    for row, own in zip(np.split(together, len(alone)), alone, strict=True):
        if any(long < short for long, short in zip(row.shape, own.shape, strict=True)):
            return unknown
        head = row[tuple(slice(0, size) for size in own.shape)]
        sizes = zip(row.shape, own.shape, strict=True)
        tail = row[tuple(slice(length - size, length) for length, size in sizes)]
        distances.append(min(_distance(head, own, least), _distance(tail, own, least)))
    if max(distances) <= floor:
        return unknown
    return Difference(np.array(distances), floor, is_by_row=True, shapes=shapes)


def _distance(reference: Array, candidate: Array, least: float) -> float:
    """Return the relative RMS difference of two arrays of one shape.

    Args:
        reference: One of them.
        candidate: The other.
        least: What the difference is measured against at least.
    """
    if np.array_equal(reference, candidate):
        return 0.0
    if _is_discrete(reference):
        return np.inf
    a, b = _widened(reference), _widened(candidate)
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return np.inf
    error = _rms(a[finite] - b[finite])
    return error / max(_rms(a[finite]), _rms(b[finite]), least) if error else 0.0


def _widened(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _is_discrete(array: Array) -> bool:
    return array.dtype.kind in _DISCRETE_KINDS or array.dtype.name in ("int4", "uint4")


def _floor(array: Array) -> float:
    return 0.0 if _is_discrete(array) else _FLOORS.get(array.dtype.name, _COARSE_FLOOR)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.abs(values) ** 2))) if values.size else 0.0
