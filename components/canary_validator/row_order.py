"""Answers that were recorded beside other requests: the same rows in another order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.comparison.outputs import compare_outputs
from tfx_parity.comparison.tolerance import TolerancePolicy

_NAMED = 3
# Among answers of which many are the same, any answer has its like.
_LEAST_DISTINCT = 0.9


def find_row_order(trainer: Rows, served: Rows, policy: TolerancePolicy, rate: float) -> str | None:
    """Say of which requests the trainer's answers are, None unless nearly all are of one.

    Args:
        trainer: The trainer's answers, row by row.
        served: The served model's, of the same examples.
        policy: The tolerance of each output.
        rate: The rate of mismatching examples allowed, a fraction.
    """
    if set(trainer) != set(served):
        return None
    mine, theirs = _numbers(trainer), _numbers(served)
    if mine is None or theirs is None or mine.shape != theirs.shape:
        return None
    if len(np.unique(theirs, axis=0)) < _LEAST_DISTINCT * len(theirs):
        return None
    nearest = [int(np.abs(theirs - row).max(axis=1).argmin()) for row in mine]
    if len(set(nearest)) < _LEAST_DISTINCT * len(nearest):
        return None
    moved = {name: [rows[row] for row in nearest] for name, rows in served.items()}
    if compare_outputs(trainer, moved, policy).mismatching.mean() > rate:
        return None
    pairs = [(row, other) for row, other in enumerate(nearest) if row != other]
    named = ", ".join(f"of {row} that of {other}" for row, other in pairs[:_NAMED])
    return f"{len(pairs)} recorded answers are the served ones of other requests ({named})"


def _numbers(rows: Rows) -> NDArray[np.float64] | None:
    """Return the floating outputs side by side, [examples, numbers]; None without any finite."""
    names = sorted(name for name, values in rows.items() if values[0].dtype.kind == "f")
    if not names or any(len({row.shape for row in rows[name]}) > 1 for name in names):
        return None
    parts = [np.stack(rows[name]).astype(np.float64).reshape(len(rows[name]), -1) for name in names]
    numbers = np.hstack(parts)
    return numbers if np.isfinite(numbers).all() else None
