"""Two sides of one output, paired row by row and read in flat chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.tolerance import DEFAULTS

Rows: TypeAlias = "npt.NDArray[Any] | Sequence[npt.NDArray[Any]]"

# Few enough that a chunk's buffers stay in the cache, enough to pay for the calls.
CHUNK_ELEMENTS = 1 << 17
# Elements of listed rows that are copied into one array: a few megabytes.
_MOST_STACKED = 1 << 19


@dataclass(frozen=True)
class Chunk:
    """Adjoining elements of some rows of both sides.

    Attributes:
      reference: 1-D, the reference's elements.
      candidate: 1-D, the candidate's elements, each beside its reference.
      rows: The numbers of the rows, ascending.
      starts: Where each row starts in the chunk; negative for a row that a former chunk started.
        No row of a chunk is empty.
    """

    reference: npt.NDArray[Any]
    candidate: npt.NDArray[Any]
    rows: range | npt.NDArray[np.int64]
    starts: range | npt.NDArray[np.int64]

    def rows_of(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the row number of each of these elements."""
        if isinstance(self.rows, range) and isinstance(self.starts, range):
            return self.rows.start + (positions - self.starts.start) // self.starts.step
        segments = np.searchsorted(_array(self.starts), positions, side="right") - 1
        return _array(self.rows)[segments]

    def row_maxima(
        self, values: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return the row numbers and the greatest value of each."""
        return _array(self.rows), np.maximum.reduceat(values, self._segments())

    def locate(self, position: int) -> tuple[int, int]:
        """Return an element's row number and its flat position in the row."""
        starts = _array(self.starts)
        segment = int(np.searchsorted(starts, position, side="right")) - 1
        return int(self.rows[segment]), position - int(starts[segment])

    def _segments(self) -> npt.NDArray[np.int64]:
        return np.maximum(_array(self.starts), 0)


def _array(numbers: range | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if isinstance(numbers, range):
        return np.arange(numbers.start, numbers.stop, numbers.step, dtype=np.int64)
    return numbers


class RowPairs:
    """The rows of one output on both sides, one row an example.

    Attributes:
      count: The number of rows.
      dtypes: The names of all dtypes found on the reference's and on the candidate's side.
      shape_mismatch: bool [count], rows whose shapes differ.
    """

    def __init__(self, reference: Rows, candidate: Rows) -> None:
        """Pair the rows.

        Args:
          reference: An array whose leading axis is the example, or one array an example.
          candidate: The same, in the same order.

        Raises:
          ValueError: If the numbers of rows differ: there is no telling which row is missing.
          TypeError: If a row is no array, or of a dtype that cannot be compared.
        """
        if len(reference) != len(candidate):
            raise ValueError(
                f"Expected as many candidate rows as reference rows, got {len(candidate)} and "
                f"{len(reference)}; pair requests and answers before comparing them."
            )
        self.count = len(reference)
        self.dtypes = (_dtype_names(reference), _dtype_names(candidate))
        reference, candidate = _stacked(reference), _stacked(candidate)
        both_arrays = isinstance(reference, np.ndarray) and isinstance(candidate, np.ndarray)
        self._reference = reference if both_arrays else _listed(reference)
        self._candidate = candidate if both_arrays else _listed(candidate)
        self.shape_mismatch = self._find_shape_mismatches()

    @property
    def dtype_mismatch(self) -> tuple[str, str] | None:
        """The reference's and the candidate's dtypes where they are not one and the same."""
        reference, candidate = self.dtypes
        if len(reference | candidate) <= 1:
            return None
        return ", ".join(sorted(reference)), ", ".join(sorted(candidate))

    def row_shape(self, row: int) -> tuple[int, ...]:
        """Return the reference's shape of one row."""
        if isinstance(self._reference, np.ndarray):
            return self._reference.shape[1:]
        return tuple(self._reference[row].shape)

    def chunks(self) -> Iterator[Chunk]:
        """Read every element of the rows whose shapes agree, in the order of the rows.

        Yields:
          Chunks of at most `CHUNK_ELEMENTS` elements, or of one listed row that is larger.
        """
        reference, candidate = self._reference, self._candidate
        if not isinstance(reference, np.ndarray) or not isinstance(candidate, np.ndarray):
            yield from self._listed_chunks()
        elif not self.shape_mismatch.any():
            yield from _array_chunks(reference, candidate)

    def _find_shape_mismatches(self) -> npt.NDArray[np.bool_]:
        reference, candidate = self._reference, self._candidate
        if isinstance(reference, np.ndarray) and isinstance(candidate, np.ndarray):
            return np.full(self.count, reference.shape[1:] != candidate.shape[1:])
        pairs = zip(reference, candidate, strict=True)
        return np.fromiter((a.shape != b.shape for a, b in pairs), np.bool_, self.count)

    def _listed_chunks(self) -> Iterator[Chunk]:
        rows: list[int] = []
        starts: list[int] = []
        size = 0
        for row in np.flatnonzero(~self.shape_mismatch).tolist():
            row_size = self._reference[row].size
            if not row_size:
                continue
            if rows and size + row_size > CHUNK_ELEMENTS:
                yield self._joined(rows, starts)
                rows, starts, size = [], [], 0
            rows.append(row)
            starts.append(size)
            size += row_size
        if rows:
            yield self._joined(rows, starts)

    def _joined(self, rows: list[int], starts: list[int]) -> Chunk:
        return Chunk(
            reference=_native(np.concatenate([self._reference[row].ravel() for row in rows])),
            candidate=_native(np.concatenate([self._candidate[row].ravel() for row in rows])),
            rows=np.asarray(rows, dtype=np.int64),
            starts=np.asarray(starts, dtype=np.int64),
        )


def _stacked(rows: Rows) -> Rows:
    """Return listed rows as one array, which is read far faster, where they are alike and few."""
    if isinstance(rows, np.ndarray) or not len(rows):
        return rows
    shape, dtype = rows[0].shape, rows[0].dtype
    if rows[0].size * len(rows) > _MOST_STACKED:
        return rows
    if any(row.shape != shape or row.dtype != dtype for row in rows):
        return rows
    return np.stack(rows)


def _listed(rows: Rows) -> Sequence[npt.NDArray[Any]]:
    if not isinstance(rows, np.ndarray):
        return rows
    return [rows[row, ...] for row in range(len(rows))]  # the dots keep an element an array


def dtype_of(rows: Rows) -> np.dtype[Any] | None:
    """Return the dtype of the rows, of the first one where they are listed; None without any.

    Raises:
      TypeError: If the first listed row is no array.
    """
    if isinstance(rows, np.ndarray):
        return rows.dtype
    return _row_dtype(rows[0]) if len(rows) else None


def _array_chunks(reference: npt.NDArray[Any], candidate: npt.NDArray[Any]) -> Iterator[Chunk]:
    width = int(np.prod(reference.shape[1:], dtype=np.int64))
    flat_reference, flat_candidate = reference.reshape(-1), candidate.reshape(-1)
    for begin in range(0, flat_reference.size, CHUNK_ELEMENTS):
        end = min(begin + CHUNK_ELEMENTS, flat_reference.size)
        rows = range(begin // width, (end - 1) // width + 1)
        yield Chunk(
            reference=_native(flat_reference[begin:end]),
            candidate=_native(flat_candidate[begin:end]),
            rows=rows,
            starts=range(rows.start * width - begin, rows.stop * width - begin, width),
        )


def _native(elements: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if elements.dtype.isnative:
        return elements
    return elements.astype(elements.dtype.newbyteorder("="))


def _dtype_names(rows: Rows) -> frozenset[str]:
    dtypes = {rows.dtype} if isinstance(rows, np.ndarray) else {_row_dtype(row) for row in rows}
    for dtype in dtypes:
        _require_comparable(dtype)
    return frozenset(dtype.name for dtype in dtypes)


def _row_dtype(row: object) -> np.dtype[Any]:
    if not isinstance(row, np.ndarray | np.generic):
        raise TypeError(f"Expected every row to be a numpy array, got {type(row).__name__}.")
    return row.dtype


def _require_comparable(dtype: np.dtype[Any]) -> None:
    if dtype.name not in DEFAULTS:
        raise TypeError(
            f"Expected one of the dtypes {', '.join(DEFAULTS)}, got {dtype}; hold bytes in an "
            "array of dtype object: numpy's fixed width drops trailing NULs."
        )
