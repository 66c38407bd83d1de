"""The arms: the ways of asking for the same prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.findings import FEATURES, PREDICTIONS, Arm

Pair: TypeAlias = tuple[str, str]
"""Two arms; the first is the reference."""

TRAINER, MATERIALISED, CANARY, FRESH = "T", "M", "C", "C'"
MEANINGS: Mapping[str, str] = {
    "T": "what the trainer recorded",
    "M": "the transformed records that Beam made",
    "A": "predict_transformed in process, on those records",
    "B": "the recorded signature in process, on raw requests",
    "Bt": "transform_features in process, on raw requests",
    "C": "the canary over gRPC, in batches",
    "C again": "the same requests a second time",
    "Ct": "the canary's transform_features over gRPC, in batches",
    "C'": "a second, fresh start of the canary",
    "C1": "the canary over gRPC, one example a request",
    "Cs": "the same requests in another order and grouping",
    "Cp": "the same requests from many threads at once",
    "R": "the canary over REST, rows",
    "Rc": "the canary over REST, columns",
    "Rr": "the canary's serve_raw over REST, rows of raw values",
}
FEATURE_ARMS = frozenset({"M", "Bt", "Ct"})
_STAGES = {"T": "training", "M": "training", **dict.fromkeys(("A", "B", "Bt"), "in process")}


def arm_summary(name: str, found: Answers | Missing) -> Arm:
    """Return an arm as the report shows it."""
    return Arm(
        name=name,
        meaning=MEANINGS[name],
        stage=_STAGES.get(name, "REST" if name.startswith("R") else "canary"),
        gives=FEATURES if name in FEATURE_ARMS else PREDICTIONS,
        answered=len(found.indices) if isinstance(found, Answers) else 0,
        failed=len(found.failures) if isinstance(found, Answers) else 0,
        missing=found.reason if isinstance(found, Missing) else None,
    )
