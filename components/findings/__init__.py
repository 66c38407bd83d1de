"""What a check finds: codes, causes, evidence and verdicts. Data only."""

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
