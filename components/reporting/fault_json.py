"""A fault of a payload as reports write it."""

from __future__ import annotations

from dataclasses import asdict

from tfx_parity.findings import FAULT_MEANINGS, PayloadFault


def fault_json(fault: PayloadFault) -> dict[str, object]:
    """Return a fault's fields, with what its code says to people."""
    meaning = FAULT_MEANINGS[fault.code]
    return {**asdict(fault), "summary": meaning.summary, "cure": meaning.cure}
