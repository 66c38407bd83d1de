"""The worst elements seen so far, kept while chunks go by."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from tfx_parity.comparison.description import Measured
from tfx_parity.comparison.pairs import RowPairs
from tfx_parity.comparison.statistics import WorstElement, keep_worst
from tfx_parity.comparison.ulps import has_ulps, ulp_distances


class WorstKeeper:
    """Keeps the worst `count` elements of chunks that are offered in the order of their rows.

    Attributes:
      elements: The worst so far, the worst first, ties in the order of row and index.
    """

    def __init__(self, count: int, pairs: RowPairs, first_row: int) -> None:
        self.elements: tuple[WorstElement, ...] = ()
        self._count = count
        self._pairs = pairs
        self._first_row = first_row

    def offer(self, measured: Measured) -> None:
        """Take what is worse than the elements kept so far."""
        is_full = len(self.elements) == self._count
        bar = self.elements[-1].ratio if is_full and self.elements else 0.0
        # Strictly worse: an equal one that was kept lies in an earlier row.
        if not self._count or measured.measurement.max_ratio <= bar:
            return
        places, ratios = measured.measurement.above(bar)
        if len(ratios) > self._count:
            worst = ratios >= np.partition(ratios, -self._count)[-self._count]
            places, ratios = places[worst], ratios[worst]
        best = np.argsort(-ratios, kind="stable")[: self._count]
        found = [self._element(measured, int(places[i]), float(ratios[i])) for i in best]
        self.elements = keep_worst([*self.elements, *found], self._count)

    def _element(self, measured: Measured, place: int, ratio: float) -> WorstElement:
        chunk = measured.chunk
        position = place if measured.positions is None else int(measured.positions[place])
        row, offset = chunk.locate(position)
        index = np.unravel_index(offset, self._pairs.row_shape(row))
        pair = slice(position, position + 1)
        reference, candidate = chunk.reference[pair], chunk.candidate[pair]
        return WorstElement(
            row=self._first_row + row,
            index=tuple(map(int, index)),
            reference=_plain(reference[0]),
            candidate=_plain(candidate[0]),
            ratio=ratio,
            ulps=_ulps(reference, candidate),
        )


def _ulps(reference: Any, candidate: Any) -> int | None:
    is_measurable = has_ulps(reference.dtype) and np.isfinite([*reference, *candidate]).all()
    return int(ulp_distances(reference, candidate)[0]) if is_measurable else None


def _plain(value: Any) -> Any:
    if isinstance(value, ml_dtypes.bfloat16):
        return float(value)
    return value.item() if isinstance(value, np.generic) else value
