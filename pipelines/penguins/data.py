"""The penguins' CSV as CsvExampleGen should read it: checked, in one column order, blanks for NA.

CsvExampleGen reads the text `NA` as a string, which turns a whole column of numbers into bytes, and
it takes a column's type from the values it sees: `18` in every row makes integers of a feature that
the schema calls a float. So every value is written in the form that its column's type asks for.
"""

from __future__ import annotations

import csv
import importlib.resources
import importlib.util
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tfx_parity.errors import BadInputError
from tfx_parity.files import write_bytes

FILE_NAME = "penguins.csv"
MISSING = frozenset({"", "NA", "NaN", "nan"})
"""How a missing value is written by palmerpenguins (`NA`) and by pandas (blank, `NaN`)."""

REQUIRED = frozenset({"species", "island", "year"})
"""The columns that the schema wants in every row."""


def _text(value: str) -> str:
    return value


def _whole(value: str) -> str:
    """Return a whole number's digits; pandas writes `181.0` where a column has missing values."""
    number = float(value)
    if not number.is_integer():
        raise ValueError(value)
    return str(int(number))


def _number(value: str) -> str:
    """Return a finite number that reads as a float."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return repr(number)


class Form(NamedTuple):
    """How a column's values are written.

    Attributes:
        kind: What a value is, for errors.
        write: Returns a value as it should be written; raises ValueError where it cannot be.
    """

    kind: str
    write: Callable[[str], str]


_TEXT = Form("a text", _text)
_NUMBER = Form("a number", _number)
_WHOLE = Form("a whole number", _whole)

COLUMNS: Mapping[str, Form] = {
    "species": _TEXT,
    "island": _TEXT,
    "bill_length_mm": _NUMBER,
    "bill_depth_mm": _NUMBER,
    "flipper_length_mm": _WHOLE,
    "body_mass_g": _WHOLE,
    "sex": _TEXT,
    "year": _WHOLE,
}
"""Each column, in the order in which it is written, with the form of its values."""


def read_penguins(source: Path | None = None) -> bytes:
    """Return the CSV as it is to be written.

    Args:
        source: A CSV of one's own; by default the one that the package palmerpenguins ships.

    Raises:
        BadInputError: If the source cannot be read, lacks a column, or holds a value that its
            column cannot.
    """
    name, text = _packaged() if source is None else (str(source), _read(source))
    return penguins_csv(text, name).encode()


def write_penguins(folder: Path, data: bytes) -> Path:
    """Write the penguins' CSV into a folder, unless it already holds the very same.

    A file that is already right is left alone: its time of change is part of what ExampleGen's
    cache is keyed by.

    Args:
        folder: Where to write `penguins.csv`; made if it is missing.
        data: What `read_penguins` returned.

    Returns:
        The path of the file.
    """
    path = folder / FILE_NAME
    if not (path.is_file() and path.read_bytes() == data):
        write_bytes(path, data)
    return path


def penguins_csv(text: str, name: str) -> str:
    """Return a CSV of the needed columns alone, with blanks where values are missing.

    Args:
        text: A CSV with a header that names at least `COLUMNS`, in any order.
        name: The file that the text comes from, for errors.

    Raises:
        BadInputError: If a column is missing, a value cannot be read, or there are no rows.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        _check_header(reader.fieldnames or (), name)
        rows = [_row(row, f"line {reader.line_num} of {name}") for row in reader]
    except csv.Error as error:
        raise BadInputError(
            f"Expected a CSV of penguins, could not parse {name}: {error}."
        ) from error
    if not rows:
        raise BadInputError(f"Expected rows of penguins, found a header alone in {name}.")
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows([list(COLUMNS), *rows])
    return written.getvalue()


def _check_header(header: Sequence[str], name: str) -> None:
    """Refuse a CSV that lacks a column."""
    absent = [column for column in COLUMNS if column not in header]
    if absent:
        raise BadInputError(
            f"Expected the columns {', '.join(COLUMNS)}, found no {', '.join(absent)} in {name}, "
            f"whose header is: {', '.join(header) or 'empty'}. "
            "Name the columns as the package palmerpenguins does."
        )


def _row(row: Mapping[str, str | None], place: str) -> list[str]:
    """Return the values of one row in the order of `COLUMNS`."""
    return [_value(row[column], column, place) for column in COLUMNS]


def _value(value: str | None, column: str, place: str) -> str:
    """Return a value in its column's form, blank where it is missing."""
    stripped = (value or "").strip()
    if stripped in MISSING:
        if column in REQUIRED:
            raise BadInputError(f"Expected a value of {column}, found none in {place}.")
        return ""
    form = COLUMNS[column]
    try:
        return form.write(stripped)
    except (ValueError, OverflowError) as error:
        raise BadInputError(
            f"Expected {form.kind} in column {column}, found {stripped!r} in {place}."
        ) from error


def _packaged() -> tuple[str, str]:
    """Return the name and text of palmerpenguins' CSV, without importing it (that loads pandas)."""
    spec = importlib.util.find_spec("palmerpenguins")
    if spec is None:
        raise BadInputError(
            "Expected the package 'palmerpenguins', which holds the data, found none in this "
            "Python. Install it (pip install palmerpenguins) or give a CSV of your own (--data)."
        )
    module = importlib.util.module_from_spec(spec)
    file = importlib.resources.files(module) / "data" / FILE_NAME
    return str(file), file.read_text(encoding="utf-8")


def _read(source: Path) -> str:
    """Return the text of a CSV of one's own."""
    try:
        return source.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInputError(
            f"Expected a CSV of penguins, could not read {source}: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise BadInputError(
            f"Expected a CSV in UTF-8, found byte {error.object[error.start]:#04x} at position "
            f"{error.start} of {source}. Save it as UTF-8."
        ) from error
