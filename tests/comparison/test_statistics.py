import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.comparison.statistics import (
    RATIO_BUCKETS,
    ULP_BUCKETS,
    WORST_KEPT,
    ComparisonStatistics,
    WorstElement,
    keep_worst,
)

counts = st.integers(0, 2**70)
ratios = st.sampled_from([0.5, 1.0, 2.0, 1e9, float("inf")])
values = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**64),
    st.floats(),
    st.complex_numbers(allow_nan=False),
    st.binary(max_size=4),
    st.sampled_from(["", "NaN", "b64", "ü"]),
)
elements = st.builds(
    WorstElement,
    row=st.integers(0, 3),
    index=st.lists(st.integers(0, 2), max_size=2).map(tuple),
    reference=values,
    candidate=values,
    ratio=ratios,
    ulps=st.none() | st.integers(0, 2**64),
)
statistics = st.builds(
    ComparisonStatistics,
    examples=counts,
    mismatching_examples=counts,
    shape_mismatches=counts,
    elements=counts,
    mismatching_elements=counts,
    non_finite_mismatches=counts,
    max_ratio=ratios,
    max_absolute_difference=ratios,
    ratio_histogram=st.tuples(*[counts] * len(RATIO_BUCKETS)),
    ulp_histogram=st.tuples(*[counts] * len(ULP_BUCKETS)),
    reference_nans=counts,
    reference_infinities=counts,
    candidate_nans=counts,
    candidate_infinities=counts,
    worst=st.lists(elements, max_size=3).map(lambda found: keep_worst(found, WORST_KEPT)),
)


@given(statistics, statistics, statistics)
def test_merging_is_associative_and_commutative(
    a: ComparisonStatistics, b: ComparisonStatistics, c: ComparisonStatistics
) -> None:
    """Batches can be merged in any order and grouping."""
    expected = repr(a.merged(b, c))
    assert expected == repr(c.merged(b).merged(a))
    assert expected == repr(b.merged(a.merged(c)))


@given(statistics)
def test_nothing_is_neutral(a: ComparisonStatistics) -> None:
    """Merging with the statistics of no comparison changes nothing."""
    assert repr(a) == repr(a.merged())
    assert repr(a) == repr(ComparisonStatistics().merged(a))


@given(statistics)
def test_strict_json_gives_back_the_same_statistics(a: ComparisonStatistics) -> None:
    """NaN, infinities, bytes, text and complex numbers all survive strict JSON."""
    text = json.dumps(a.to_json(), allow_nan=False)
    assert repr(a) == repr(ComparisonStatistics.from_json(json.loads(text)))


@given(st.lists(elements, max_size=8), st.randoms())
def test_the_worst_do_not_depend_on_the_order_of_arrival(
    found: list[WorstElement], random: object
) -> None:
    """Ties are broken by row, index and values, so that any order keeps the same elements."""
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert repr(keep_worst(found, 3)) == repr(keep_worst(shuffled, 3))


def test_ties_are_kept_in_the_order_of_rows_and_indices() -> None:
    """Of equal ratios the earlier row and the earlier index come first."""
    late = WorstElement(row=2, index=(0,), reference=0, candidate=1, ratio=5.0, ulps=None)
    right = WorstElement(row=1, index=(10,), reference=0, candidate=1, ratio=5.0, ulps=None)
    left = WorstElement(row=1, index=(9,), reference=0, candidate=1, ratio=5.0, ulps=None)
    assert (left, right, late) == keep_worst([late, right, left], 3)


def test_a_document_with_an_unknown_key_is_refused() -> None:
    """What this version does not know is not dropped in silence."""
    document = ComparisonStatistics().to_json() | {"median": 0}
    with pytest.raises(TypeError, match="median"):
        ComparisonStatistics.from_json(document)


def test_a_value_of_another_form_is_refused() -> None:
    """Only what was written by `to_json` is read."""
    document = ComparisonStatistics().to_json() | {"max_ratio": {"hex": "0x1p0"}}
    with pytest.raises(ValueError, match="hex"):
        ComparisonStatistics.from_json(document)
