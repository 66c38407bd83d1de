"""Whether the graph rewriter explains what a server answers otherwise than the in-process arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.arms import FEATURE_ARMS
from tfx_parity.canary_validator.comparing import Limits, compare_arms
from tfx_parity.canary_validator.panel import Panel
from tfx_parity.comparison.tolerance import TRANSFORMED_FEATURES, TolerancePolicy
from tfx_parity.findings import Cause, CauseCode

_REWRITTEN = "native"


def is_rewriters_doing(
    causes: Sequence[Cause],
    panel: Panel,
    answers: Mapping[str, Answers | Missing],
    model: Path,
    startup_deadline_s: float,
    policy: TolerancePolicy,
    limits: Limits,
) -> bool:
    """Ask the native canary with the rewriter on what a server answered otherwise than without.

    Only where the causes hold such a difference. The in-process arms have the rewriter off: if the
    native canary with it on answers as the server does, the difference vanishes with the rewriter.

    Args:
        causes: What the ladder found.
        panel: What arms are asked with.
        answers: Every arm's answers.
        model: The SavedModel.
        startup_deadline_s: How long the native canary may take until it answers.
        policy: The tolerance of each output.
        limits: What decides over a count.
    """
    pairs = [c.evidence.pair for c in causes if c.code is CauseCode.RUNTIME_SKEW]
    arms = [pair[1] for pair in pairs if pair in (("Bt", "Ct"), ("B", "C"))]
    if not arms:
        return False
    with NativeBackend().start(model, startup_deadline_s=startup_deadline_s) as native:
        rewritten = panel.ask_again(arms[0], native.client, panel.natural_batches)
    found = {_REWRITTEN: rewritten, arms[0]: answers[arms[0]]}
    tolerances = TRANSFORMED_FEATURES if arms[0] in FEATURE_ARMS else policy
    compared = compare_arms((_REWRITTEN, arms[0]), found, tolerances, limits)
    return compared.outputs is not None and not compared.is_different
