"""What a check finds: codes, causes, evidence and verdicts. Data only.

Each module is loaded when something of it is asked for: who looks at one request needs no more than
its faults.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfx_parity.findings.codes import MEANINGS, CauseCode, Meaning
    from tfx_parity.findings.metric_sides import MetricSides, SlicedMetric, no_metrics
    from tfx_parity.findings.pair_summary import (
        Consequence,
        OutputSummary,
        PairSummary,
        RatioHistogram,
        Scatter,
    )
    from tfx_parity.findings.parity_result import (
        FEATURES,
        PREDICTIONS,
        Arm,
        Cause,
        Coverage,
        Decision,
        Evidence,
        ParityResult,
        Rung,
        Verdict,
    )
    from tfx_parity.findings.payload_fault import (
        FAULT_MEANINGS,
        FaultCode,
        FaultKind,
        FaultMeaning,
        PayloadFault,
    )
    from tfx_parity.findings.payload_result import (
        FaultTally,
        PayloadFile,
        PayloadResult,
        StaticFinding,
    )
    from tfx_parity.findings.redaction import redacted
    from tfx_parity.findings.worst_element import WorstElement

_HOMES = {
    "CauseCode": "codes",
    "MEANINGS": "codes",
    "Meaning": "codes",
    "MetricSides": "metric_sides",
    "SlicedMetric": "metric_sides",
    "no_metrics": "metric_sides",
    "Consequence": "pair_summary",
    "OutputSummary": "pair_summary",
    "PairSummary": "pair_summary",
    "RatioHistogram": "pair_summary",
    "Scatter": "pair_summary",
    "Arm": "parity_result",
    "Cause": "parity_result",
    "Coverage": "parity_result",
    "Decision": "parity_result",
    "Evidence": "parity_result",
    "FEATURES": "parity_result",
    "PREDICTIONS": "parity_result",
    "ParityResult": "parity_result",
    "Rung": "parity_result",
    "Verdict": "parity_result",
    "FAULT_MEANINGS": "payload_fault",
    "FaultCode": "payload_fault",
    "FaultKind": "payload_fault",
    "FaultMeaning": "payload_fault",
    "PayloadFault": "payload_fault",
    "FaultTally": "payload_result",
    "PayloadFile": "payload_result",
    "PayloadResult": "payload_result",
    "StaticFinding": "payload_result",
    "redacted": "redaction",
    "WorstElement": "worst_element",
}

__all__ = [
    "FAULT_MEANINGS",
    "FEATURES",
    "MEANINGS",
    "PREDICTIONS",
    "Arm",
    "Cause",
    "CauseCode",
    "Consequence",
    "Coverage",
    "Decision",
    "Evidence",
    "FaultCode",
    "FaultKind",
    "FaultMeaning",
    "FaultTally",
    "Meaning",
    "MetricSides",
    "OutputSummary",
    "PairSummary",
    "ParityResult",
    "PayloadFault",
    "PayloadFile",
    "PayloadResult",
    "RatioHistogram",
    "Rung",
    "Scatter",
    "SlicedMetric",
    "StaticFinding",
    "Verdict",
    "WorstElement",
    "no_metrics",
    "redacted",
]


def __getattr__(name: str) -> object:
    """Load a module when something of it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
