"""`compare_rows` against a slow reference that looks at one pair of Python numbers at a time."""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.comparison import pairs
from tfx_parity.comparison.rows import RowComparison, compare_rows
from tfx_parity.comparison.statistics import (
    RATIO_BUCKETS,
    RATIO_EDGES,
    WORST_KEPT,
    ComparisonStatistics,
)
from tfx_parity.comparison.tolerance import DEFAULTS, EXACT, Tolerance

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("int8", "uint8", "int32", "uint32", "int64", "uint64")
FLOAT_TOLERANCES = (
    DEFAULTS["float32"],
    EXACT,
    Tolerance(rtol=0.1, atol=0.0),
    Tolerance(rtol=0.0, atol=0.25),
    Tolerance(rtol=1e-40, atol=1e-40),
    Tolerance(rtol=2.0, atol=1e38),
    Tolerance(rtol=0.5, atol=1.0),
    Tolerance(rtol=1e-30, atol=1e-30),
)


@dataclass
class Expected:
    """What the slow reference found."""

    mismatching: list[bool] = field(default_factory=list)
    non_finite: list[bool] = field(default_factory=list)
    worst_ratio: list[float] = field(default_factory=list)
    ratios: list[tuple[float, int, tuple[int, ...]]] = field(default_factory=list)
    max_distance: float = 0.0
    histogram: Counter[str] = field(default_factory=Counter)


def is_finite(value: Any) -> bool:
    return math.isfinite(value) if not isinstance(value, bytes | complex) else True


def slow_distance(a: Any, b: Any) -> float:
    if isinstance(a, bytes):
        return 0.0
    if isinstance(a, complex):
        return abs(b - a)
    return float(abs(b - a)) if is_finite(a) and is_finite(b) else 0.0


def slow_ratio(a: Any, b: Any, tolerance: Tolerance, non_finite_agrees: bool) -> float:
    """Apply the rule to one pair, in the order of its words."""
    if isinstance(a, bytes | bool):
        return 0.0 if a == b else math.inf
    if not is_finite(a) or not is_finite(b):
        both_nan = a != a and b != b  # noqa: PLR0124 - a NaN is not itself
        neither_finite = not is_finite(a) and not is_finite(b)
        return 0.0 if a == b or both_nan or (non_finite_agrees and neither_finite) else math.inf
    distance = slow_distance(a, b)
    magnitude = abs(a) if isinstance(a, complex) else abs(float(a))
    allowance = tolerance.atol + tolerance.rtol * magnitude
    if distance == 0:
        return 0.0
    if allowance == 0 or math.isinf(distance):
        return math.inf
    return distance / allowance


def slow_bucket(ratio: float) -> str:
    if ratio == 0:
        return "0"
    if math.isinf(ratio):
        return "inf"
    place = bisect.bisect_left(RATIO_EDGES, ratio)
    return f"<={RATIO_EDGES[place]:.0e}" if place < len(RATIO_EDGES) else "finite"


Side: TypeAlias = "np.ndarray[Any, Any]"


def slow_compare(
    reference: Side, candidate: Side, tolerance: Tolerance, non_finite_agrees: bool
) -> Expected:
    """Compare rows of equal shapes."""
    expected = Expected()
    for row in range(len(reference)):
        worst, clash = 0.0, False
        for index in np.ndindex(reference.shape[1:]):
            a, b = plain(reference[(row, *index)]), plain(candidate[(row, *index)])
            ratio = slow_ratio(a, b, tolerance, non_finite_agrees)
            worst = max(worst, ratio)
            clash |= ratio > 0 and not (is_finite(a) and is_finite(b))
            expected.max_distance = max(expected.max_distance, slow_distance(a, b))
            expected.histogram[slow_bucket(ratio)] += 1
            expected.ratios.append((-ratio, row, index))
        expected.mismatching.append(worst > 1)
        expected.non_finite.append(clash)
        expected.worst_ratio.append(worst)
    if reference.dtype.name in ("float16", "bfloat16", "float32"):
        with np.errstate(over="ignore"):
            expected.max_distance = float(np.float32(expected.max_distance))
    return expected


