"""Large bodies of which a few rows are not plain: those alone are read exactly.

The exact reader takes a thousand times longer for a row than the quick one. A row by itself, behind
the body's first row that all others must be like, says what it says among the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tfx_parity.serving_api.rest_plain import PlainCall

_STRING = rb'"[^"\\]*"'
_NAME = rb'"signature_name"\s*:\s*' + _STRING
_HEAD = re.compile(rb"\s*\{\s*(?:" + _NAME + rb'\s*,\s*)?"instances"\s*:\s*\[\s*')
_BETWEEN = re.compile(rb"\s*,\s*")
_TAIL = re.compile(rb"\s*\]\s*(?:,\s*" + _NAME + rb"\s*)?\}\s*")
_FEWEST_ROWS = 8
_ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class RowTexts:
    """A body in the row format, cut at its rows.

    Attributes:
        head: What stands before the first row.
        rows: The rows as they were written.
        tail: What stands behind the last row.
    """

    head: bytes
    rows: Sequence[bytes]
    tail: bytes

    def body_of(self, positions: Sequence[int]) -> bytes:
        """Return a body of some of the rows."""
        return self.head + b",".join([self.rows[i] for i in positions]) + self.tail


def row_texts(body: bytes) -> RowTexts | None:
    """Cut a body at its rows.

    Returns:
        Its parts; None of a body that has few rows, or anything but rows and a signature's name.
    """
    head = _HEAD.match(body)
    if head is None:
        return None
    text = body.decode("latin-1")  # a character a byte, so that places are those of the body
    decoder = json.JSONDecoder()
    rows, start = [], head.end()
    while True:
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return None
        rows.append(body[start:end])
        between = _BETWEEN.match(body, end)
        if between is None:
            break
        start = between.end()
    if len(rows) < _FEWEST_ROWS or _TAIL.fullmatch(body, end) is None:
        return None
    return RowTexts(body[: head.end()], rows, body[end:])


def chunks_of(
    texts: RowTexts, read: Callable[[bytes], PlainCall | None]
) -> Iterator[tuple[Sequence[int], PlainCall | None]]:
    """Yield the rows behind the first one, in order, in chunks.

    Args:
        texts: The body.
        read: Reads a plain body.

    Yields:
        The positions of a chunk, and what was read of the first row and these; None for a single
        row that is not plain.
    """
    last = len(texts.rows)
    waiting = [range(i, min(last, i + _ROWS_AT_ONCE)) for i in range(1, last, _ROWS_AT_ONCE)]
    waiting.reverse()
    while waiting:
        chunk = waiting.pop()
        call = read(texts.body_of([0, *chunk]))
        if call is not None or len(chunk) == 1:
            yield chunk, call
        else:
            middle = len(chunk) // 2
            waiting += [chunk[middle:], chunk[:middle]]
