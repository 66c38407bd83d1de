"""The verdict: what the causes, the rungs and the coverage set add up to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfx_parity.canary_validator.arms import Pair
from tfx_parity.canary_validator.comparing import Limits
from tfx_parity.canary_validator.ladder import Ladder
from tfx_parity.canary_validator.recorded import Recorded, Rows
from tfx_parity.comparison.bounds import examples_needed, upper_bound
from tfx_parity.findings import Cause, Coverage, Decision, Rung, Verdict

_NO_TRAINER = "; without trainer predictions, so training itself is not compared"


def headline(recorded: Recorded) -> Pair:
    """Return the pair that the verdict's rate is taken of."""
    return ("T", "C") if recorded.outputs is not None else ("B", "C")


def decide(
    ladder: Ladder,
    hard_causes: Sequence[Cause],
    coverage: Coverage,
    limits: Limits,
) -> tuple[Verdict, Decision]:
    """Return the verdict of a check whose requests were sent.

    Args:
        ladder: The rungs and the causes that they prove.
        hard_causes: Causes that are no matter of a rate.
        coverage: The hard check on rare values.
        limits: What decides over a count.
    """
    reference = ladder.rungs.recorded.outputs
    pair = headline(ladder.rungs.recorded)
    rung = ladder.rungs[pair].rung
    verdict, why = _judge(ladder, rung, hard_causes, coverage, limits)
    return verdict, Decision(
        headline=pair,
        examples=rung.examples,
        mismatching=rung.mismatching,
        upper_bound=rung.upper_bound,
        confidence=limits.confidence,
        max_mismatch_rate=limits.max_mismatch_rate,
        noise_ratio=ladder.noise_ratio,
        sentence=f"{rate_words(rung, limits)}{why}{'' if reference else _NO_TRAINER}",
    )


def _judge(
    ladder: Ladder,
    rung: Rung,
    hard_causes: Sequence[Cause],
    coverage: Coverage,
    limits: Limits,
) -> tuple[Verdict, str]:
    reference = ladder.rungs.recorded.outputs
    states = [compared.rung.state for compared in ladder.rungs.compared.values()]
    if hard_causes or "differs" in states:
        return Verdict.FAIL, ""
    if coverage.differing:
        return Verdict.FAIL, f"; {coverage.differing} of {coverage.rows} rare values differ"
    if rung.examples == 0:
        return Verdict.INCONCLUSIVE, "; nothing was compared"
    if reference is not None and (broken := _broken_rate(reference)) > limits.max_mismatch_rate:
        return Verdict.INCONCLUSIVE, f"; the trainer answers NaN on {broken:.1%} of the examples"
    if "undecided" in states:
        most = max(compared.rung.mismatching for compared in ladder.rungs.compared.values())
        needed = examples_needed(limits.max_mismatch_rate, limits.confidence, most)
        return Verdict.INCONCLUSIVE, f"; {needed} examples would be needed to decide"
    return Verdict.PASS, ""


def _broken_rate(reference: Rows) -> float:
    """Return the rate of examples for which the trainer itself answers NaN."""
    broken = np.zeros(len(next(iter(reference.values()))), dtype=bool)
    for rows in reference.values():
        if np.issubdtype(rows[0].dtype, np.inexact):
            broken |= np.array([bool(np.isnan(row).any()) for row in rows])
    return float(broken.mean())


def rate_words(rung: Rung, limits: Limits) -> str:
    """Return a rung's count and what it proves, such as "0 of 344 examples differ: ..."."""
    if rung.examples == 0:
        return f"No example was compared ({rung.reason})"
    bound = upper_bound(rung.mismatching, rung.examples, limits.confidence)
    counts = f"{rung.mismatching} of {rung.examples} examples differ"
    allowed = f"{limits.max_mismatch_rate:.2%} allowed"
    if rung.mismatching == 0:
        return f"{counts}: under {bound:.2%} at {limits.confidence:.0%} confidence, {allowed}"
    rate = rung.mismatching / rung.examples
    return (
        f"{counts}: {rate:.2%}, up to {bound:.2%} at {limits.confidence:.0%} confidence, {allowed}"
    )
