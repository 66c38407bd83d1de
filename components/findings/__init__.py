"""What a check finds: codes, causes, evidence and verdicts. Data only."""

from tfx_parity.findings.codes import MEANINGS, CauseCode, Meaning
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
from tfx_parity.findings.redaction import redacted
from tfx_parity.findings.worst_element import WorstElement

__all__ = [
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
    "Meaning",
    "OutputSummary",
    "PairSummary",
    "ParityResult",
    "RatioHistogram",
    "Rung",
    "Scatter",
    "Verdict",
    "WorstElement",
    "redacted",
]
