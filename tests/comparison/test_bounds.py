import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.comparison.bounds import examples_needed, lower_bound, upper_bound


def binomial_at_most(mismatches: int, examples: int, rate: float) -> float:
    """Sum the binomial distribution term by term."""
    return math.fsum(
        math.comb(examples, k) * rate**k * (1 - rate) ** (examples - k)
        for k in range(mismatches + 1)
    )


counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999])


@given(counts, confidences)
def test_the_upper_bound_is_where_so_few_mismatches_become_unlikely(
    count: tuple[int, int], confidence: float
) -> None:
    """At the upper bound, seeing at most this many has the probability 1 - confidence."""
    mismatches, examples = count
    bound = upper_bound(mismatches, examples, confidence)
    if mismatches == examples:
        assert bound == 1
    else:
        expected = pytest.approx(1 - confidence, rel=1e-6)
        assert expected == binomial_at_most(mismatches, examples, bound)


@given(counts, confidences)
def test_the_lower_bound_is_where_so_many_mismatches_become_unlikely(
    count: tuple[int, int], confidence: float
) -> None:
    """At the lower bound, seeing at least this many has the probability 1 - confidence."""
    mismatches, examples = count
    bound = lower_bound(mismatches, examples, confidence)
    if mismatches == 0:
        assert bound == 0
    else:
        expected = pytest.approx(confidence, rel=1e-6)
        assert expected == binomial_at_most(mismatches - 1, examples, bound)


@given(counts, confidences)
def test_the_bounds_enclose_the_observed_rate(count: tuple[int, int], confidence: float) -> None:
    """The interval holds what was seen."""
    mismatches, examples = count
    rate = mismatches / examples
    assert 0 <= lower_bound(mismatches, examples, max(confidence, 0.9)) <= rate
    assert rate <= upper_bound(mismatches, examples, max(confidence, 0.9)) <= 1


@pytest.mark.parametrize(
    ("max_rate", "expected"),
    [(0.01, [299, 473, 628, 773, 913, 1049]), (0.001, [2995, 4742, 6294, 7752, 9151, 10511])],
)
def test_examples_needed_are_those_of_the_tables(max_rate: float, expected: list[int]) -> None:
    """The counts for 0 to 5 allowed mismatches at 95 % are the known ones."""
    assert expected == [examples_needed(max_rate, mismatches=k) for k in range(6)]


@given(st.floats(1e-4, 0.99), confidences, st.integers(0, 8))
def test_one_example_fewer_than_needed_is_too_few(
    max_rate: float, confidence: float, mismatches: int
) -> None:
    """The needed count proves the rate and the one before does not."""
    needed = examples_needed(max_rate, confidence, mismatches)
    assert upper_bound(mismatches, needed, confidence) <= max_rate
    assert upper_bound(mismatches, needed - 1, confidence) > max_rate


def test_all_penguins_prove_the_default_rate() -> None:
    """0 of 344 lies under 0.87 %."""
    assert pytest.approx(0.008671, abs=1e-6) == upper_bound(0, 344)


def test_a_small_rate_keeps_its_digits() -> None:
    """0 of 10 billion is about 3 in 10 billion, not zero."""
    assert pytest.approx(2.99573227e-10, rel=1e-8) == upper_bound(0, 10**10)


def test_no_examples_prove_nothing() -> None:
    """Without examples the rate may be anything from 0 to 1."""
    assert upper_bound(0, 0) == 1
    assert lower_bound(0, 0) == 0


@pytest.mark.parametrize(("mismatches", "examples"), [(-1, 10), (11, 10)])
def test_impossible_counts_are_refused(mismatches: int, examples: int) -> None:
    """There are no more mismatches than examples."""
    with pytest.raises(ValueError, match=f"got {mismatches} of {examples}"):
        upper_bound(mismatches, examples)
    with pytest.raises(ValueError, match=f"got {mismatches} of {examples}"):
        lower_bound(mismatches, examples)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_in_percent_is_refused(confidence: float) -> None:
    """A confidence is a fraction between 0 and 1."""
    with pytest.raises(ValueError, match="confidence"):
        upper_bound(0, 10, confidence)


@pytest.mark.parametrize("max_rate", [0, 1, 1.5])
def test_a_rate_that_disables_the_check_is_refused(max_rate: float) -> None:
    """A rate of 1 would let every mismatch pass, and a percentage lies above it."""
    with pytest.raises(ValueError, match="max_rate"):
        examples_needed(max_rate)
