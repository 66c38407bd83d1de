from __future__ import annotations

import numpy as np
import pytest

from tfx_parity.comparison.outputs import compare_outputs
from tfx_parity.comparison.tolerance import Tolerance, TolerancePolicy
from tfx_parity.errors import BadInputError

SCORES = np.float32([[0.1, 0.9], [0.4, 0.6], [0.5, 0.5]])
LABELS = np.array([b"b", b"b", b"a"], object)


def test_an_example_mismatches_where_any_output_does() -> None:
    """Outputs are judged together, example by example."""
    scores, labels = SCORES.copy(), LABELS.copy()
    scores[0] = 0
    labels[2] = b"b"
    found = compare_outputs(
        {"scores": SCORES, "labels": LABELS},
        {"labels": labels, "scores": scores},
        TolerancePolicy(),
    )
    assert found.mismatching.tolist() == [True, False, True]
    assert list(found.outputs) == ["labels", "scores"]
    assert found.outputs["scores"].mismatching.tolist() == [True, False, False]
    assert found.outputs["labels"].mismatching.tolist() == [False, False, True]
    assert (found.count, found.is_structural) == (3, False)


def test_an_extra_output_is_a_finding_as_well() -> None:
    """Names must match in both directions."""
    found = compare_outputs({"a": SCORES}, {"a": SCORES, "b": SCORES}, TolerancePolicy())
    assert (found.missing, found.extra, found.is_structural) == ((), ("b",), True)
    assert found.mismatching.all()


@pytest.mark.parametrize(
    "candidate", [SCORES.astype(np.float64), SCORES[:, :1]], ids=["dtype", "shape"]
)
def test_another_dtype_or_shape_is_structural(candidate: np.ndarray) -> None:  # type: ignore[type-arg]
    """Structure is told apart from values."""
    found = compare_outputs({"a": SCORES}, {"a": candidate}, TolerancePolicy())
    assert found.is_structural
    assert found.mismatching.all()


def test_each_output_has_its_own_tolerance() -> None:
    """An override reaches its output and no other."""
    policy = TolerancePolicy({"loose": Tolerance(rtol=1, atol=1)})
    candidate = SCORES + np.float32(0.25)
    found = compare_outputs(
        {"loose": SCORES, "strict": SCORES}, {"loose": candidate, "strict": candidate}, policy
    )
    assert found.outputs["loose"].tolerance == Tolerance(rtol=1, atol=1)
    assert not found.outputs["loose"].mismatching.any()
    assert found.outputs["strict"].mismatching.all()


def test_rows_are_numbered_over_all_batches() -> None:
    """The first row's number reaches every output's worst elements."""
    found = compare_outputs(
        {"a": LABELS}, {"a": LABELS[::-1].copy()}, TolerancePolicy(), first_row=100
    )
    assert [worst.row for worst in found.outputs["a"].worst(5)] == [100, 102]


def test_in_the_coverage_set_non_finite_values_agree_in_every_output() -> None:
    """The rule of the coverage set reaches every output."""
    sides = {"a": np.float32([np.nan])}, {"a": np.float32([np.inf])}
    assert compare_outputs(*sides, TolerancePolicy()).mismatching.all()
    found = compare_outputs(*sides, TolerancePolicy(), non_finite_agrees=True)
    assert not found.mismatching.any()


def test_an_override_of_no_output_is_refused() -> None:
    """A tolerance for an output that neither side has is a mistake."""
    policy = TolerancePolicy({"score": Tolerance(rtol=1, atol=1)})
    with pytest.raises(BadInputError, match="'score'; the outputs are 'scores'"):
        compare_outputs({"scores": SCORES}, {"scores": SCORES}, policy)


def test_an_override_of_a_missing_output_is_a_finding_about_the_output() -> None:
    """What the reference has and the candidate lacks is no mistake of the policy."""
    policy = TolerancePolicy({"scores": Tolerance(rtol=1, atol=1)})
    found = compare_outputs({"scores": SCORES, "a": SCORES}, {"a": SCORES}, policy)
    assert found.missing == ("scores",)


def test_outputs_of_unequal_length_are_refused() -> None:
    """Every output of both sides has a row for every example."""
    with pytest.raises(ValueError, match="reference 'a' 3, reference 'b' 2, candidate 'a' 3"):
        compare_outputs(
            {"a": SCORES, "b": SCORES[:2]}, {"a": SCORES, "b": SCORES[:2]}, TolerancePolicy()
        )
