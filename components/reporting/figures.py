"""The numbers worth a glance, under the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfx_parity.findings import Coverage, Decision, PairSummary, ParityResult
from tfx_parity.reporting.wording import NOTHING, count_text, ratio_text, share_text


@dataclass(frozen=True)
class Figure:
    """A number worth a glance: what it is of, the number, and what it means."""

    label: str
    value: str
    note: str


def figures(
    result: ParityResult, noise_ratio: float | None, *, has_noise: bool
) -> tuple[Figure, ...]:
    """Return the figures of a result.

    Args:
        result: The result.
        noise_ratio: The canary's own noise; None: beyond any tolerance.
        has_noise: Whether it was measured.
    """
    decision = result.decision
    counts = f"{count_text(decision.mismatching)} of {count_text(decision.examples)}"
    return (
        Figure(f"differ between {' and '.join(decision.headline)}", counts, "examples"),
        _bound(decision),
        *_flips(result.pairs[:1]),
        _noise(noise_ratio) if has_noise else Figure("noise floor", NOTHING, "not measured"),
        _coverage(result.coverage),
    )


def _bound(decision: Decision) -> Figure:
    if decision.upper_bound is None:
        return Figure("rate at most", NOTHING, "nothing compared")
    return Figure(
        f"rate at most, {decision.confidence:.0%} sure",
        share_text(decision.upper_bound),
        f"{share_text(decision.max_mismatch_rate)} allowed",
    )


def _flips(pairs: Sequence[PairSummary]) -> tuple[Figure, ...]:
    """Return the decisions that flip, of the output of which most do."""
    found = [
        (output.consequence.flips, output.consequence, pair.pair)
        for pair in pairs
        for output in pair.outputs
        if output.consequence is not None and output.consequence.flips is not None
    ]
    if not found:
        return ()
    flips, consequence, pair = max(found, key=lambda entry: entry[0])
    value = f"{count_text(flips)} of {count_text(consequence.examples)}"
    return (Figure("decisions that flip", value, f"between {' and '.join(pair)}"),)


def _noise(ratio: float | None) -> Figure:
    return Figure("noise floor", ratio_text(ratio), "times the tolerance, canary and itself")


def _coverage(coverage: Coverage) -> Figure:
    if coverage.missing is not None:
        return Figure("rare values", NOTHING, coverage.missing)
    agreeing = f"{count_text(coverage.rows - coverage.differing)} of {count_text(coverage.rows)}"
    return Figure("rare values", agreeing, "answered as expected")
