"""The result of a model to which no request could be put."""

from __future__ import annotations

from collections.abc import Sequence

from tfx_parity.canary_validator.answers import Missing
from tfx_parity.canary_validator.arms import MEANINGS, arm_summary
from tfx_parity.canary_validator.circumstances import Circumstances
from tfx_parity.canary_validator.comparing import not_compared
from tfx_parity.canary_validator.rungs import PAIRS
from tfx_parity.canary_validator.side_metrics import Measure
from tfx_parity.findings import Cause, Coverage, Decision, ParityResult, Verdict, no_metrics


def unasked_result(
    about: Circumstances, causes: Sequence[Cause], measure: Measure | None
) -> ParityResult:
    """Return a FAIL without an example compared.

    Args:
        about: What the result holds for.
        causes: Why no request could be put, the first cause first.
        measure: What would have computed metrics; None where none were asked for.
    """
    first, options = causes[0], about.options
    reason = f"not asked: {first.code.value}"
    return ParityResult(
        verdict=Verdict.FAIL,
        causes=tuple(causes),
        decision=Decision(
            headline=("T", "C"),
            examples=0,
            mismatching=0,
            upper_bound=None,
            confidence=options.confidence,
            max_mismatch_rate=options.max_mismatch_rate,
            noise_ratio=None,
            sentence=f"No example was compared: {first.evidence.detail}",
        ),
        arms=tuple(arm_summary(name, Missing(reason)) for name in MEANINGS),
        ladder=tuple(not_compared(pair, reason).rung for pair in PAIRS),
        pairs=(),
        coverage=Coverage(0, 0, (), reason),
        tolerances=about.tolerances,
        environment=about.environment,
        not_exercised=about.not_exercised,
        reproduce=about.command,
        redacted=False,
        sampling="No arm was asked.",
        metrics=None if measure is None else no_metrics(reason),
    )
