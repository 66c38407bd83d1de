"""A model's metrics on both sides: of the trainer's predictions and of the canary's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SlicedMetric:
    """One metric on one slice of the examples.

    Attributes:
        name: The metric's name, with its model output, class or k where it has one.
        slice: The features, each with its value, that the slice's examples share; empty: all of
            the examples.
        trainer: The metric of the trainer's predictions; None: not a number, or a metric that
            compares both sides and has a difference alone.
        canary: The metric of the canary's predictions; None likewise.
        difference: Canary minus trainer; None where it is not a number.
    """

    name: str
    slice: tuple[tuple[str, str], ...]
    trainer: float | None
    canary: float | None
    difference: float | None

    @property
    def differs(self) -> bool:
        """Whether the two sides have different values."""
        return self.trainer != self.canary or bool(self.difference)


@dataclass(frozen=True)
class MetricSides:
    """Whether what differs matters: it informs, and has no part in the verdict.

    Attributes:
        examples: How many examples both sides answered, and the metrics were computed on.
        metrics: By name and slice; not all where there are many.
        notes: What was left out, and why; one sentence each.
        missing: Why no metric was computed; None where there were.
    """

    examples: int
    metrics: tuple[SlicedMetric, ...]
    notes: tuple[str, ...] = ()
    missing: str | None = None


def no_metrics(reason: str) -> MetricSides:
    """Return metrics that were asked for and not computed, with the reason."""
    return MetricSides(0, (), missing=reason)
