"""The penguins' CSV."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from alphabet import ALPHABET
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.errors import BadInputError
from tfx_parity.pipelines.penguins.data import COLUMNS, penguins_csv, read_penguins, write_penguins

HEADER = ",".join(COLUMNS)
ROW = "Adelie,Torgersen,39.1,18.7,181,3750,male,2007"


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_packaged_penguins_have_344_rows_and_no_na() -> None:
    """All penguins arrive, with blanks where palmerpenguins writes NA."""
    rows = _rows(read_penguins().decode())

    missing = {name: sum(row[name] == "" for row in rows) for name in COLUMNS}
    assert len(rows) == 344
    assert "NA" not in {value for row in rows for value in row.values()}
    measures = {name: 2 for name in COLUMNS if name.endswith(("_mm", "_g"))}
    assert {"species": 0, "island": 0, **measures, "sex": 11, "year": 0} == missing


@pytest.mark.system
def test_reading_the_packaged_penguins_imports_no_pandas() -> None:
    """The package palmerpenguins, which imports pandas, is read without being imported."""
    code = (
        "import sys\n"
        "from tfx_parity.pipelines.penguins.data import read_penguins\n"
        "read_penguins()\n"
        "sys.exit(', '.join({'pandas', 'palmerpenguins', 'tensorflow'} & set(sys.modules)) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_is_right_already_is_left_alone(tmp_path: Path) -> None:
    """Its time of change, by which ExampleGen keys its cache, stays."""
    path = write_penguins(tmp_path, read_penguins())
    before = path.stat().st_mtime_ns

    write_penguins(tmp_path, read_penguins())

    assert before == path.stat().st_mtime_ns


def test_a_file_of_other_data_is_replaced_whole(tmp_path: Path) -> None:
    """Nothing of the old data stays, and no temporary file beside it."""
    source = tmp_path / "mine.csv"
    source.write_text(f"{HEADER}\n{ROW}\n", encoding="utf-8")
    write_penguins(tmp_path / "data", read_penguins())

    path = write_penguins(tmp_path / "data", read_penguins(source))

    assert f"{HEADER}\n{ROW}\n" == path.read_text(encoding="utf-8")
    assert [path] == list(path.parent.iterdir())


def test_other_columns_and_orders_are_taken() -> None:
    """A CSV may have more columns, in any order, and a byte order mark's worth of Windows lines."""
    names = ["extra", *reversed(COLUMNS)]
    values = ["x", *reversed(ROW.split(","))]

    text = penguins_csv(f"{','.join(names)}\r\n{','.join(values)}\r\n", "mine.csv")

    assert f"{HEADER}\n{ROW}\n" == text


def test_numbers_are_written_in_their_columns_type() -> None:
    """What pandas writes of columns with missing values still gives the schema's types."""
    text = penguins_csv(f"{HEADER}\nAdelie,Dream,39,nan,181.0,3.75e3,NaN,2007\n", "mine.csv")

    assert f"{HEADER}\nAdelie,Dream,39.0,,181,3750,,2007\n" == text


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named_with_the_file(tmp_path: Path, column: str) -> None:
    """Each needed column is asked for by its name."""
    kept = [name for name in COLUMNS if name != column]
    source = tmp_path / "mine.csv"
    source.write_text(",".join(kept) + "\n" + ",".join("1" for _ in kept), encoding="utf-8")

    with pytest.raises(BadInputError, match=rf"found no {column} in .*mine\.csv"):
        read_penguins(source)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "Adelie,Dream,long,18.7,181,3750,male,2007",
            "a number in column bill_length_mm",
        ),
        ("Adelie,Dream,inf,18.7,181,3750,male,2007", "a number in column bill_length_mm"),
        (
            "Adelie,Dream,39.1,18.7,181.5,3750,male,2007",
            "whole number in column flipper_length_mm",
        ),
        ("Adelie,Dream,39.1,18.7,181,1e999,male,2007", "a whole number in column body_mass_g"),
        ("NA,Dream,39.1,18.7,181,3750,male,2007", "a value of species, found none"),
        ("Adelie,,39.1,18.7,181,3750,male,2007", "a value of island, found none"),
        ("Adelie,Dream,39.1,18.7", "a value of year, found none"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_line(row: str, message: str) -> None:
    """The error says which column, what was found, and in which line of which file."""
    with pytest.raises(BadInputError, match=message) as raised:
        penguins_csv(f"{HEADER}\n{ROW}\n{row}\n", "mine.csv")

    assert "line 3 of mine.csv" in str(raised.value)


@pytest.mark.parametrize("text", [HEADER, f"{HEADER}\n", f"{HEADER}\n\n\n"])
def test_a_header_alone_is_refused(text: str) -> None:
    """Nothing is trained on no penguins."""
    with pytest.raises(BadInputError, match=r"a header alone in mine\.csv"):
        penguins_csv(text, "mine.csv")


def test_an_empty_file_is_refused() -> None:
    """An empty file has none of the columns."""
    with pytest.raises(BadInputError, match="whose header is: empty"):
        penguins_csv("", "mine.csv")


def test_a_file_that_is_not_there_or_not_utf8_is_refused(tmp_path: Path) -> None:
    """What cannot be read is bad input, not a crash."""
    latin = tmp_path / "latin.csv"
    latin.write_bytes(HEADER.encode() + b"\nAd\xe9lie")

    with pytest.raises(BadInputError, match=r"could not read .*none\.csv: No such file"):
        read_penguins(tmp_path / "none.csv")
    with pytest.raises(BadInputError, match=r"found byte 0xe9 at position \d+ of .*latin\.csv"):
        read_penguins(latin)


_CHARACTERS = "".join(c for c in ALPHABET if c not in "\r\n\0")
_WORDS = st.text(_CHARACTERS, min_size=1).filter(
    lambda word: word.strip() not in {"", "NA", "NaN", "nan"}
)
_NUMBERS = st.one_of(st.just(""), st.floats(allow_nan=False, allow_infinity=False).map(repr))
_WHOLES = st.one_of(st.just(""), st.integers(-(2**53), 2**53).map(str))


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "species": _WORDS,
                "island": _WORDS,
                "bill_length_mm": _NUMBERS,
                "bill_depth_mm": _NUMBERS,
                "flipper_length_mm": _WHOLES,
                "body_mass_g": _WHOLES,
                "sex": st.one_of(st.just(""), _WORDS),
                "year": st.integers(2007, 2100).map(str),
            }
        ),
        min_size=1,
    )
)
def test_every_value_is_kept(rows: list[dict[str, str]]) -> None:
    """Whatever the values, what is written says the same, and is its own fixed point."""
    given_text = io.StringIO(newline="")
    writer = csv.DictWriter(given_text, list(COLUMNS))
    writer.writeheader()
    writer.writerows(rows)

    text = penguins_csv(given_text.getvalue(), "mine.csv")

    assert [{name: value.strip() for name, value in row.items()} for row in rows] == _rows(text)
    assert text == penguins_csv(text, "again.csv")
