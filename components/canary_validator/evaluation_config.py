"""Evaluator's EvalConfig, made to compare two sides of one model. Imports TFMA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import tensorflow_model_analysis as tfma
from google.protobuf import json_format

from tfx_parity.errors import BadInputError

TRAINER, CANARY = "trainer", "canary"


def read_eval_config(text: str) -> tfma.EvalConfig:
    """Return the EvalConfig that TFX wrote as JSON.

    Raises:
        BadInputError: If it is none, or TFMA refuses it.
    """
    try:
        config = json_format.Parse(text, tfma.EvalConfig())
        tfma.utils.verify_eval_config(config)
    except (json_format.ParseError, ValueError) as error:
        raise BadInputError(
            f"Expected an eval_config that TFMA accepts, as Evaluator takes it, found: {error}"
        ) from error
    return config


def model_spec(config: tfma.EvalConfig) -> tfma.ModelSpec:
    """Return the spec of the model that is checked: the one that is no baseline.

    Raises:
        BadInputError: If there are several.
    """
    specs = [spec for spec in config.model_specs if not spec.is_baseline]
    if len(specs) > 1:
        raise BadInputError(
            "Expected an eval_config of one model, and a baseline at most, found the model_specs "
            f"{', '.join(repr(spec.name) for spec in specs)}."
        )
    return specs[0] if specs else tfma.ModelSpec()


def named_features(config: tfma.EvalConfig) -> Iterator[tuple[str, str]]:
    """Yield the features that a config names, each after the field that names it."""
    for field, name in label_features(config):
        yield field, name
    spec = model_spec(config)
    for name in filter(None, [spec.example_weight_key, *values_by_key(spec.example_weight_keys)]):
        yield "example_weight_key", name
    for metrics in config.metrics_specs:
        if metrics.query_key:
            yield "query_key", metrics.query_key
    slicing = list(config.slicing_specs)
    for cross in config.cross_slicing_specs:
        slicing += [cross.baseline_spec, *cross.slicing_specs]
    for slices in slicing:
        for name in (*slices.feature_keys, *slices.feature_values):
            yield "slicing_specs", name


def label_features(config: tfma.EvalConfig) -> Iterator[tuple[str, str]]:
    """Yield the features that a config takes labels from, each after the field that names it."""
    spec = model_spec(config)
    if spec.label_key:
        yield "label_key", spec.label_key
    for name in values_by_key(spec.label_keys):
        yield "label_keys", name


def values_by_key(keys: Mapping[str, str]) -> list[str]:
    """Return a field's values in the order of its keys: a protobuf map has none of its own."""
    return [value for _, value in sorted(keys.items())]


def two_sided(config: tfma.EvalConfig) -> tuple[tfma.EvalConfig, tuple[str, ...]]:
    """Return a config of two models, the trainer as the baseline, and what it leaves out.

    TFMA then computes every metric of either side and their difference in one run. Thresholds are
    Evaluator's to judge. Confidence intervals by bootstrap would make the report another one each
    time; a slice by SQL asks for batches that are laid out as Evaluator reads them.
    """
    spec = model_spec(config)
    result, notes = tfma.EvalConfig(), []
    result.CopyFrom(config)
    del result.model_specs[:]
    for name in (TRAINER, CANARY):
        side = result.model_specs.add()
        side.CopyFrom(spec)
        side.name, side.is_baseline = name, name == TRAINER
    del result.metrics_specs[:]
    for metrics in config.metrics_specs:
        if not metrics.model_names or spec.name in metrics.model_names:
            result.metrics_specs.add().CopyFrom(_of_both_sides(metrics))
    if result.options.compute_confidence_intervals.value:
        notes.append("Confidence intervals are not computed.")
    for option in ("compute_confidence_intervals", "confidence_intervals", "disabled_outputs"):
        result.options.ClearField(option)
    by_features = [slices for slices in config.slicing_specs if not slices.slice_keys_sql]
    if len(by_features) < len(config.slicing_specs):
        notes.append("Slices by SQL (slice_keys_sql) are left out.")
        del result.slicing_specs[:]
        result.slicing_specs.extend(by_features or [tfma.SlicingSpec()])
    return result, tuple(notes)


def _of_both_sides(metrics: tfma.MetricsSpec) -> tfma.MetricsSpec:
    """Return metrics of both models without thresholds."""
    result = tfma.MetricsSpec()
    result.CopyFrom(metrics)
    result.model_names[:] = [TRAINER, CANARY]
    for field in ("thresholds", "per_slice_thresholds", "cross_slice_thresholds"):
        result.ClearField(field)
    for metric in result.metrics:
        for field in ("threshold", "per_slice_thresholds", "cross_slice_thresholds"):
            metric.ClearField(field)
    return result