def plain(value: Any) -> Any:
    if isinstance(value, ml_dtypes.bfloat16):
        return float(value)
    return value.item() if hasattr(value, "item") else value


def require_equal(expected: Expected, found: RowComparison) -> None:
    assert expected.mismatching == found.mismatching.tolist()
    assert expected.non_finite == found.non_finite_mismatch.tolist()
    assert expected.worst_ratio == found.worst_ratio.tolist()
    statistics = found.statistics
    histogram = dict(zip(RATIO_BUCKETS, statistics.ratio_histogram, strict=True))
    assert expected.histogram == Counter(histogram)
    assert len(expected.ratios) == statistics.elements
    assert sum(ratio < -1 for ratio, _, _ in expected.ratios) == statistics.mismatching_elements
    assert sum(expected.mismatching) == statistics.mismatching_examples
    assert max(expected.worst_ratio, default=0.0) == statistics.max_ratio
    assert expected.max_distance == statistics.max_absolute_difference
    worst = [(-worst.ratio, worst.row, worst.index) for worst in found.worst(3)]
    assert sorted(entry for entry in expected.ratios if entry[0] < 0)[:3] == worst


def nearby(value: Side, change: str) -> Any:
    """Change a number of any float dtype a little, much, or into something else."""
    bits = f"u{value.dtype.itemsize}"
    changes = {
        "same": lambda: value,
        "next": lambda: (value.view(bits) + np.ones((), bits)).view(value.dtype),
        "edge": lambda: (value.astype(np.float64) * (1 + 1e-4) + 1e-6).astype(value.dtype),
        "tenth": lambda: (value.astype(np.float64) * 1.1).astype(value.dtype),
        "negated": lambda: -value,
        "zero": lambda: np.zeros_like(value),
        "nan": lambda: np.full_like(value, np.nan),
        "inf": lambda: np.full_like(value, np.inf),
    }
    return changes[change]()


CHANGES = ("same", "same", "same", "next", "edge", "tenth", "negated", "zero", "nan", "inf")


@st.composite
def float_sides(draw: st.DrawFn) -> tuple[Side, Side]:
    """Draw two sides of one shape, mostly alike, of any float dtype."""
    dtype = np.dtype(draw(st.sampled_from(FLOATS)))
    shape = draw(st.sampled_from([(0,), (5,), (7, 1), (3, 3), (4, 0), (2, 2, 2), (1, 9), (0, 3)]))
    special = st.sampled_from([0.0, -0.0, 1.0, 0.5, 3e38, 1e-45, math.nan, math.inf, -math.inf])
    values = special | st.floats(width=16) | st.floats()
    flat = draw(st.lists(st.tuples(values, st.sampled_from(CHANGES)), min_size=9, max_size=9))
    flat = flat[: math.prod(shape)]
    with np.errstate(all="ignore"):
        reference = np.array([value for value, _ in flat], np.float64).astype(dtype)
        changed = [nearby(reference[i], change) for i, (_, change) in enumerate(flat)]
        candidate = np.array(changed, dtype=dtype)
    return reference.reshape(shape), candidate.reshape(shape)


@given(
    float_sides(),
    st.sampled_from(FLOAT_TOLERANCES),
    st.booleans(),
    st.sampled_from([3, 99]),
    st.sampled_from([np.asarray, list]),
)
def test_floats_equal_the_slow_reference(
    sides: tuple[Side, Side],
    tolerance: Tolerance,
    non_finite_agrees: bool,
    chunk_elements: int,
    form: Callable[[Side], Any],
) -> None:
    """Every number of the comparison is that of the rule, whatever the dtype, form and chunks."""
    expected = slow_compare(*sides, tolerance, non_finite_agrees)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "CHUNK_ELEMENTS", chunk_elements)
        reference, candidate = map(form, sides)
        found = compare_rows(reference, candidate, tolerance, non_finite_agrees=non_finite_agrees)
        require_equal(expected, found)


