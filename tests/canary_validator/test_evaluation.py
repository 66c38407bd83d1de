"""TFMA's metrics of both sides, computed by TFMA, against the same ones computed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tfx_parity.canary_validator.evaluation_sample import EvaluationSample
from tfx_parity.errors import BadInputError
from tfx_parity.findings import MetricSides, SlicedMetric

if TYPE_CHECKING:
    import tensorflow_model_analysis as tfma

pytestmark = [pytest.mark.tfx, pytest.mark.tensorflow]

COUNT = 60
ISLANDS = np.array(["Biscoe", "Dream", "Torgersen"])[np.arange(COUNT) % 3]
LABELS = np.arange(COUNT) * 7 % 4 % 3
UNLABELLED = {4}


def _scores(seed: int) -> list[Any]:
    return list(np.random.default_rng(seed).random((COUNT, 3), np.float32))


TRAINER = _scores(1)
# The canary answers otherwise for the penguins of Dream alone.
CANARY = [
    other if island == "Dream" else row
    for row, other, island in zip(TRAINER, _scores(2), ISLANDS, strict=True)
]


def _sample(lacks: str | None = None) -> EvaluationSample:
    return EvaluationSample(
        raw=[
            {
                "island": np.array([island.encode()], dtype=object),
                "species": np.array([] if number in UNLABELLED else [label], dtype=np.int64),
                "mass": np.array([4.5] if number % 2 else [], dtype=np.float32),
            }
            for number, (island, label) in enumerate(zip(ISLANDS, LABELS, strict=True))
        ],
        transformed=[{"mass_xf": np.float32([0.25])} for _ in range(COUNT)],
        lacks=lacks,
        source="/runs/4",
    )


def _config(**model: object) -> tfma.EvalConfig:
    import tensorflow_model_analysis as tfma

    change = tfma.GenericChangeThreshold(absolute={"value": -0.01})
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(**({"name": "candidate", "label_key": "species"} | model)),
            tfma.ModelSpec(name="baseline", label_key="species", is_baseline=True),
        ],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["island"])],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(
                        class_name="SparseCategoricalAccuracy",
                        threshold=tfma.MetricThreshold(change_threshold=change),
                    ),
                    tfma.MetricConfig(class_name="ExampleCount"),
                    tfma.MetricConfig(class_name="SymmetricPredictionDifference"),
                    tfma.MetricConfig(class_name="MultiClassConfusionMatrixPlot"),
                ]
            )
        ],
    )


def _measured(
    config: tfma.EvalConfig, sample: EvaluationSample, outputs: str = "scores"
) -> MetricSides:
    from tfx.utils import proto_utils

    from tfx_parity.canary_validator.evaluation import evaluation

    measure = evaluation(proto_utils.proto_to_json(config), sample)
    return measure(range(COUNT), {outputs: TRAINER}, {outputs: CANARY})


@pytest.fixture(scope="module")
def sides() -> MetricSides:
    """Return the metrics of one run of TFMA."""
    return _measured(_config(), _sample())


def _named(sides: MetricSides, name: str) -> dict[tuple[tuple[str, str], ...], SlicedMetric]:
    return {metric.slice: metric for metric in sides.metrics if metric.name == name}


def _accuracy(scores: list[Any], island: str | None) -> float:
    rows = [
        number
        for number in range(COUNT)
        if number not in UNLABELLED and (island is None or ISLANDS[number] == island)
    ]
    return float(np.mean([np.argmax(scores[row]) == LABELS[row] for row in rows]))


def test_each_side_has_its_metric_on_every_slice(sides: MetricSides) -> None:
    """Accuracy overall and by island is the one that numpy gives, and so is the difference."""
    found = _named(sides, "sparse_categorical_accuracy")

    assert COUNT - 1 == sides.examples
    assert {(), *((("island", island),) for island in ISLANDS)} == set(found)
    for part, metric in found.items():
        island = part[0][1] if part else None
        expected = _accuracy(TRAINER, island), _accuracy(CANARY, island)
        assert (metric.trainer, metric.canary) == pytest.approx(expected)
        assert metric.difference == pytest.approx(expected[1] - expected[0])


def test_the_metric_differs_on_the_slice_that_is_answered_otherwise(sides: MetricSides) -> None:
    """Where the canary answers alike its metrics are the trainer's to the last bit."""
    differing = {m.slice for m in sides.metrics if m.name.startswith("sparse") and m.differs}

    assert {(), (("island", "Dream"),)} == differing


