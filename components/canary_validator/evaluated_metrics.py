"""The metrics that TFMA wrote for two models, read as pairs. Imports TFMA."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma

from tfx_parity.canary_validator.evaluation_config import CANARY, TRAINER
from tfx_parity.findings import MetricSides, SlicedMetric
from tfx_parity.reporting.metrics import most_different_first

MOST_METRICS = 1000
"""More than people read; a slice of every value of a number would make a report of any size."""

Slice = tuple[tuple[str, str], ...]
_DIFFERENCE = "difference"


@dataclass
class _Found:
    """What was read so far.

    Attributes:
        values: By metric and slice, the value of each side and their difference.
        others: Names of metrics whose values are no numbers.
        refusals: What TFMA said of slices that it did not compute, counted.
    """

    values: dict[tuple[str, Slice], dict[str, float]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    refusals: Counter[str] = field(default_factory=Counter)

    def add(self, sliced: Any) -> None:
        """Take the metrics of one slice, a `MetricsForSlice`."""
        for value in sliced.metrics.values():  # what TFMA says of a slice that is too small
            self.refusals[value.debug_message] += 1
        for entry in sliced.metric_keys_and_values:
            name, number = _name(entry.key), _number(entry.value)
            if number is None:
                self.others.add(name)
                continue
            side = _DIFFERENCE if entry.key.is_diff else entry.key.model_name
            self.values.setdefault((name, _slice(sliced)), {})[side] = number

    def notes(self) -> list[str]:
        """Return what is not among the values, in sentences."""
        notes = []
        if self.others:
            notes.append(f"Not shown, as they are no numbers: {', '.join(sorted(self.others))}.")
        for message, count in sorted(self.refusals.items()):
            notes.append(f"TFMA left out {count:,} slices: {message}")
        return notes


def read_metrics(folder: Path, examples: int, notes: Sequence[str]) -> MetricSides:
    """Return what TFMA wrote.

    Args:
        folder: Where it wrote `metrics` and `plots`.
        examples: How many examples the metrics were computed on.
        notes: What is known to be left out, in sentences.
    """
    found, notes = _Found(), list(notes)
    for sliced in tfma.load_metrics(str(folder)):
        found.add(sliced)
    notes += found.notes()
    if any(plots.plot_keys_and_values for plots in tfma.load_plots(str(folder))):
        notes.append("Plots are not compared.")
    metrics = [
        SlicedMetric(
            name=name,
            slice=part,
            trainer=_finite(values.get(TRAINER)),
            canary=_finite(values.get(CANARY)),
            difference=_finite(values.get(_DIFFERENCE)),
        )
        for (name, part), values in sorted(found.values.items())
    ]
    return _bounded(MetricSides(examples, tuple(metrics), tuple(notes)))


def _bounded(sides: MetricSides) -> MetricSides:
    more = len(sides.metrics) - MOST_METRICS
    if more <= 0:
        return sides
    kept = sorted(
        most_different_first(sides)[:MOST_METRICS], key=lambda metric: (metric.name, metric.slice)
    )
    note = f"{more:,} more metrics are left out, none of which differs more than these."
    return MetricSides(sides.examples, tuple(kept), (*sides.notes, note))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _number(value: Any) -> float | None:
    """Return a metric's value, a NaN too; None where it is a matrix, an array, a text."""
    kind = value.WhichOneof("type")
    if kind == "double_value":
        return float(value.double_value.value)
    return float(value.bounded_value.value.value) if kind == "bounded_value" else None


def _name(key: Any) -> str:
    """Return a metric's name with what tells it from others of this name."""
    words = [key.name]
    if key.output_name:
        words.append(f"output {key.output_name}")
    for field_name, word in (("class_id", "class"), ("k", "k"), ("top_k", "top")):
        if key.sub_key.HasField(field_name):
            words.append(f"{word} {getattr(key.sub_key, field_name).value}")
    if aggregation := key.aggregation_type.WhichOneof("type"):
        words.append(aggregation.replace("_", " "))
    if key.example_weighted.value:
        words.append("weighted")
    return ", ".join(words)


def _slice(sliced: Any) -> Slice:
    """Return a slice's features and values; of two slices compared, the baseline last."""
    if not sliced.HasField("cross_slice_key"):
        return _pairs(sliced.slice_key)
    cross = sliced.cross_slice_key
    baseline = _pairs(cross.baseline_slice_key) or (("all", "examples"),)
    against = tuple((f"against {name}", value) for name, value in baseline)
    return _pairs(cross.comparison_slice_key) + against


def _pairs(key: Any) -> Slice:
    return tuple((part.column, _slice_value(part)) for part in key.single_slice_keys)


def _slice_value(part: Any) -> str:
    kind = part.WhichOneof("kind")
    value = getattr(part, kind)
    return value.decode("utf-8", "backslashreplace") if kind == "bytes_value" else f"{value:g}"
