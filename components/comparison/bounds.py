"""What a count of mismatches proves about the rate: one-sided Clopper-Pearson bounds.

The exact interval of the binomial (Clopper and Pearson, 1934): `U = BetaInv(c; k + 1, n - k)` and
`L = BetaInv(1 - c; k, n - k + 1)`. At 95 %, 0 of 299 proves a rate under 1 %, 0 of 2,995 one under
0.1 %.
"""

from __future__ import annotations

import math

from scipy.special import betaincinv

DEFAULT_CONFIDENCE = 0.95


def upper_bound(mismatches: int, examples: int, confidence: float = DEFAULT_CONFIDENCE) -> float:
    """Return the rate that the true one does not exceed, at this confidence.

    Args:
      mismatches: Examples that mismatch, 0 to `examples`.
      examples: Examples compared; with none of them the bound is 1.
      confidence: One-sided, between 0 and 1.

    Raises:
      ValueError: If an argument lies outside its range.
    """
    _require_counts(mismatches, examples)
    _require_fraction("confidence", confidence)
    if mismatches == examples:
        return 1.0
    if mismatches == 0:  # the closed form keeps every digit of a small rate
        return -math.expm1(math.log1p(-confidence) / examples)
    return float(betaincinv(mismatches + 1, examples - mismatches, confidence))


def lower_bound(mismatches: int, examples: int, confidence: float = DEFAULT_CONFIDENCE) -> float:
    """Return the rate that the true one does not fall short of, at this confidence.

    Args:
      mismatches: Examples that mismatch, 0 to `examples`; with none of them the bound is 0.
      examples: Examples compared.
      confidence: One-sided, between 0 and 1.

    Raises:
      ValueError: If an argument lies outside its range.
    """
    _require_counts(mismatches, examples)
    _require_fraction("confidence", confidence)
    if mismatches == 0:
        return 0.0
    if mismatches == examples:
        return math.exp(math.log1p(-confidence) / examples)
    return float(betaincinv(mismatches, examples - mismatches + 1, 1.0 - confidence))


def examples_needed(
    max_rate: float, confidence: float = DEFAULT_CONFIDENCE, mismatches: int = 0
) -> int:
    """Return the fewest examples whose upper bound is at or under `max_rate`.

    Args:
      max_rate: The rate to prove, a fraction between 0 and 1.
      confidence: One-sided, between 0 and 1.
      mismatches: Mismatches to allow among these examples.

    Raises:
      ValueError: If an argument lies outside its range.
    """
    _require_fraction("max_rate", max_rate)
    _require_counts(mismatches, mismatches)
    too_few, enough = mismatches, mismatches + 1
    while upper_bound(mismatches, enough, confidence) > max_rate:
        too_few, enough = enough, 2 * enough
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if upper_bound(mismatches, middle, confidence) > max_rate:
            too_few = middle
        else:
            enough = middle
    return enough


def _require_counts(mismatches: int, examples: int) -> None:
    if not 0 <= mismatches <= examples:
        raise ValueError(f"Expected 0 <= mismatches <= examples, got {mismatches} of {examples}.")


def _require_fraction(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"Expected {name} to lie between 0 and 1, got {value}.")
