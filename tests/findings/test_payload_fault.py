"""Faults of payloads and their report."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from tfx_parity.findings import (
    FAULT_MEANINGS,
    FaultCode,
    FaultKind,
    FaultTally,
    PayloadFault,
    PayloadFile,
    PayloadResult,
    StaticFinding,
    Verdict,
)
from tfx_parity.reporting.payload_json import payload_json, write_payload_json

SCHEMA = Path(__file__).parents[2] / "schemas" / "payload_report.schema.json"


@pytest.fixture
def fault() -> PayloadFault:
    """Return a fault in the second row of the third line of a file."""
    return PayloadFault(
        code=FaultCode.WRONG_TYPE,
        kind=FaultKind.REFUSED,
        file="log.jsonl",
        record=2,
        row=1,
        pointer="/instances/1/body_mass_g",
        input="body_mass_g",
        expected="int64",
        found="1.0",
        server="JSON Value: 1.0 Type: Number is not of expected type: int64",
    )


@pytest.fixture
def result(fault: PayloadFault) -> PayloadResult:
    """Return a result with one of everything."""
    return PayloadResult(
        verdict=Verdict.FAIL,
        sentence="1 of 3 payloads is refused.",
        model="/models/penguins/1",
        statics=(StaticFinding("LABEL_REQUIRED", True, "s", "species", "e", "f", "c"),),
        files=(PayloadFile("log.jsonl", "JSON lines", 3, 4, 1, ""),),
        tallies=(FaultTally(FaultKind.REFUSED, FaultCode.WRONG_TYPE, "body_mass_g", 1),),
        faults=(fault,),
        environment={"tfx_parity": "0"},
        reproduce="tfx-parity payload /models/penguins/1 log.jsonl",
    )


def test_every_code_has_a_meaning() -> None:
    """No code is without its summary and its cure."""
    assert set(FaultCode) == set(FAULT_MEANINGS)
    assert all(meaning.summary and meaning.cure for meaning in FAULT_MEANINGS.values())


def test_a_fault_renders_where_what_and_the_cure(fault: PayloadFault) -> None:
    """The text of a fault holds all that a client needs."""
    expected = """refused WRONG_TYPE: a value of another type than the model reads
  where     log.jsonl payload 2, row 1, /instances/1/body_mass_g, input 'body_mass_g'
  expected  int64
  found     1.0
  server    JSON Value: 1.0 Type: Number is not of expected type: int64
  to do     Send the type that is expected: numbers unquoted, integers without a decimal point, \
never null."""

    assert expected == fault.render()


def test_a_report_follows_its_schema(result: PayloadResult, tmp_path: Path) -> None:
    """What is written is what the published schema says, and every code is in it."""
    schema = json.loads(SCHEMA.read_text("utf-8"))

    jsonschema_rs.meta.validate(schema)
    written = json.loads(write_payload_json(tmp_path, result).read_bytes())
    jsonschema_rs.validate(schema, written)

    assert [code.value for code in FaultCode] == schema["$defs"]["code"]["enum"]
    assert [kind.value for kind in FaultKind] == schema["$defs"]["kind"]["enum"]
    assert "FAIL" == written["verdict"]


def test_counts_are_taken_of_files_and_tallies(result: PayloadResult) -> None:
    """A result counts its payloads and the faults of a kind."""
    assert 3 == result.payloads
    assert 1 == result.count(FaultKind.REFUSED)
    assert 0 == result.count(FaultKind.CHANGED)


def test_the_same_result_gives_the_same_bytes(result: PayloadResult) -> None:
    """Two reports of one result are equal byte by byte."""
    assert payload_json(result) == payload_json(result)
