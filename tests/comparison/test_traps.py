"""What other comparators let pass, or judge wrongly, each shown with the smallest case."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tfx_parity.comparison.bounds import upper_bound
from tfx_parity.comparison.outputs import compare_outputs
from tfx_parity.comparison.rows import compare_rows
from tfx_parity.comparison.tolerance import DEFAULTS, EXACT, Tolerance, TolerancePolicy

FLOAT32 = DEFAULTS["float32"]


def test_an_output_without_a_counterpart_is_no_warning() -> None:
    """An unmatched output makes every example mismatch (Polygraphy warns and skips it)."""
    side = {"a": np.zeros(2, np.float32), "b": np.zeros(2, np.float32)}
    found = compare_outputs(side, {"a": side["a"]}, TolerancePolicy())
    assert (
        found.missing,
        found.is_structural,
        found.mismatching.tolist(),
    ) == (("b",), True, [True, True])


@pytest.mark.parametrize("name", ["Probs", "probs:0", "prob", "other"])
def test_a_similar_name_is_another_output(name: str) -> None:
    """Names pair exactly (Polygraphy falls back to case, substrings and position)."""
    side = np.zeros(1, np.float32)
    found = compare_outputs({"probs": side}, {name: side}, TolerancePolicy())
    assert (("probs",), (name,), {}) == (found.missing, found.extra, found.outputs)


@pytest.mark.parametrize("candidate", [np.zeros(2), [np.zeros(()), np.zeros(())]])
def test_a_lost_row_is_no_shorter_comparison(candidate: object) -> None:
    """Lengths that differ raise (Polygraphy and tf2onnx compare up to the shorter one)."""
    with pytest.raises(ValueError, match="got 2 and 3"):
        compare_rows(np.zeros(3), candidate, DEFAULTS["float64"])  # type: ignore[arg-type]


def test_no_rows_are_no_proof() -> None:
    """Nothing compared says so (Polygraphy's pass rate is 1, Kayenta's score 100)."""
    found = compare_rows(np.zeros((0, 3)), np.zeros((0, 3)), DEFAULTS["float64"])
    assert (found.count, found.mismatching.tolist(), found.worst(1)) == (0, [], ())
    assert upper_bound(0, found.count) == 1
    assert compare_outputs({}, {}, TolerancePolicy()).count == 0
    assert compare_outputs({"a": []}, {"a": []}, TolerancePolicy()).count == 0


def test_a_nan_on_both_sides_agrees() -> None:
    """The same NaN at the same place is the same answer (Polygraphy always fails it)."""
    side = np.float32([[np.nan, 1], [2, np.nan]])
    assert compare_rows(side, side.copy(), FLOAT32).mismatching.tolist() == [False, False]


def test_a_nan_on_one_side_is_infinitely_wrong() -> None:
    """A NaN cannot hide in a comparison that is false for it."""
    for sides in (([np.nan], [1]), ([1], [np.nan])):
        found = compare_rows(np.float32(sides[0]), np.float32(sides[1]), FLOAT32)
        assert (True, True, math.inf) == (
            found.mismatching[0],
            found.non_finite_mismatch[0],
            found.worst_ratio[0],
        )


def test_unsigned_integers_do_not_wrap() -> None:
    """0 beside 1 is 1 apart, not 2**64 - 1, and the extremes are not 1 apart."""
    one_step = Tolerance(rtol=0, atol=1)
    reference = np.array([0, 1, 0], np.uint64)
    candidate = np.array([1, 0, 2**64 - 1], np.uint64)
    found = compare_rows(reference, candidate, one_step)
    assert found.worst_ratio.tolist() == [1.0, 1.0, 2.0**64]
    signed = compare_rows(np.int8([-128, 127]), np.int8([127, -128]), one_step)
    assert signed.worst_ratio.tolist() == [255.0, 255.0]


def test_a_scaled_answer_is_another_answer() -> None:
    """The direction agrees and the values do not (a cosine is blind to it)."""
    reference = np.float32([[0.2, 0.3, 0.5]])
    assert compare_rows(reference, 2 * reference, FLOAT32).mismatching.all()


def test_one_wrong_element_is_not_averaged_away() -> None:
    """One wrong element of a million is found (a mean error would be 1e-6)."""
    reference = np.zeros((10, 100_000), np.float32)
    candidate = reference.copy()
    candidate[7, 31_415] = 1
    found = compare_rows(reference, candidate, FLOAT32)
    assert np.flatnonzero(found.mismatching).tolist() == [7]
    assert (found.worst(1)[0].row, found.worst(1)[0].index) == (7, (31_415,))


def test_swapped_answers_are_wrong() -> None:
    """Rows are paired (Kayenta passes equal sorted samples)."""
    reference = np.float32([[0.1], [0.9]])
    assert compare_rows(reference, reference[::-1], FLOAT32).mismatching.all()


def test_a_permuted_vector_is_wrong() -> None:
    """The order of an answer's elements counts (Diffy sorts arrays first)."""
    reference = np.float32([[0.1, 0.2, 0.7]])
    assert compare_rows(reference, reference[:, ::-1], FLOAT32).mismatching.all()


