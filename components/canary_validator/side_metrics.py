"""Where metrics of both sides are asked for: the trainer's answers and the canary's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.findings import MetricSides, no_metrics

Measure = Callable[[Sequence[int], Rows, Rows], MetricSides]
"""Computes metrics of examples by their numbers, the trainer's rows of them and the canary's."""

_SIDES = ("T", "C")


def side_metrics(
    measure: Measure | None, answers: Mapping[str, Answers | Missing]
) -> MetricSides | None:
    """Return the metrics of the examples that both the trainer and the canary answered.

    Args:
        measure: Computes them; None where none were asked for.
        answers: Every arm's answers.
    """
    if measure is None:
        return None
    trainer, canary = (answers[name] for name in _SIDES)
    for name, arm in zip(_SIDES, (trainer, canary), strict=True):
        if isinstance(arm, Missing):
            return no_metrics(f"{name}: {arm.reason}")
    assert isinstance(trainer, Answers)  # noqa: S101 - what the loop has shown, for mypy
    assert isinstance(canary, Answers)  # noqa: S101
    indices = sorted(set(trainer.indices) & set(canary.indices))
    if not indices:
        return no_metrics("no example was answered by both the trainer and the canary")
    return measure(indices, trainer.at(indices), canary.at(indices))