@given(st.data(), st.sampled_from(INTEGERS), st.sampled_from([EXACT, Tolerance(rtol=0.1, atol=1)]))
def test_integers_equal_the_slow_reference(
    data: st.DataObject, dtype: str, tolerance: Tolerance
) -> None:
    """No distance wraps, not even from the least to the greatest integer."""
    limits = np.iinfo(dtype)
    value = st.sampled_from([limits.min, limits.max, 0, 1, limits.max - 1]) | st.integers(
        limits.min, limits.max
    )
    flat = data.draw(st.lists(st.tuples(value, value), max_size=6))
    reference = np.array([a for a, _ in flat], dtype)
    candidate = np.array([b for _, b in flat], dtype)
    found = compare_rows(reference, candidate, tolerance)
    require_equal(slow_compare(reference, candidate, tolerance, False), found)


@given(st.lists(st.tuples(st.complex_numbers(max_magnitude=1e3), st.sampled_from([0, 1e-5, 0.5j]))))
def test_complex_numbers_equal_the_slow_reference(flat: list[tuple[complex, complex]]) -> None:
    """A complex number lies as far off as the modulus of the difference."""
    reference = np.array([a for a, _ in flat], np.complex128)
    candidate = np.array([a + change for a, change in flat], np.complex128)
    tolerance = DEFAULTS["complex64"]
    found = compare_rows(reference, candidate, tolerance)
    require_equal(slow_compare(reference, candidate, tolerance, False), found)


@given(st.lists(st.tuples(*[st.sampled_from([b"", b"a", b"a\0", b"\xff", b"ab"])] * 2), max_size=6))
def test_bytes_equal_the_slow_reference(flat: list[tuple[bytes, bytes]]) -> None:
    """Bytes are equal or not, trailing NULs included."""
    reference, candidate = (np.array([pair[i] for pair in flat], object) for i in (0, 1))
    found = compare_rows(reference, candidate, EXACT)
    require_equal(slow_compare(reference, candidate, EXACT, False), found)


@given(
    st.floats(0.015625, 128, width=32),
    st.floats(0.999, 1.001).map(lambda x: x * 1e-4),
    st.sampled_from([-1, 1]),
)
def test_the_decision_is_that_of_exact_arithmetic(a: float, relative: float, sign: int) -> None:
    """Near the edge too, rounding moves no decision by more than a billionth."""
    tolerance = DEFAULTS["float32"]
    b = float(np.float32(a * (1 + sign * relative)))
    allowance = Fraction(tolerance.atol) + Fraction(tolerance.rtol) * abs(Fraction(a))
    exact = abs(Fraction(a) - Fraction(b)) / allowance
    found = compare_rows(np.float32([a]), np.float32([b]), tolerance)
    assert abs(exact - 1) < Fraction(1, 10**9) or (exact > 1) == bool(found.mismatching[0])
    assert pytest.approx(float(exact), rel=1e-12) == found.worst_ratio[0]


