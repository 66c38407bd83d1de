"""Whether a difference matters: decisions that flip, scores that drift, ranks that change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.tolerance import Tolerance

_Scores = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]

DEFAULT_THRESHOLD = 0.5

# TensorFlow Model Analysis, prediction_difference_metrics.py: _K_EPSILON.
_NEGLIGIBLE = 1e-7


@dataclass(frozen=True)
class DecisionMeasures:
    """What a difference of scores does to the decisions taken from them.

    Attributes:
      examples: Examples whose scores are all finite on both sides; the others are left out.
      undecidable: Examples with a NaN or an infinity on either side.
      flips: Examples of which any decision differs.
      tie_explained_flips: Flips of which every differing decision was within the tolerance of the
        other one already: either answer is right.
      symmetric_prediction_difference: Mean of `2 |p - q| / |p + q|`, 0 where both sides of the
        fraction are under 1e-7 (TensorFlow Model Analysis, `SymmetricPredictionDifference`);
        infinite for scores of opposite sign and one size, NaN without examples.
      bias: Mean of candidate minus reference, one for each entry of the last axis.
      rank_agreement: Kendall's tau-b of the scores of the reference's label; None where it is
        undefined (fewer than two examples, or all scores equal).
    """

    examples: int
    undecidable: int
    flips: int
    tie_explained_flips: int
    symmetric_prediction_difference: float
    bias: tuple[float, ...]
    rank_agreement: float | None

    @property
    def material_flips(self) -> int:
        """Flips that no tie explains."""
        return self.flips - self.tie_explained_flips


def decision_measures(
    reference: npt.NDArray[Any],
    candidate: npt.NDArray[Any],
    tolerance: Tolerance,
    *,
    threshold: float = DEFAULT_THRESHOLD,
) -> DecisionMeasures:
    """Measure the decisions of a probability or logit output.

    The label is the first greatest entry of the last axis where it has several, else whether the
    score exceeds the threshold (strictly, as in TensorFlow Model Analysis' flip metrics).

    Args:
      reference: [n], [n, classes] or [n, ..., classes], any float dtype, the trainer's scores.
      candidate: The canary's, of the same shape.
      tolerance: What separates a tie from a decision.
      threshold: Of a single score; 0.5 for a probability, 0 for a logit.

    Raises:
      ValueError: If the shapes differ, or hold no example axis or no score.
    """
    first, second = _as_scores(reference, candidate)
    decidable = np.isfinite(first).all(axis=(1, 2)) & np.isfinite(second).all(axis=(1, 2))
    first, second = first[decidable], second[decidable]
    flipped, tied = _flips(first, second, tolerance, threshold)
    flipped_examples, material_examples = flipped.any(axis=1), (flipped & ~tied).any(axis=1)
    return DecisionMeasures(
        examples=len(first),
        undecidable=int(np.count_nonzero(~decidable)),
        flips=int(np.count_nonzero(flipped_examples)),
        tie_explained_flips=int(np.count_nonzero(flipped_examples & ~material_examples)),
        symmetric_prediction_difference=_symmetric_difference(first, second),
        bias=tuple(_mean(second[..., i] - first[..., i]) for i in range(first.shape[2])),
        rank_agreement=_rank_agreement(first, second),
    )


def _as_scores(reference: npt.NDArray[Any], candidate: npt.NDArray[Any]) -> tuple[_Scores, _Scores]:
    """Return both sides as float64 [examples, decisions, classes]."""
    if reference.shape != candidate.shape or reference.ndim == 0 or 0 in reference.shape[1:]:
        raise ValueError(
            "Expected scores of one shape, the example its leading axis and a score in each, "
            f"got {reference.shape} and {candidate.shape}."
        )
    shape = reference.shape
    classes = shape[-1] if len(shape) > 1 else 1
    decisions = int(np.prod(shape[1:-1], dtype=np.int64))
    new_shape = (shape[0], decisions, classes)
    first = reference.astype(np.float64).reshape(new_shape)
    return first, candidate.astype(np.float64).reshape(new_shape)


def _flips(
    reference: _Scores, candidate: _Scores, tolerance: Tolerance, threshold: float
) -> tuple[_Mask, _Mask]:
    """Return which decisions differ and which of the reference's were ties, [n, decisions]."""
    if reference.shape[2] == 1:
        scores = reference[..., 0]
        flipped = (scores > threshold) != (candidate[..., 0] > threshold)
        return flipped, np.abs(scores - threshold) <= _allowance(scores, tolerance)
    labels, others = reference.argmax(axis=2), candidate.argmax(axis=2)
    chosen, rival = _scores_of(reference, labels), _scores_of(reference, others)
    # The rival is the label that the candidate chose: a tie with a third one explains nothing.
    tied = chosen - rival <= _allowance(chosen, tolerance) + _allowance(rival, tolerance)
    return labels != others, tied


def _scores_of(scores: _Scores, labels: npt.NDArray[np.intp]) -> _Scores:
    return np.take_along_axis(scores, labels[..., np.newaxis], axis=2)[..., 0]


def _allowance(scores: _Scores, tolerance: Tolerance) -> _Scores:
    return tolerance.atol + tolerance.rtol * np.abs(scores)


def _symmetric_difference(reference: _Scores, candidate: _Scores) -> float:
    distance, total = 2 * np.abs(reference - candidate), np.abs(reference + candidate)
    counted = (distance >= _NEGLIGIBLE) | (total >= _NEGLIGIBLE)
    with np.errstate(divide="ignore"):
        terms = np.divide(distance, total, out=np.zeros_like(total), where=counted)
    return _mean(terms)


def _mean(values: _Scores) -> float:
    return float(values.mean()) if values.size else float("nan")


def _rank_agreement(reference: _Scores, candidate: _Scores) -> float | None:
    # A second of import, which only those who compare scores shall pay.
    from scipy.stats import kendalltau  # noqa: PLC0415

    labels = reference.argmax(axis=2)
    first, second = _scores_of(reference, labels), _scores_of(candidate, labels)
    if first.size < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:  # noqa: PLR2004 - a pair
        return None
    return float(kendalltau(first.ravel(), second.ravel()).statistic)
