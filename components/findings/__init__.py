"""What a check finds: codes, causes, evidence and verdicts. Data only."""

from tfx_parity.findings.codes import MEANINGS, CauseCode, Meaning
from tfx_parity.findings.parity_result import (
    Arm,
    Cause,
    Coverage,
    Decision,
    Evidence,
    ParityResult,
    Rung,
    Verdict,
    WorstElement,
)

__all__ = [
    "MEANINGS",
    "Arm",
    "Cause",
    "CauseCode",
    "Coverage",
    "Decision",
    "Evidence",
    "Meaning",
    "ParityResult",
    "Rung",
    "Verdict",
    "WorstElement",
]