@given(float_sides(), st.lists(st.integers(0, 7), max_size=3), st.randoms())
def test_batches_merge_to_the_whole(sides: tuple[Side, Side], cuts: list[int], random: Any) -> None:
    """Any split into batches, merged in any order, gives the statistics of one comparison."""
    reference, candidate = sides
    tolerance = DEFAULTS["float32"]
    bounds = sorted({0, len(reference), *(min(cut, len(reference)) for cut in cuts)})
    parts = [
        compare_rows(
            reference[begin:end], candidate[begin:end], tolerance, first_row=begin
        ).statistics
        for begin, end in pairwise(bounds)
    ]
    random.shuffle(parts)
    whole = compare_rows(reference, candidate, tolerance).statistics
    assert repr(whole) == repr(ComparisonStatistics().merged(*parts))


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_large_arrays_equal_small_chunks(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole chunks, chunks of other sizes and listed rows all count the same."""
    random = np.random.default_rng(7)
    reference = random.normal(size=(330, 40)).astype(dtype)
    candidate = reference.copy()
    candidate[::7] = (candidate[::7].astype(np.float64) * (1 + 1e-6)).astype(dtype)
    candidate[::311, 5] += np.ones((), dtype)
    candidate[17, 3] = reference[18, 4] = np.nan
    tolerance = DEFAULTS["float32"]
    whole = compare_rows(reference, candidate, tolerance)
    expected = slow_compare(reference[:40], candidate[:40], tolerance, False)
    monkeypatch.setattr(pairs, "CHUNK_ELEMENTS", 1777)
    for chunked in (
        compare_rows(reference, candidate, tolerance),
        compare_rows(list(reference), candidate, tolerance),
        compare_rows(np.asfortranarray(reference), candidate, tolerance),
    ):
        assert repr(whole.statistics) == repr(chunked.statistics)
        assert repr(whole.worst(50)) == repr(chunked.worst(50))
        assert whole.mismatching.tolist() == chunked.mismatching.tolist()
        assert whole.worst_ratio.tolist() == chunked.worst_ratio.tolist()
    assert expected.worst_ratio == whole.worst_ratio[:40].tolist()


def test_rows_of_other_shapes_are_told_apart() -> None:
    """A row of another shape mismatches by its structure and the others are still compared."""
    reference = [np.float32([1, 2]), np.float32([1]), np.float32([]), np.float32([[5, 6]])]
    candidate = [np.float32([1, 2]), np.float32([1, 2]), np.float32([]), np.float32([[5, 7]])]
    found = compare_rows(reference, candidate, DEFAULTS["float32"])
    assert found.mismatching.tolist() == [False, True, False, True]
    assert found.shape_mismatch.tolist() == [False, True, False, False]
    assert (0.0, math.inf, 0.0) == tuple(found.worst_ratio[:3])
    assert [
        (worst.row, worst.index, worst.reference, worst.candidate) for worst in found.worst(5)
    ] == [(3, (0, 1), 6.0, 7.0)]
    assert (
        found.statistics.examples,
        found.statistics.mismatching_examples,
        found.statistics.shape_mismatches,
        found.statistics.elements,
    ) == (4, 2, 1, 4)


def test_arrays_of_other_shapes_mismatch_in_every_row() -> None:
    """[2, 3] beside [2, 3, 1] is no pair of rows, even where broadcasting would make one."""
    found = compare_rows(np.zeros((2, 3)), np.zeros((2, 3, 1)), DEFAULTS["float64"])
    assert found.mismatching.tolist() == [True, True]
    assert found.shape_mismatch.tolist() == [True, True]
    assert found.statistics.elements == 0


def test_another_dtype_is_a_mismatch_of_the_whole_output() -> None:
    """Equal values of another dtype do not agree."""
    found = compare_rows(np.zeros(2, np.float32), np.zeros(2, np.float64), DEFAULTS["float32"])
    assert found.dtype_mismatch == ("float32", "float64")
    assert found.mismatching.tolist() == [True, True]
    assert [math.inf, math.inf] == found.worst_ratio.tolist()
    assert (
        found.statistics.mismatching_examples,
        found.statistics.elements,
        found.worst(3),
    ) == (2, 0, ())


def test_a_single_row_of_another_dtype_is_found() -> None:
    """One output has one dtype, also where its rows are listed."""
    rows = [np.zeros(2, np.float32), np.zeros(2, np.float32)]
    found = compare_rows(rows, [rows[0], np.zeros(2, np.float64)], DEFAULTS["float32"])
    assert found.dtype_mismatch == ("float32", "float32, float64")


def test_rows_of_two_dtypes_on_both_sides_are_a_mismatch() -> None:
    """An output of two dtypes is broken, also where both sides are broken alike."""
    rows = [np.zeros(2, np.float32), np.zeros(2, np.float64)]
    found = compare_rows(rows, rows, DEFAULTS["float32"])
    assert found.dtype_mismatch == ("float32, float64", "float32, float64")
    assert found.mismatching.all()


def test_byte_order_is_not_part_of_a_dtype() -> None:
    """Big-endian numbers are compared by their values."""
    found = compare_rows(
        np.array([1.0, 2.0], ">f4"), np.array([1.0, 3.0], "<f4"), DEFAULTS["float32"]
    )
    assert None is found.dtype_mismatch
    assert found.mismatching.tolist() == [False, True]


def test_listed_bytes_may_face_an_array() -> None:
    """A list of rows pairs with an array of the same rows."""
    reference = np.array([b"a", b"b"], object)
    candidate = [np.array(b"a", object), np.array(b"c", object)]
    found = compare_rows(reference, candidate, EXACT)
    assert found.mismatching.tolist() == [False, True]
    assert [(1, (), b"b", b"c", math.inf, None)] == [
        (w.row, w.index, w.reference, w.candidate, w.ratio, w.ulps) for w in found.worst(1)
    ]


def test_non_finite_values_are_counted_on_each_side() -> None:
    """NaN and infinity are told apart, by side, also where they agree."""
    reference = np.float32([np.nan, np.inf, 1, np.nan, -np.inf, 2])
    candidate = np.float32([np.nan, np.inf, np.nan, 1, np.inf, 2])
    found = compare_rows(reference, candidate, DEFAULTS["float32"])
    statistics = found.statistics
    assert found.non_finite_mismatch.tolist() == [False, False, True, True, True, False]
    assert (statistics.reference_nans, statistics.reference_infinities) == (2, 2)
    assert (statistics.candidate_nans, statistics.candidate_infinities) == (2, 2)
    assert (statistics.non_finite_mismatches, statistics.mismatching_elements) == (3, 3)
    assert statistics.ulp_histogram == (1, 0, 0, 0, 0)
    assert statistics.max_absolute_difference == 0


def test_in_the_coverage_set_anything_not_finite_agrees() -> None:
    """NaN beside infinity agrees there; NaN beside a number still does not."""
    reference = np.float32([np.nan, np.inf, np.nan])
    candidate = np.float32([np.inf, -np.inf, 1])
    found = compare_rows(reference, candidate, DEFAULTS["float32"], non_finite_agrees=True)
    assert found.mismatching.tolist() == [False, False, True]
    assert found.non_finite_mismatch.tolist() == [False, False, True]


def test_ulps_fall_into_their_buckets() -> None:
    """Bitwise, one, up to four, up to sixteen and more; the zeros are within one."""
    one = np.float32(1)
    steps = [0, 1, 2, 4, 5, 16, 17, 1000]
    reference = np.full(len(steps) + 1, one)
    candidate = (reference.view(np.int32) + np.array([*steps, 0], np.int32)).view(np.float32)
    reference[-1], candidate[-1] = -0.0, 0.0
    found = compare_rows(reference, candidate, DEFAULTS["float32"])
    assert found.statistics.ulp_histogram == (1, 2, 2, 2, 2)


def test_ties_are_listed_in_the_order_of_the_rows() -> None:
    """Of many equal ratios the first rows are kept, whichever chunk they lie in."""
    reference, candidate = np.zeros(100_000, np.int64), np.ones(100_000, np.int64)
    found = compare_rows(reference, candidate, EXACT, first_row=5)
    assert list(range(5, 5 + WORST_KEPT)) == [worst.row for worst in found.statistics.worst]
    assert list(range(5, 105)) == [worst.row for worst in found.worst(100)]


def test_a_signalling_nan_warns_nobody(recwarn: pytest.WarningsRecorder) -> None:
    """Bit patterns from a server may be anything; numpy's warnings about them are noise."""
    signalling = np.array([0x7F800001, 0x3F800000], np.uint32).view(np.float32)
    half = np.array([0x7F81, 0x3F80], np.uint16).view(ml_dtypes.bfloat16)
    for side in (signalling, half):
        found = compare_rows(side, side[::-1].copy(), DEFAULTS["float32"])
        assert found.mismatching.tolist() == [True, True]
        assert found.statistics.reference_nans == 1
        assert [math.inf, math.inf] == found.worst_ratio.tolist()
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(np.array([b"a\0"]), id="fixed-width bytes"),
        pytest.param(np.array(["a"]), id="fixed-width text"),
        pytest.param(np.array(["2020-01-01"], "M8[D]"), id="dates"),
        pytest.param(np.zeros(1, np.longdouble), id="long double"),
        pytest.param([[1.0, 2.0]], id="lists"),
    ],
)
def test_rows_that_cannot_be_compared_are_refused(rows: Any) -> None:
    """A dtype without a rule raises, it is not skipped."""
    with pytest.raises(TypeError, match="Expected"):
        compare_rows(rows, rows, EXACT)
