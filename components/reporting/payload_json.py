"""A payload result as JSON: `schemas/payload_report.schema.json` says what it holds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from tfx_parity.files import canonical_json, write_bytes
from tfx_parity.findings import PayloadResult
from tfx_parity.reporting.fault_json import fault_json
from tfx_parity.reporting.report_json import FILE_NAME

FORMAT = 1


def payload_json(result: PayloadResult) -> bytes:
    """Return a result as canonical JSON: the same result gives the same bytes."""
    fields = asdict(result)
    fields["faults"] = [fault_json(fault) for fault in result.faults]
    return canonical_json({"format": FORMAT, **fields})


def write_payload_json(folder: Path, result: PayloadResult) -> Path:
    """Write a result as `report.json` into a folder and return the file."""
    path = folder / FILE_NAME
    write_bytes(path, payload_json(result))
    return path
