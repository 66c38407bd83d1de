"""A pair of arms summed up for the report: distributions, points to draw, effects on decisions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.arms import FEATURE_ARMS, Pair
from tfx_parity.canary_validator.comparing import Compared, tolerance_text
from tfx_parity.comparison.elements import Rule, differences
from tfx_parity.comparison.labels import DEFAULT_THRESHOLD, decision_measures
from tfx_parity.comparison.rows import RowComparison
from tfx_parity.comparison.statistics import RATIO_EDGES
from tfx_parity.comparison.tolerance import Tolerance
from tfx_parity.findings import (
    Consequence,
    OutputSummary,
    PairSummary,
    RatioHistogram,
    Scatter,
)

OUTPUTS_SHOWN = 6
POINTS_SHOWN = 500
# Of the points, so that what agrees is seen beside what does not.
_MISMATCHES_SHOWN = 400
# Read for the points of one output at most: rows can be images.
_ELEMENTS_READ = 200_000
# Beyond it a row is a picture or an embedding, and no score a class.
_MOST_CLASSES = 10_000
_DIGITS = 6

Rows = Sequence[NDArray[np.generic]]


def summarise_pairs(
    compared: Mapping[Pair, Compared],
    wanted: Iterable[Pair],
    answers: Mapping[str, Answers | Missing],
    examples: Sequence[bytes] | None,
) -> tuple[PairSummary, ...]:
    """Return some pairs of the ladder in detail, each once, without those that were not compared.

    Args:
        compared: The pairs of the ladder, compared.
        wanted: The pairs, in the order of the report.
        answers: Every arm's answers.
        examples: The serialized raw examples, None where there are none to show.
    """
    found = [compared[pair] for pair in dict.fromkeys(wanted) if pair in compared]
    return tuple(_summary(c, answers, examples) for c in found if c.outputs is not None)


def _summary(
    compared: Compared,
    answers: Mapping[str, Answers | Missing],
    examples: Sequence[bytes] | None,
) -> PairSummary:
    outputs = {} if compared.outputs is None else compared.outputs.outputs
    names = sorted(outputs, key=lambda name: (*_most_different_first(outputs[name]), name))
    reference, candidate = _sides(compared, answers)
    are_predictions = not set(compared.rung.pair) <= FEATURE_ARMS
    return PairSummary(
        pair=compared.rung.pair,
        outputs=tuple(
            _output(name, outputs[name], reference[name], candidate[name], are_predictions)
            for name in names[:OUTPUTS_SHOWN]
        ),
        left_out=max(0, len(names) - OUTPUTS_SHOWN),
        worst=compared.worst(examples),
    )


def _sides(
    compared: Compared, answers: Mapping[str, Answers | Missing]
) -> tuple[Mapping[str, Rows], Mapping[str, Rows]]:
    """Return the rows of both arms that were compared."""
    reference, candidate = (
        arm.at(compared.indices) if isinstance(arm := answers[name], Answers) else {}
        for name in compared.rung.pair
    )
    return reference, candidate


def _most_different_first(output: RowComparison) -> tuple[int, float]:
    return -int(np.count_nonzero(output.mismatching)), -output.statistics.max_ratio


def _output(
    name: str, output: RowComparison, reference: Rows, candidate: Rows, is_prediction: bool
) -> OutputSummary:
    dtype = reference[0].dtype
    found = output.statistics
    return OutputSummary(
        name=name,
        dtype="string" if dtype.kind == "O" else dtype.name,
        tolerance=tolerance_text(output.tolerance),
        examples=found.examples,
        mismatching_examples=found.mismatching_examples,
        elements=found.elements,
        mismatching_elements=found.mismatching_elements,
        max_ratio=_finite(found.max_ratio),
        max_difference=_finite(found.max_absolute_difference),
        ratios=RatioHistogram((0.0, *RATIO_EDGES), found.ratio_histogram),
        scatter=_scatter(output, reference, candidate),
        consequence=_consequence(output, reference, candidate)
        if is_prediction and _holds_scores(reference, output)
        else None,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _scatter(output: RowComparison, reference: Rows, candidate: Rows) -> Scatter | None:
    """Return points that differ, then points of evenly spaced examples that agree."""
    if output.dtype_mismatch is not None or reference[0].dtype.kind not in "fiuV":
        return None
    aligned = ~output.shape_mismatch
    differing = np.flatnonzero(output.mismatching & aligned)
    tolerance = output.tolerance
    first = _points(differing, reference, candidate, tolerance, mismatching=True)
    first = _thinned(first, _MISMATCHES_SHOWN)
    rest = _points(np.flatnonzero(aligned), reference, candidate, tolerance, mismatching=False)
    rest = _thinned(rest, POINTS_SHOWN - len(first))
    points = np.concatenate([first, rest])
    if not len(points):
        return None
    return Scatter(_rounded(points[:, 0]), _rounded(points[:, 1]), len(first))


def _points(
    rows: NDArray[np.intp],
    reference: Rows,
    candidate: Rows,
    tolerance: Tolerance,
    *,
    mismatching: bool,
) -> NDArray[np.float64]:
    """Return [n, 2] finite values of evenly spaced rows, those that mismatch or those that do not.

    Rows are read in full up to a bound on their elements, so that an output of images is no burden.
    """
    if not len(rows):
        return np.empty((0, 2))
    width = max(1, reference[rows[0]].size)
    chosen = _thinned(rows, max(1, min(POINTS_SHOWN, _ELEMENTS_READ // width)))
    one, other = (
        np.concatenate([side[row].reshape(-1) for row in chosen]) for side in (reference, candidate)
    )
    with np.errstate(all="ignore"):
        ratio = differences(one, other, Rule(tolerance)).ratio
        points = np.stack([one.astype(np.float64), other.astype(np.float64)], axis=1)
    return points[((ratio > 1) == mismatching) & np.isfinite(points).all(axis=1)]


def _thinned(values: NDArray[Any], count: int) -> NDArray[Any]:
    """Return up to `count` evenly spaced entries, the first and the last among them."""
    if len(values) <= count:
        return values
    return values[np.linspace(0, len(values) - 1, count).astype(np.intp)]


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{_DIGITS}g}") for value in values.tolist())


def _holds_scores(rows: Rows, output: RowComparison) -> bool:
    """Whether an output is one score an example, or one a class."""
    shape, size = rows[0].shape, rows[0].size
    return (
        rows[0].dtype.kind in "fV"
        and len(shape) <= 1
        and 0 < size <= _MOST_CLASSES
        and output.dtype_mismatch is None
        and not output.shape_mismatch.any()
        and all(row.shape == shape for row in rows)
    )


def _consequence(output: RowComparison, reference: Rows, candidate: Rows) -> Consequence:
    scores = np.stack(reference)
    found = decision_measures(scores, np.stack(candidate), output.tolerance)
    decision = _decision(scores)
    return Consequence(
        decision=decision,
        examples=found.examples,
        undecidable=found.undecidable,
        flips=found.flips if decision else None,
        tie_explained_flips=found.tie_explained_flips if decision else None,
        prediction_difference=_finite(found.symmetric_prediction_difference),
        bias=_finite(max(found.bias, key=abs)),
        rank_agreement=found.rank_agreement,
    )


def _decision(scores: NDArray[Any]) -> str:
    """Say how scores become a decision; of a single one that is no probability nobody knows."""
    if scores.ndim > 1 and scores.shape[1] > 1:
        return f"the greatest of {scores.shape[1]} scores"
    finite = scores[np.isfinite(scores)]
    is_probability = bool(np.all((finite >= 0) & (finite <= 1)))
    return f"a score over {DEFAULT_THRESHOLD:g}" if is_probability and len(finite) else ""
