"""Memory that a pass over many chunks uses again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class Scratch:
    """Named buffers, one set for each pass: fresh memory costs more than the arithmetic in it.

    What was taken under a name is overwritten when that name is taken again.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, npt.NDArray[np.uint8]] = {}

    def take(self, name: str, size: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return a 1-D array of `size` elements with arbitrary content."""
        dtype = np.dtype(dtype)
        needed = size * dtype.itemsize
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < needed:
            buffer = self._buffers[name] = np.empty(needed, np.uint8)
        return buffer[:needed].view(dtype)

    def count(self, test: np.ufunc, values: npt.NDArray[Any], edge: Any) -> int:
        """Count the values for which `test(value, edge)` is true."""
        mask = self.take("mask", len(values), np.bool_)
        return int(np.count_nonzero(test(values, edge, out=mask)))
