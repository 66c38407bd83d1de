"""What is cut from answers on one side only: digits, what lies beyond a limit, the small ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]
_Agree = Callable[[list[NDArray[np.generic]], object], bool]
_MOST_DIGITS = 4
# Where less is left than this part, nothing is known of the rest.
_LEAST_KEPT = 0.05


def find_cut(
    trainer: NDArray[np.generic], served: NDArray[np.generic], agree: _Agree
) -> str | None:
    """Say what one side cuts from the other's answers, None where nothing known does.

    Args:
        trainer: The trainer's answers, [examples, ...], of floats.
        served: The served model's, of the same shape.
        agree: Whether rows agree within their tolerance, but for what is allowed.
    """
    mine, theirs = trainer.astype(np.float64), served.astype(np.float64)
    if not (np.isfinite(mine).all() and np.isfinite(theirs).all()):
        return None
    for words, reference, less, whole in (
        ("the served ones are the trainer's", served, theirs, mine),
        ("the trainer's are the served ones", trainer, mine, theirs),
    ):
        for cut, made in _cuts(less, whole):
            if np.ptp(made) > 0 and agree(list(reference), made):
                return f"{words} {cut}"
    return None


def _cuts(less: _Float, whole: _Float) -> Iterator[tuple[str, _Float]]:
    """Yield cuts in words, with what they make of the whole answers."""
    for digits in range(_MOST_DIGITS + 1):
        yield f"rounded to {digits} digits", np.round(whole, digits)
    low, high = less.min(), less.max()
    if ((whole > low) & (whole < high)).mean() >= _LEAST_KEPT:
        yield f"limited to {low:.6g} and {high:.6g}", np.clip(whole, low, high)
    is_zero = less == 0
    # An answer of nothing but zeros is no part of another one.
    keeps = (~is_zero).reshape(len(less), -1).any(axis=1).all()
    if is_zero.any() and keeps:
        words = f"with zero in the place of {is_zero.mean():.0%} of the numbers"
        yield words, np.where(is_zero, 0, whole)