def test_trailing_nuls_count() -> None:
    """A trailing NUL makes other bytes (tf2onnx strips them, numpy's fixed width drops them)."""
    reference, candidate = np.array([b"a"], object), np.array([b"a\0"], object)
    assert compare_rows(reference, candidate, EXACT).mismatching.all()


def test_bytes_are_not_text() -> None:
    """The bytes and the text of one letter are different answers."""
    reference, candidate = np.array([b"a"], object), np.array(["a"], object)
    assert compare_rows(reference, candidate, EXACT).mismatching.all()


def test_a_reference_of_zero_does_not_explode() -> None:
    """Beside a zero the absolute tolerance is the measure (a relative error would be infinite)."""
    found = compare_rows(np.float32([0]), np.float32([1e-7]), FLOAT32)
    assert pytest.approx(0.1, rel=1e-6) == found.worst_ratio[0]


def test_the_tolerances_add_up() -> None:
    """The rule is the sum, which allows what neither tolerance allows alone."""
    tolerance = Tolerance(rtol=0.1, atol=0.1)
    found = compare_rows(np.float64([1, 1]), np.float64([1.19, 1.21]), tolerance)
    assert found.mismatching.tolist() == [False, True]


def test_the_reference_scales_the_tolerance() -> None:
    """Swapping the sides changes the allowance (numpy scales by its second argument)."""
    tolerance = Tolerance(rtol=0.5, atol=0)
    small, large = np.float64([1]), np.float64([2])
    assert compare_rows(small, large, tolerance).worst_ratio[0] == 2
    assert compare_rows(large, small, tolerance).worst_ratio[0] == 1


def test_exactly_at_the_tolerance_is_no_mismatch() -> None:
    """A ratio of 1 passes and anything above it fails."""
    tolerance = Tolerance(rtol=0, atol=0.25)
    candidate = np.array([1.25, np.nextafter(1.25, 2)])
    assert compare_rows(np.ones(2), candidate, tolerance).mismatching.tolist() == [False, True]


def test_negative_zero_is_zero() -> None:
    """-0.0 agrees with +0.0 even where nothing but equality does."""
    found = compare_rows(np.float32([0.0]), np.float32([-0.0]), EXACT)
    assert found.mismatching.tolist() == [False]
    assert found.statistics.max_ratio == 0


def test_a_lost_dimension_is_a_mismatch() -> None:
    """Empty answers agree only in their full shape (REST loses trailing dimensions)."""
    found = compare_rows([np.zeros((0, 3))], [np.zeros(0)], DEFAULTS["float64"])
    assert found.shape_mismatch.tolist() == [True]


def test_a_distance_beyond_the_greatest_number_agrees_with_nothing() -> None:
    """Where distance and allowance both overflow there is no quotient, and no agreement."""
    found = compare_rows(np.float64([-1.7e308]), np.float64([1.7e308]), Tolerance(rtol=2, atol=0))
    assert (found.mismatching[0], found.worst_ratio[0]) == (True, math.inf)
