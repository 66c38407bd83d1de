"""What the metrics of both sides say, in words and in the order in which people look for it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tfx_parity.findings import MetricSides, SlicedMetric
from tfx_parity.reporting.wording import NOTHING, count_text, number_text

OVERALL = "all examples"


def metrics_sentence(sides: MetricSides) -> str:
    """Return the metrics of both sides in one sentence."""
    if sides.missing is not None:
        return f"not computed: {sides.missing}"
    differing = sum(metric.differs for metric in sides.metrics)
    of = f"{count_text(differing)} of {count_text(len(sides.metrics))} differ"
    return f"{of}, on {count_text(sides.examples)} examples that both sides answered"


def most_different_first(sides: MetricSides) -> Sequence[SlicedMetric]:
    """Return the metrics by the size of their difference, what is no number on one side first."""
    return sorted(sides.metrics, key=_size_of_difference, reverse=True)


def _size_of_difference(metric: SlicedMetric) -> float:
    if metric.difference is None:
        return math.inf if metric.differs else 0.0
    return abs(metric.difference)


def slice_text(metric: SlicedMetric) -> str:
    """Return a metric's slice, such as `island=Biscoe, sex=female`."""
    return ", ".join(f"{name}={value}" for name, value in metric.slice) or OVERALL


def value_text(value: float | None) -> str:
    """Return a metric's value; a dash where it is not a number."""
    return NOTHING if value is None else number_text(value)


def difference_text(metric: SlicedMetric) -> str:
    """Return a metric's difference with its sign."""
    sign = "+" if metric.difference is not None and metric.difference > 0 else ""
    return sign + value_text(metric.difference)
