"""The payloads of a file, one after the other; damage is told and does not hide the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from tfx_parity.errors import BadInputError
from tfx_parity.payloads.payload_files import READ_ERRORS, Form, open_plain
from tfx_parity.tfrecord import read_records

# As much as a client could reasonably send at once. (TensorFlow Serving's own limit is 2 GiB.)
MAX_PAYLOAD_BYTES = 64 << 20
_SKIPPED_AT_ONCE = 1 << 20


def read_payloads(
    path: Path, form: Form, tell_damage: Callable[[str], None]
) -> Iterator[tuple[int, bytes]]:
    """Yield the payloads of a file, each with its number: of a line, a record, or 0.

    Args:
        path: The file.
        form: Its form.
        tell_damage: Told what cannot be read.
    """
    try:
        if form is Form.REST_BODY:
            yield from _body(path, tell_damage)
        elif form is Form.JSON_LINES:
            yield from _lines(path, tell_damage)
        else:
            yield from enumerate(read_records(path))
    except BadInputError as error:
        tell_damage(str(error))
    except READ_ERRORS as error:
        tell_damage(f"cannot be read further: {error}")


def _body(path: Path, tell_damage: Callable[[str], None]) -> Iterator[tuple[int, bytes]]:
    with open_plain(path) as file:
        body = file.read(MAX_PAYLOAD_BYTES + 1)
    if len(body) > MAX_PAYLOAD_BYTES:
        tell_damage(f"a body of more than {MAX_PAYLOAD_BYTES:,} bytes, not validated")
    elif body:
        yield 0, body


def _lines(path: Path, tell_damage: Callable[[str], None]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, by their numbers in the file."""
    number = -1
    with open_plain(path) as file:
        while line := file.readline(MAX_PAYLOAD_BYTES + 1):
            number += 1
            if len(line) > MAX_PAYLOAD_BYTES:
                _skip_line(file, line)
                tell_damage(f"line {number}: more than {MAX_PAYLOAD_BYTES:,} bytes, not validated")
            elif line.strip():
                yield number, line.rstrip(b"\r\n")


def _skip_line(file: IO[bytes], line: bytes) -> None:
    """Read on to the end of a line of which the beginning was read."""
    while line and not line.endswith(b"\n"):
        line = file.readline(_SKIPPED_AT_ONCE)