def test_a_metric_that_compares_both_sides_has_a_difference_alone(sides: MetricSides) -> None:
    """TFMA's prediction difference knows the trainer as its baseline."""
    found = _named(sides, "symmetric_prediction_difference")

    assert {(None, None)} == {(metric.trainer, metric.canary) for metric in found.values()}
    assert 0.0 == found[(("island", "Biscoe"),)].difference
    assert (found[(("island", "Dream"),)].difference or 0) > 0


def test_what_is_left_out_is_said(sides: MetricSides) -> None:
    """An example without a label, and a plot, which is no number."""
    assert (
        "Left out, without a label: 1 of 60 examples.",
        "Plots are not compared.",
    ) == sides.notes


def test_a_label_that_does_not_exist_is_refused_with_what_was_found() -> None:
    """A mistyped label key names the features that there are."""
    with pytest.raises(
        BadInputError,
        match="found label_key 'specie'. Its raw features: island, mass, species; "
        "transformed: mass_xf.",
    ):
        _measured(_config(label_key="specie"), _sample())


def test_a_sample_without_labels_says_what_lacks() -> None:
    """Recorded predictions by themselves hold no label: the report says so, and goes on."""
    found = _measured(_config(label_key="specie"), _sample(lacks="no labels were recorded"))

    assert found.missing == (
        "no labels were recorded, and the eval_config needs label_key 'specie'"
    )


def test_a_prediction_key_that_is_no_output_says_which_there_are() -> None:
    """The model's outputs are what it is measured by."""
    found = _measured(_config(prediction_key="probabilities"), _sample())

    assert found.missing == (
        "prediction_key 'probabilities' of the eval_config is none of the outputs 'scores'"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"model_spec": []}', "model_spec"),
        (
            '{"model_specs": [{"label_key": "a", "label_keys": {"b": "c"}}]}',
            "only one of label_key",
        ),
        ('{"model_specs": [{"name": "a"}, {"name": "b"}]}', "the model_specs 'a', 'b'"),
    ],
    ids=["unknown field", "both keys", "two models"],
)
def test_a_config_that_tfma_or_two_sides_cannot_take_is_refused(text: str, words: str) -> None:
    """Before a server starts."""
    from tfx_parity.canary_validator.evaluation import evaluation

    with pytest.raises(BadInputError, match=words):
        evaluation(text, _sample())


def test_what_the_report_cannot_hold_is_noted() -> None:
    """Intervals by bootstrap differ at every run, and slices by SQL need Evaluator's batches."""
    import tensorflow_model_analysis as tfma

    from tfx_parity.canary_validator.evaluation_config import two_sided

    config = _config()
    config.options.compute_confidence_intervals.value = True
    config.slicing_specs.add(slice_keys_sql="SELECT STRUCT(island) FROM example.island")

    found, notes = two_sided(config)

    assert (
        "Confidence intervals are not computed.",
        "Slices by SQL (slice_keys_sql) are left out.",
    ) == notes
    assert [(), ("island",)] == [tuple(slices.feature_keys) for slices in found.slicing_specs]
    assert [("trainer", True), ("canary", False)] == [
        (spec.name, spec.is_baseline) for spec in found.model_specs
    ]
    assert not tfma.utils.has_change_threshold(found)


def test_labels_that_a_metric_cannot_take_are_bad_input() -> None:
    """The first of TFMA's errors is told, not the ones that Beam wrapped around it."""
    with pytest.raises(BadInputError, match="ValueError: invalid literal .* b'Biscoe'$"):
        _measured(_config(label_key="island"), _sample())
