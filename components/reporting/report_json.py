"""A parity result as JSON: `schemas/parity_report.schema.json` says what it holds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from tfx_parity.files import canonical_json, write_bytes
from tfx_parity.findings import MEANINGS, Cause, ParityResult
from tfx_parity.reporting.fault_json import fault_json

FILE_NAME = "report.json"
FORMAT = 1


def to_json(result: ParityResult) -> bytes:
    """Return a result as canonical JSON: the same result gives the same bytes."""
    fields = asdict(result)
    fields["causes"] = [_cause(cause) for cause in result.causes]
    fields["warnings"] = [_cause(warning) for warning in result.warnings]
    fields["sample_faults"] = [fault_json(fault) for fault in result.sample_faults]
    return canonical_json({"format": FORMAT, **fields})


def _cause(cause: Cause) -> dict[str, object]:
    meaning = MEANINGS[cause.code]
    return {
        "code": cause.code,
        "family": meaning.family,
        "summary": meaning.summary,
        "place": cause.place,
        "evidence": asdict(cause.evidence),
        "advice": meaning.advice,
    }


def write_json(folder: Path, result: ParityResult) -> Path:
    """Write a result as `report.json` into a folder and return the file."""
    path = folder / FILE_NAME
    write_bytes(path, to_json(result))
    return path
