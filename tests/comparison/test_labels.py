import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.comparison.labels import decision_measures
from tfx_parity.comparison.tolerance import Tolerance

TOLERANCE = Tolerance(rtol=1e-4, atol=1e-6)
probabilities = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.2, 0.5, 0.50004, 0.9]), st.sampled_from([0.1, 0.5, 0.51, 0.9])
    ),
    min_size=2,
    max_size=12,
)


def test_a_flip_of_the_greatest_class_is_material() -> None:
    """The label changes although the reference was sure."""
    reference = np.float32([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]])
    candidate = np.float32([[0.1, 0.2, 0.7], [0.7, 0.2, 0.1]])
    measures = decision_measures(reference, candidate, TOLERANCE)
    assert (
        measures.examples,
        measures.flips,
        measures.tie_explained_flips,
        measures.material_flips,
    ) == (2, 1, 0, 1)


def test_a_flip_between_tied_classes_is_explained() -> None:
    """Two classes within the tolerance of each other may swap."""
    reference = np.float64([[0.45, 0.45 + 1e-9, 0.1]])
    candidate = np.float64([[0.45 + 1e-9, 0.45, 0.1]])
    measures = decision_measures(reference, candidate, TOLERANCE)
    assert (measures.flips, measures.tie_explained_flips, measures.material_flips) == (1, 1, 0)


def test_a_tie_does_not_explain_a_flip_to_a_third_class() -> None:
    """The candidate's label must be one of those that were tied."""
    reference = np.float64([[0.45, 0.45, 0.1]])
    candidate = np.float64([[0.2, 0.2, 0.6]])
    assert decision_measures(reference, candidate, TOLERANCE).material_flips == 1


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_a_single_score_is_decided_strictly_above_the_threshold(shape: tuple[int, ...]) -> None:
    """0.5 itself is not above 0.5, as in TensorFlow Model Analysis."""
    reference = np.float32([0.5, 0.4, 0.6, 0.1]).reshape(shape)
    candidate = np.float32([0.6, 0.6, 0.6, 0.1]).reshape(shape)
    measures = decision_measures(reference, candidate, TOLERANCE)
    assert (measures.flips, measures.tie_explained_flips) == (2, 1)


def test_the_threshold_of_a_logit_is_given() -> None:
    """A logit is decided at 0."""
    reference, candidate = np.float32([0.2, -0.2]), np.float32([0.2, 0.2])
    assert decision_measures(reference, candidate, TOLERANCE).flips == 0
    assert decision_measures(reference, candidate, TOLERANCE, threshold=0).flips == 1


def test_an_example_of_many_decisions_flips_once() -> None:
    """A flip is counted by example, and one material decision makes it material."""
    reference = np.float64([[[0.5, 0.5], [0.9, 0.1]]])
    candidate = np.float64([[[0.4, 0.6], [0.1, 0.9]]])
    measures = decision_measures(reference, candidate, TOLERANCE)
    assert (measures.flips, measures.tie_explained_flips) == (1, 0)


def test_scores_that_are_not_finite_are_left_out_and_counted() -> None:
    """A NaN has no label."""
    reference = np.float32([[0.1, 0.9], [math.nan, 0.1], [0.2, 0.8]])
    candidate = np.float32([[0.9, 0.1], [0.9, 0.1], [0.2, math.inf]])
    measures = decision_measures(reference, candidate, TOLERANCE)
    assert (measures.examples, measures.undecidable, measures.flips) == (1, 2, 1)


@given(probabilities)
def test_measures_equal_those_of_a_slow_reference(pairs: list[tuple[float, float]]) -> None:
    """Drift, bias and rank agreement follow their formulas, example by example."""
    reference, candidate = (np.array(side) for side in zip(*pairs, strict=True))
    measures = decision_measures(reference, candidate, TOLERANCE)
    differences = [2 * abs(p - q) / abs(p + q) if p + q else 0 for p, q in pairs]
    assert pytest.approx(sum(differences) / len(pairs)) == measures.symmetric_prediction_difference
    assert pytest.approx(sum(q - p for p, q in pairs) / len(pairs)) == measures.bias[0]
    assert sum((p > 0.5) != (q > 0.5) for p, q in pairs) == measures.flips
    assert pytest.approx(slow_tau_b(pairs)) == measures.rank_agreement


def slow_tau_b(pairs: list[tuple[float, float]]) -> float | None:
    """Count concordant, discordant and tied couples one by one."""
    couples = [(a, b) for i, a in enumerate(pairs) for b in pairs[:i]]
    signs = [(np.sign(a[0] - b[0]), np.sign(a[1] - b[1])) for a, b in couples]
    first, second = sum(x != 0 for x, _ in signs), sum(y != 0 for _, y in signs)
    return sum(x * y for x, y in signs) / math.sqrt(first * second) if first and second else None


def test_each_class_has_its_own_bias() -> None:
    """What one class gains another loses, so their mean would say nothing."""
    measures = decision_measures(np.float64([[0.5, 0.5]]), np.float64([[0.75, 0.25]]), TOLERANCE)
    assert measures.bias == (0.25, -0.25)


def test_no_examples_measure_nothing() -> None:
    """Without examples a mean is no number and there is no rank."""
    measures = decision_measures(np.empty((0, 3)), np.empty((0, 3)), TOLERANCE)
    assert (measures.examples, measures.flips, measures.rank_agreement) == (0, 0, None)
    assert math.isnan(measures.symmetric_prediction_difference)


@pytest.mark.parametrize(
    ("first", "second"),
    [((2, 3), (2, 4)), ((), ()), ((2, 0), (2, 0))],
    ids=["other", "none", "empty"],
)
def test_scores_without_pairs_are_refused(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    """Both sides need the same shape, an example axis and a score."""
    with pytest.raises(ValueError, match="Expected scores of one shape"):
        decision_measures(np.zeros(first), np.zeros(second), TOLERANCE)
