"""TFMA's own metrics, computed on the trainer's and on the canary's predictions. Imports TFMA."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from apache_beam.options.pipeline_options import PipelineOptions
from numpy.typing import NDArray
from tensorflow_model_analysis import constants

from tfx_parity.canary_validator.evaluated_metrics import read_metrics
from tfx_parity.canary_validator.evaluation_config import (
    CANARY,
    TRAINER,
    label_features,
    model_spec,
    named_features,
    read_eval_config,
    two_sided,
    values_by_key,
)
from tfx_parity.canary_validator.evaluation_sample import EvaluationSample
from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.canary_validator.side_metrics import Measure
from tfx_parity.errors import BadInputError
from tfx_parity.findings import MetricSides, no_metrics

_MESSAGE_LIMIT = 300
_WRITTEN = (constants.METRICS_KEY, constants.PLOTS_KEY)
Prediction: TypeAlias = "NDArray[np.generic] | Mapping[str, NDArray[np.generic]]"


def evaluation(eval_config: str, sample: EvaluationSample) -> Measure:
    """Return what computes an EvalConfig's metrics on both sides.

    Args:
        eval_config: The EvalConfig as TFX writes it in JSON.
        sample: The features of the examples, where labels, weights and slices come from.

    Raises:
        BadInputError: If TFMA refuses the config, or the config names a feature that the parity
            sample does not have.
    """
    config = read_eval_config(eval_config)
    unknown = [(field, name) for field, name in named_features(config) if not sample.holds(name)]
    if not unknown:
        return _Evaluation(config, sample)
    words = ", ".join(f"{field} {name!r}" for field, name in unknown)
    if sample.lacks is None:
        raise BadInputError(
            f"Expected features of the parity sample in {sample.source} in the eval_config, found "
            f"{words}. Its raw features: {', '.join(sample.raw_names) or 'none'}; "
            f"transformed: {', '.join(sample.transformed_names) or 'none'}."
        )
    reason = f"{sample.lacks}, and the eval_config needs {words}"
    return lambda indices, trainer, canary: no_metrics(reason)  # noqa: ARG005 - a Measure


class _Evaluation:
    """One EvalConfig on one sample; call it as a `Measure`."""

    def __init__(self, config: tfma.EvalConfig, sample: EvaluationSample) -> None:
        self._spec = model_spec(config)
        self._labels = [name for _, name in label_features(config)]
        self._config, self._notes = two_sided(config)
        self._sample = sample

    def __call__(self, indices: Sequence[int], trainer: Rows, canary: Rows) -> MetricSides:
        """Compute the metrics, in this process: the sample and both sides are in its memory.

        Raises:
            BadInputError: If TFMA fails, as at labels that a metric cannot take.
        """
        if reason := self._lacks_output(trainer) or self._lacks_output(canary):
            return no_metrics(reason)
        labelled = [
            (row, example)
            for row, example in enumerate(indices)
            if all(self._sample.has_value(example, name) for name in self._labels)
        ]
        if not labelled:
            return no_metrics(f"no example has a value of {', '.join(map(repr, self._labels))}")
        notes = list(self._notes)
        if without := len(indices) - len(labelled):
            notes.append(f"Left out, without a label: {without:,} of {len(indices):,} examples.")
        extracts = [self._extracts(row, example, trainer, canary) for row, example in labelled]
        with tempfile.TemporaryDirectory(prefix="tfx-parity-") as folder:
            _compute(self._config, extracts, Path(folder))
            return read_metrics(Path(folder), len(labelled), notes)

    def _lacks_output(self, rows: Rows) -> str | None:
        keys = [self._spec.prediction_key, *values_by_key(self._spec.prediction_keys)]
        missing = [key for key in keys if key and key not in rows]
        if not missing:
            return None
        names = ", ".join(map(repr, sorted(rows)))
        return f"prediction_key {missing[0]!r} of the eval_config is none of the outputs {names}"

    def _extracts(self, row: int, example: int, trainer: Rows, canary: Rows) -> tfma.Extracts:
        transformed = self._sample.transformed[example]
        return {
            constants.FEATURES_KEY: dict(self._sample.raw[example]),
            constants.TRANSFORMED_FEATURES_KEY: {
                TRAINER: dict(transformed),
                CANARY: dict(transformed),
            },
            constants.PREDICTIONS_KEY: {
                TRAINER: self._prediction(trainer, row),
                CANARY: self._prediction(canary, row),
            },
        }

    def _prediction(self, rows: Rows, row: int) -> Prediction:
        """Return an example's outputs as TFMA lays them out: a single one without its name."""
        if self._spec.prediction_keys:
            keys = self._spec.prediction_keys.items()
            return {output: _numbers(rows[key][row]) for output, key in keys}
        if self._spec.prediction_key:
            return _numbers(rows[self._spec.prediction_key][row])
        if len(rows) == 1:
            (only,) = rows.values()
            return _numbers(only[row])
        return {name: _numbers(values[row]) for name, values in rows.items()}


def _numbers(value: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return a value as TFMA expects it: no scalar, and no bfloat16, which it does not know."""
    array = np.atleast_1d(value)
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def _compute(config: tfma.EvalConfig, extracts: Sequence[tfma.Extracts], folder: Path) -> None:
    try:
        _run(config, extracts, folder)
    except Exception as error:  # Beam raises whatever TFMA's code raised in it
        first: BaseException = error
        while (earlier := first.__cause__ or first.__context__) is not None:
            first = earlier
        raise BadInputError(
            "Expected an eval_config whose metrics TFMA computes of the model's outputs and the "
            f"labels, found that it raised {type(first).__name__}: {_first_line(first)}"
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:_MESSAGE_LIMIT]


def _run(config: tfma.EvalConfig, extracts: Sequence[tfma.Extracts], folder: Path) -> None:
    """Let TFMA find labels, weights and slices in the extracts, and write the metrics."""
    extractors = [
        tfma.extractors.LabelsExtractor(config),
        tfma.extractors.ExampleWeightsExtractor(config),
        tfma.extractors.SliceKeyExtractor(eval_config=config, materialize=False),
    ]
    evaluator = tfma.evaluators.MetricsPlotsAndValidationsEvaluator(config)
    paths = {key: str(folder / key) for key in _WRITTEN}
    writer = tfma.writers.MetricsPlotsAndValidationsWriter(paths, config)
    # With options of its own: without any Beam reads this process's command line.
    with beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner"])) as pipeline:
        _ = (
            pipeline
            | "Create extracts" >> beam.Create(extracts).with_output_types(tfma.Extracts)
            | "Evaluate" >> tfma.ExtractAndEvaluate(extractors, [evaluator])
            | "Write metrics" >> tfma.WriteResults([writer])
        )
