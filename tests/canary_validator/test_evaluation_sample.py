"""Where labels, weights and slices come from, and what is said where something lacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary_validator.answers import Answers, Failure, Missing
from tfx_parity.canary_validator.evaluation_sample import read_evaluation_sample
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.canary_validator.side_metrics import side_metrics
from tfx_parity.contract import (
    Digests,
    Domain,
    Pair,
    ParitySample,
    RawFeature,
    ServingContract,
    TransformedFeature,
)
from tfx_parity.contract.examples import without_features
from tfx_parity.contract.parity_sample import FOLDER_NAME, write_sample
from tfx_parity.errors import BadInputError
from tfx_parity.findings import MetricSides
from tfx_parity.protos import Example

CONTRACT = ServingContract(
    raw_features=(RawFeature("mass", "float32", "varlen", (None,), False, Domain()),),
    label_features=("species",),
    transformed_features=(
        TransformedFeature("mass_xf", "float32", "fixed", (1,), ("mass",)),
        TransformedFeature("species_xf", "int64", "fixed", (1,), ("species",)),
    ),
    signatures={},
    missing_values={},
    digests=Digests("a", "b", "c", {}),
    versions={},
)


def _example(**features: list[bytes] | list[float] | list[int]) -> bytes:
    example = Example()
    for name, values in features.items():
        kind = {bytes: "bytes_list", float: "float_list", int: "int64_list"}[type(values[0])]
        getattr(example.features.feature[name], kind).value.extend(values)
    return example.SerializeToString(deterministic=True)


PAIRS = (
    Pair(
        _example(mass=[4.5], species=[b"Gentoo"]),
        _example(mass_xf=[0.25], species_xf=[2]),
    ),
    Pair(_example(species=[b"Adelie"]), _example(mass_xf=[0.0], species_xf=[0])),
)


def _recorded(
    pairs: tuple[Pair, ...] = PAIRS, contract: ServingContract | None = CONTRACT
) -> Recorded:
    requests = [without_features(pair.raw, ["species"]) for pair in pairs]
    return Recorded(
        signature_name="serving_default",
        inputs={"examples": [np.array(request, dtype=object) for request in requests]},
        outputs=None,
        transformed=None if contract is None else tuple(pair.transformed for pair in pairs),
        coverage=(),
        variables=(),
        contract=contract,
        source="/runs/4",
    )


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Return a transform graph's folder with a parity sample."""
    write_sample(tmp_path / FOLDER_NAME, ParitySample(PAIRS, (), 0, ("train",), 2))
    return tmp_path


def _plain(features: Mapping[str, np.ndarray]) -> dict[str, list[object]]:  # type: ignore[type-arg]
    return {name: values.tolist() for name, values in features.items()}


def test_raw_labels_come_from_the_parity_sample(graph: Path) -> None:
    """The requests hold no label; the transform graph's sample does, in the same order."""
    sample = read_evaluation_sample(_recorded(), graph)

    assert [{"mass": [4.5], "species": [b"Gentoo"]}, {"species": [b"Adelie"]}] == [
        _plain(features) for features in sample.raw
    ]
    assert [[2], [0]] == [features["species_xf"].tolist() for features in sample.transformed]
    assert (["mass", "species"], ["mass_xf", "species_xf"], None) == (
        sample.raw_names,
        sample.transformed_names,
        sample.lacks,
    )


def test_a_sample_of_other_examples_is_an_error_of_wiring(graph: Path) -> None:
    """Labels of other examples would give metrics of nothing."""
    with pytest.raises(BadInputError, match="found a sample of 2 other examples"):
        read_evaluation_sample(_recorded(PAIRS[::-1]), graph)


def test_without_a_transform_graph_transformed_labels_are_there_and_raw_ones_lack() -> None:
    """What was recorded holds the transformed label; the raw one was never sent."""
    sample = read_evaluation_sample(_recorded(), None)

    assert sample.holds("species_xf")
    assert not sample.holds("species")
    assert "no transform_graph was given, so labels of raw examples are unknown" == sample.lacks


def test_predictions_of_a_client_have_no_label_at_all() -> None:
    """A log of requests holds raw features, and nothing that was trained on."""
    sample = read_evaluation_sample(_recorded(contract=None), None)

    assert (["mass"], []) == (sample.raw_names, sample.transformed_names)
    assert sample.lacks is not None


def test_an_example_without_a_value_is_told_from_one_with_it(graph: Path) -> None:
    """The second penguin was not weighed; its transformed weight is filled in."""
    sample = read_evaluation_sample(_recorded(), graph)

    assert [True, False] == [sample.has_value(example, "mass") for example in (0, 1)]
    assert [True, True] == [sample.has_value(example, "mass_xf") for example in (0, 1)]


def test_metrics_are_of_the_examples_that_both_sides_answered() -> None:
    """An example that the canary failed has no prediction to measure."""
    scores = [np.float32([number]) for number in range(3)]
    asked: list[object] = []

    def measure(*arguments: object) -> MetricSides:
        asked.extend(arguments)
        return MetricSides(2, ())

    found = side_metrics(
        measure,
        {
            "T": Answers((0, 1, 2), {"scores": scores}, {}),
            "C": Answers((0, 2), {"scores": scores[1:]}, {1: Failure("INTERNAL", "no")}),
        },
    )

    assert MetricSides(2, ()) == found
    assert [[0, 2], {"scores": [scores[0], scores[2]]}, {"scores": scores[1:]}] == asked


@pytest.mark.parametrize(
    ("trainer", "canary", "reason"),
    [
        (Missing("none were given"), Answers((0,), {}, {}), "T: none were given"),
        (
            Answers((0,), {}, {}),
            Answers((), {}, {}),
            "no example was answered by both the trainer and the canary",
        ),
    ],
)
def test_a_side_that_lacks_is_named(trainer: object, canary: object, reason: str) -> None:
    """Metrics that were asked for and cannot be had say why."""

    def measure(*_: object) -> MetricSides:
        raise AssertionError("there is nothing to measure")

    found = side_metrics(measure, {"T": trainer, "C": canary})  # type: ignore[dict-item]

    assert found is not None
    assert reason == found.missing


def test_without_an_eval_config_there_are_no_metrics() -> None:
    """Nothing was asked for, so nothing lacks."""
    assert side_metrics(None, {}) is None
