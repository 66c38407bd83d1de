"""Whether answers differ by no more than arithmetic in fewer bits explains."""

from __future__ import annotations

import math

import numpy as np

from tfx_parity.canary_validator.recorded import Rows

# bfloat16 rounds by up to 2**-9 of a number; the roundings of the parts of a sum add up.
_SLIGHT = 2**-5


def is_slight(reference: Rows, candidate: Rows) -> bool:
    """Return whether every floating output lies within a few roundings of its counterpart.

    Outputs of other types say nothing: a class can change by the slightest difference.

    Args:
        reference: One side's rows by output name.
        candidate: The other side's.
    """
    names = [name for name, rows in reference.items() if rows[0].dtype.kind == "f"]
    return bool(names) and all(
        _relative_difference(name, reference, candidate) <= _SLIGHT for name in names
    )


def _relative_difference(name: str, reference: Rows, candidate: Rows) -> float:
    """Return the greatest difference of an output, as a part of the greatest number in it."""
    most, size = 0.0, 0.0
    for one, other in zip(reference[name], candidate[name], strict=True):
        if one.shape != other.shape:
            return math.inf
        wide, other_wide = one.astype(np.float64), other.astype(np.float64)
        if not (np.isfinite(wide).all() and np.isfinite(other_wide).all()):
            return math.inf
        most = max(most, float(np.abs(wide - other_wide).max(initial=0)))
        size = max(size, float(np.abs(wide).max(initial=0)))
    return most / size if size else math.inf
