"""A pair in detail: distributions, points to draw, effects on decisions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.comparing import Limits, compare_arms
from tfx_parity.canary_validator.summaries import OUTPUTS_SHOWN, POINTS_SHOWN, summarise_pairs
from tfx_parity.comparison.tolerance import TolerancePolicy
from tfx_parity.findings import OutputSummary, PairSummary
from tfx_parity.protos import Example

PAIR = ("T", "C")
RANDOM = np.random.default_rng(4)


def _answers(rows: Mapping[str, npt.NDArray[np.generic]]) -> Answers:
    count = len(next(iter(rows.values())))
    arrays = {name: [np.asarray(row, array.dtype) for row in array] for name, array in rows.items()}
    return Answers(tuple(range(count)), arrays, {})


def _summaries(
    reference: Mapping[str, npt.NDArray[np.generic]],
    candidate: Mapping[str, npt.NDArray[np.generic]],
    pair: tuple[str, str] = PAIR,
    examples: list[bytes] | None = None,
) -> PairSummary:
    answers = {pair[0]: _answers(reference), pair[1]: _answers(candidate)}
    compared = compare_arms(pair, answers, TolerancePolicy(), Limits(0.01, 0.95))
    (summary,) = summarise_pairs({pair: compared}, [pair], answers, examples)
    return summary


def _output(
    reference: npt.NDArray[np.generic], candidate: npt.NDArray[np.generic]
) -> OutputSummary:
    (output,) = _summaries({"out": reference}, {"out": candidate}).outputs
    return output


def _scores(count: int) -> npt.NDArray[np.float32]:
    return RANDOM.random((count, 3)).astype(np.float32)


@given(
    count=st.integers(1, 700),
    differing=st.integers(0, 700),
    nans=st.integers(0, 20),
)
def test_points_are_bounded_and_those_that_differ_stand_first(
    count: int, differing: int, nans: int
) -> None:
    """Each point is an element of both sides; the first ones differ, no other does."""
    reference = _scores(count)
    candidate = reference.copy()
    candidate[:differing, 1] += 0.25
    reference[:nans, 2] = np.nan
    output = _output(reference, candidate)

    assert output.scatter is not None
    points = list(zip(output.scatter.reference, output.scatter.candidate, strict=True))
    assert len(points) <= POINTS_SHOWN
    first = points[: output.scatter.mismatching]
    assert min(differing, count) == 0 or len(first) > 0
    assert all(b - a == pytest.approx(0.25, abs=1e-5) for a, b in first)
    assert all(a == b for a, b in points[len(first) :])
    values = {float(f"{value:.6g}") for value in reference.ravel().tolist()}
    assert {a for a, _ in points} <= values


def test_what_differs_does_not_crowd_out_what_agrees() -> None:
    """With thousands of mismatches there is still room for what agrees."""
    reference = _scores(5000)
    candidate = reference.copy()
    candidate[:, 0] += 1

    scatter = _output(reference, candidate).scatter

    assert scatter is not None
    assert (POINTS_SHOWN, 400) == (len(scatter.reference), scatter.mismatching)


def test_the_same_answers_give_the_same_points() -> None:
    """The choice of points is no matter of chance."""
    reference, candidate = _scores(2000), _scores(2000)

    assert _output(reference, candidate) == _output(reference, candidate)


def test_outputs_of_images_are_drawn_from_few_rows() -> None:
    """A row of half a million elements is thinned as any other, its ends among the points."""
    reference = np.arange(1, 500_001, dtype=np.float64).reshape(1, -1).repeat(2, 0)

    scatter = _output(reference, reference).scatter

    assert scatter is not None
    assert (POINTS_SHOWN, 1.0, 500_000.0) == (
        len(scatter.reference),
        scatter.reference[0],
        scatter.reference[-1],
    )


@pytest.mark.parametrize(
    "rows",
    [
        np.array([b"a", b"b"], dtype=object),
        np.array([True, False]),
        np.array([1j, 2.0]),
        np.array([np.nan, np.inf], np.float32),
    ],
    ids=["strings", "booleans", "complex", "not finite"],
)
def test_what_has_no_place_on_an_axis_is_not_drawn(rows: npt.NDArray[np.generic]) -> None:
    """There are no points, and the distribution is there all the same."""
    output = _output(rows, rows)

    assert output.scatter is None
    assert 2 == sum(output.ratios.counts)


def test_rows_of_other_shapes_are_left_out_of_the_points() -> None:
    """Only rows whose shapes agree have pairs of elements."""
    one = Answers((0, 1), {"out": [np.zeros(2, np.float32), np.ones(3, np.float32)]}, {})
    other = Answers((0, 1), {"out": [np.zeros(2, np.float32), np.ones(2, np.float32)]}, {})
    answers: dict[str, Answers | Missing] = {"T": one, "C": other}
    compared = compare_arms(PAIR, answers, TolerancePolicy(), Limits(0.01, 0.95))

    (summary,) = summarise_pairs({PAIR: compared}, [PAIR], answers, None)

    (output,) = summary.outputs
    assert output.scatter is not None
    assert ((0.0, 0.0), 1) == (output.scatter.reference, output.mismatching_examples)
    assert output.consequence is None


def test_outputs_that_differ_most_come_first_and_the_others_are_counted() -> None:
    """Of many outputs a few are shown, never without those that differ."""
    reference = {f"out{number}": _scores(50) for number in range(20)}
    candidate = {name: rows.copy() for name, rows in reference.items()}
    candidate["out17"][:9] += 1
    candidate["out3"][:4] += 1

    summary = _summaries(reference, candidate)

    names = [output.name for output in summary.outputs]
    assert (["out17", "out3"], OUTPUTS_SHOWN, 14) == (names[:2], len(names), summary.left_out)


def test_flips_are_counted_with_those_that_a_tie_explains() -> None:
    """An example whose two best scores lie within the tolerance may be decided either way."""
    reference = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]], np.float32)
    candidate = np.array([[0.1, 0.9], [0.5, 0.50001], [0.2, 0.8]], np.float32)

    consequence = _output(reference, candidate).consequence

    assert consequence is not None
    assert "the greatest of 2 scores" == consequence.decision
    assert (3, 2, 1) == (
        consequence.examples,
        consequence.flips,
        consequence.tie_explained_flips,
    )


@pytest.mark.parametrize(
    ("scores", "decision", "flips"),
    [
        (np.array([0.2, 0.7], np.float32), "a score over 0.5", 0),
        (np.array([-3.0, 12.0], np.float32), "", None),
    ],
    ids=["probability", "any number"],
)
def test_a_single_score_is_decided_only_where_it_is_a_probability(
    scores: npt.NDArray[np.float32], decision: str, flips: int | None
) -> None:
    """Nobody knows the threshold of a regression: it has ranks and a drift, and no flips."""
    consequence = _output(scores, scores).consequence

    assert consequence is not None
    assert (decision, flips) == (consequence.decision, consequence.flips)
    assert 1.0 == consequence.rank_agreement


def test_transformed_features_are_no_decisions() -> None:
    """A feature between 0 and 1 is no probability."""
    rows = {"f_xf": np.array([[0.2], [0.9]], np.float32)}

    assert _summaries(rows, rows, ("M", "Bt")).outputs[0].consequence is None


def test_worst_elements_name_each_output_and_read_as_their_type() -> None:
    """The worst of every output comes before the second worst of any; a float32 reads as one."""
    example = Example()
    example.features.feature["mass"].float_list.value.append(16.7)
    example.features.feature["many"].int64_list.value.extend(range(50))
    reference = {"a": np.array([16.7, 1.0], np.float32), "b": np.array([1, 2])}
    candidate = {"a": np.array([99.9, 2.0], np.float32), "b": np.array([5, 6])}

    worst = _summaries(reference, candidate, PAIR, [example.SerializeToString()] * 2).worst

    assert {"a", "b"} == {element.output for element in worst[:2]}
    values = {(element.reference, element.candidate) for element in worst}
    assert ("16.7", "99.9") in values
    raw = worst[0].raw
    assert raw is not None
    assert "16.7" == raw["mass"]
    assert raw["many"].endswith(", 19, ... (50 values)")
