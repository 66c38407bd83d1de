"""Answers beside other requests: told where they are, never made up."""

from __future__ import annotations

import numpy as np
import pytest

from tfx_parity.canary_validator.row_order import find_row_order
from tfx_parity.comparison.tolerance import TolerancePolicy

_ROWS = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
_BEST = np.argmax(_ROWS, axis=1)


def _found(mine: np.ndarray, best: np.ndarray, theirs: np.ndarray = _ROWS) -> str | None:
    trainer = {"y": list(mine), "best": list(best)}
    served = {"y": list(theirs), "best": list(_BEST)}
    return find_row_order(trainer, served, TolerancePolicy(), 0.01)


def test_neighbours_that_changed_places_are_found() -> None:
    """Two threads of one client that took each other's answers, in every output."""
    order = np.arange(200)
    order[[4, 9]] = order[[9, 4]]

    words = "2 recorded answers are the served ones of other requests (of 4 that of 9, of 9 that of"
    assert str(_found(_ROWS[order], _BEST[order])).startswith(words)


@pytest.mark.parametrize(
    ("mine", "best", "theirs"),
    [
        (_ROWS[::-1], _BEST, _ROWS),
        (_ROWS * 2, _BEST, _ROWS),
        (np.round(_ROWS[::-1]), np.argmax(np.round(_ROWS), axis=1), np.round(_ROWS)),
    ],
    ids=["one output alone", "other answers", "answers of which many are the same"],
)
def test_what_no_order_explains_is_left(
    mine: np.ndarray, best: np.ndarray, theirs: np.ndarray
) -> None:
    """All outputs move together, to answers that are there, each to one of its own."""
    assert _found(mine, best, theirs) is None
