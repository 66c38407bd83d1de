"""How far two arms' answers lie apart: a bounded summary, whatever the number of examples."""

from __future__ import annotations

from dataclasses import dataclass

from tfx_parity.findings.worst_element import WorstElement


@dataclass(frozen=True)
class RatioHistogram:
    """Elements counted by `r = |a-b| / (atol + rtol*|reference|)`.

    Attributes:
        edges: Upper ends of the buckets, inclusive, ascending; the first is 0.
        counts: Elements of each bucket, then those beyond the last edge, then those that no
            tolerance allows (r is infinite: other strings, NaN on one side).
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Scatter:
    """Some elements' values on both sides, to be drawn; which ones is fixed by the values alone.

    Attributes:
        reference: Finite values of the pair's first arm, rounded to six digits.
        candidate: Those of the second arm, beside them.
        mismatching: How many of them differ beyond the tolerance; they stand first.
    """

    reference: tuple[float, ...]
    candidate: tuple[float, ...]
    mismatching: int


@dataclass(frozen=True)
class Consequence:
    """What the differences of an output's scores do to the decisions taken from them.

    Attributes:
        decision: How a score becomes a decision, in words; empty where none is known: then flips
            are None.
        examples: Examples whose scores are finite on both sides.
        undecidable: The others.
        flips: Examples that are decided otherwise.
        tie_explained_flips: Those among them that were a tie within the tolerance.
        prediction_difference: Mean of `2|a-b| / |a+b|` (TFMA's symmetric prediction difference);
            None where it has no finite value.
        bias: The greatest mean difference, candidate minus reference, of any score; None likewise.
        rank_agreement: Kendall's tau-b of both sides' scores; None where it is undefined.
    """

    decision: str
    examples: int
    undecidable: int
    flips: int | None
    tie_explained_flips: int | None
    prediction_difference: float | None
    bias: float | None
    rank_agreement: float | None


@dataclass(frozen=True)
class OutputSummary:
    """One output, or transformed feature, of a pair of arms.

    Attributes:
        name: Its name.
        dtype: The reference's dtype.
        tolerance: What agrees, as text.
        examples: How many examples were compared.
        mismatching_examples: How many of them differ.
        elements: How many elements were compared.
        mismatching_elements: How many of them differ beyond the tolerance.
        max_ratio: The greatest ratio to the tolerance; None: beyond any.
        max_difference: The greatest absolute difference of finite values; None: beyond any number.
        ratios: The distribution of the ratio.
        scatter: Values to be drawn; None for strings, booleans, complex numbers, and where they
            are left out.
        consequence: What the differences do to decisions; None where the output is not one score
            an example, or one a class.
    """

    name: str
    dtype: str
    tolerance: str
    examples: int
    mismatching_examples: int
    elements: int
    mismatching_elements: int
    max_ratio: float | None
    max_difference: float | None
    ratios: RatioHistogram
    scatter: Scatter | None
    consequence: Consequence | None


@dataclass(frozen=True)
class PairSummary:
    """A pair of arms in detail.

    Attributes:
        pair: The two arms; the first is the reference.
        outputs: Their outputs, those that differ most first; not all where there are many.
        left_out: How many outputs are not among them.
        worst: The elements that differ most, within the tolerance or beyond.
    """

    pair: tuple[str, str]
    outputs: tuple[OutputSummary, ...]
    left_out: int
    worst: tuple[WorstElement, ...]
