"""What turns the answers of a served model into those of its trainer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tfx_parity.canary_validator.output_cuts import find_cut
from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.comparison.rows import compare_rows
from tfx_parity.comparison.tolerance import Tolerance, TolerancePolicy

_Float = NDArray[np.float64]
_Agree = Callable[[list[NDArray[np.generic]], object], bool]
_MOST_COLUMNS = 256
# An affine map of nearly constant answers explains nothing: what it leaves must be this small a
# part of how far the trainer's own answers spread.
_LEFT_OVER = 1e-3
# A scale or an offset by itself is what another kernel or bias of the last layer does, too.
_SAME = 1e-3
# Fewer sights of a name for another could be chance.
_TIMES_SEEN = 8
_NAMED = 3
_FUNCTIONS: Mapping[str, Callable[[_Float], _Float]] = {
    "softmax": lambda value: special.softmax(value, axis=-1),
    "log softmax": lambda value: special.log_softmax(value, axis=-1),
    "sigmoid": special.expit,
    "exponential": np.exp,
    "logarithm": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "square": np.square,
    "square root": np.sqrt,
}


def explain_output(
    name: str, trainer: Rows, served: Rows, policy: TolerancePolicy, rate: float
) -> str | None:
    """Say what makes the served answers those of the trainer, None where nothing known does.

    Args:
        name: An output whose answers differ.
        trainer: The trainer's answers, row by row.
        served: The served model's, of the same examples.
        policy: The tolerance of each output.
        rate: The rate of mismatching examples allowed, a fraction.
    """
    tolerance = policy.for_output(name, trainer[name][0].dtype)

    def agree(reference: list[NDArray[np.generic]], candidate: object) -> bool:
        return _agree(reference, candidate, tolerance, rate)

    for other in sorted(set(served) - {name}):
        if _alike(trainer[name], served[other]) and agree(trainer[name], served[other]):
            return f"the trainer's are the served ones of output {other!r}"
    if len({row.shape for row in [*trainer[name], *served[name]]}) > 1:
        return None
    mine, theirs = np.stack(trainer[name]), np.stack(served[name])
    if order := _order_of_columns(mine, theirs, tolerance, rate):
        return f"the trainer's are the served ones in the order {order}"
    if mine.dtype.kind != "f":
        return _renaming(mine, theirs)
    return _function(mine, theirs, agree) or find_cut(mine, theirs, agree)


def _alike(one: list[NDArray[np.generic]], other: list[NDArray[np.generic]]) -> bool:
    return one[0].dtype == other[0].dtype and one[0].shape == other[0].shape


def _agree(
    reference: list[NDArray[np.generic]], candidate: object, tolerance: Tolerance, rate: float
) -> bool:
    rows = [np.asarray(row, dtype=reference[0].dtype) for row in candidate]  # type: ignore[attr-defined]
    return bool(compare_rows(reference, rows, tolerance).mismatching.mean() <= rate)


def _order_of_columns(
    mine: NDArray[np.generic], theirs: NDArray[np.generic], tolerance: Tolerance, rate: float
) -> list[int] | None:
    """Return which served column each of the trainer's is, None unless all are found."""
    if mine.ndim < 2 or not 1 < mine.shape[-1] <= _MOST_COLUMNS:  # noqa: PLR2004 - rows, columns
        return None
    order: list[int] = []
    for column in range(mine.shape[-1]):
        reference = list(mine[..., column])
        found = (
            other
            for other in range(theirs.shape[-1])
            if other not in order and _agree(reference, theirs[..., other], tolerance, rate)
        )
        if (match := next(found, None)) is None:
            return None
        order.append(match)
    return order if order != sorted(order) else None


def _function(
    mine: NDArray[np.generic],
    theirs: NDArray[np.generic],
    agree: _Agree,
) -> str | None:
    wide, other = mine.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(all="ignore"):
        for words, function in _FUNCTIONS.items():
            if agree(list(mine), function(other)):
                return f"the trainer's are the {words} of the served ones"
            if agree(list(theirs), function(wide)):
                return f"the served ones are the {words} of the trainer's"
        return _affine(wide, other, agree, list(mine)) or _temperature(wide, other, agree, mine)


def _renaming(mine: NDArray[Any], theirs: NDArray[Any]) -> str | None:
    """Find other names for the same classes: each of few stands for one other, always."""
    pairs = Counter(zip(mine.ravel().tolist(), theirs.ravel().tolist(), strict=True))
    if len(pairs) < 2 or len(pairs) * _TIMES_SEEN > mine.size:  # noqa: PLR2004 - one name is no rule
        return None
    if not len({one for one, _ in pairs}) == len({other for _, other in pairs}) == len(pairs):
        return None
    words = [f"{_text(one)} for {_text(other)}" for one, other in sorted(pairs) if one != other]
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return f"the trainer's are the served ones under other names: {', '.join(words[:_NAMED])}{more}"


def _text(name: object) -> str:
    return repr(name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name)


def _temperature(
    mine: _Float, theirs: _Float, agree: _Agree, reference: NDArray[np.generic]
) -> str | None:
    """Find by what logits were divided before their softmax, on one side only."""
    are_shares = all((side > 0).all() and (side < 1).all() for side in (mine, theirs))
    if mine.ndim < 2 or mine.shape[-1] < 2 or not are_shares:  # noqa: PLR2004 - rows, columns
        return None
    logits = [np.log(side) - np.log(side).mean(-1, keepdims=True) for side in (mine, theirs)]
    slope = float((logits[0] * logits[1]).sum() / np.square(logits[1]).sum())
    if abs(slope - 1) < _SAME or not agree(list(reference), special.softmax(slope * logits[1], -1)):
        return None
    return f"the trainer's are the served ones with logits times {slope:.4g}: another temperature"


def _affine(
    mine: _Float,
    theirs: _Float,
    agree: _Agree,
    reference: list[NDArray[np.generic]],
) -> str | None:
    """Find a scale with an offset: an inverse scaling that only one of the two does."""
    if not (np.isfinite(mine).all() and np.isfinite(theirs).all()) or np.ptp(theirs) == 0:
        return None
    scale, offset = np.polyfit(theirs.ravel(), mine.ravel(), 1)
    made = scale * theirs + offset
    is_plain = abs(scale - 1) < _SAME or abs(offset) < _SAME * np.abs(mine).max()
    if is_plain or np.abs(made - mine).max() > _LEFT_OVER * np.ptp(mine):
        return None
    if not agree(reference, made):
        return None
    return f"the trainer's are the served ones times {scale:.6g} plus {offset:.6g}"
