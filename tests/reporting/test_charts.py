"""Histograms and points: what is drawn is what was counted, within the picture."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parity_results import EDGES, output

from tfx_parity.findings import RatioHistogram, Scatter
from tfx_parity.reporting.charts import (
    HistogramPicture,
    ScatterPicture,
    histogram_picture,
    scatter_picture,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.lists(st.integers(0, 10**12), min_size=len(EDGES) + 2, max_size=len(EDGES) + 2)


def _histogram(counts: list[int], noise: float | None = None) -> HistogramPicture:
    return histogram_picture(RatioHistogram(EDGES, tuple(counts)), noise)


@given(COUNTS)
def test_bars_grow_with_their_counts_and_stay_in_the_picture(counts: list[int]) -> None:
    """A bar is there where there are elements, and no smaller than that of fewer elements."""
    picture = _histogram(counts)

    assert [count > 0 for count in counts] == [bar.height > 0 for bar in picture.bars]
    by_count = sorted(zip(counts, picture.bars, strict=True), key=lambda pair: pair[0])
    heights = [bar.height for _, bar in by_count]
    assert heights == sorted(heights)
    for bar in picture.bars:
        assert 0 <= bar.x < bar.x + bar.width <= picture.width
        assert 0 <= bar.y <= bar.y + bar.height == pytest.approx(picture.base)


def test_the_tolerance_parts_what_agrees_from_what_differs() -> None:
    """The buckets up to r = 1 lie left of the line, the others right of it."""
    picture = _histogram([1] * 12)

    for bar, differs in zip(picture.bars, [False] * 6 + [True] * 6, strict=True):
        assert differs == bar.differs
        assert differs == (bar.x > picture.tolerance)


@pytest.mark.parametrize(
    ("ratio", "bucket"),
    [(0.0, 0), (5e-5, 1), (1e-4, 1), (0.5, 5), (1.0, 5), (2.0, 6), (1e4, 9), (1e9, 10)],
)
def test_the_noise_floor_lies_in_the_bucket_of_its_ratio(ratio: float, bucket: int) -> None:
    """The mark stands under the bar that would count it."""
    picture = _histogram([1] * 12, ratio)

    bar = picture.bars[bucket]
    assert picture.noise is not None
    assert bar.x - 1 <= picture.noise <= bar.x + bar.width + 1.001


def test_no_noise_is_marked_where_none_is_known() -> None:
    """None leaves the mark out."""
    assert _histogram([1] * 12).noise is None


def _points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", path)]


def _scatter(pairs: list[tuple[float, float]], mismatching: int) -> ScatterPicture:
    reference, candidate = zip(*pairs, strict=True)
    return scatter_picture(Scatter(reference, candidate, mismatching), output())


@given(st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=40), st.data())
def test_every_point_is_drawn_within_the_plot(
    pairs: list[tuple[float, float]], data: st.DataObject
) -> None:
    """Whatever finite values there are, up to the greatest, their points lie in the frame."""
    mismatching = data.draw(st.integers(0, len(pairs)))
    picture = _scatter(pairs, mismatching)
    agreeing, crosses = _points(picture.agreeing), _points(picture.differing)

    assert (len(pairs) - mismatching, mismatching) == (len(agreeing), len(crosses))
    for x, y in [*agreeing, *((x + 3.2, y + 3.2) for x, y in crosses)]:
        assert picture.left - 0.2 <= x <= picture.left + picture.size + 0.2
        assert picture.top - 0.2 <= y <= picture.top + picture.size + 0.2
    for tick in (*picture.x_ticks, *picture.y_ticks):
        assert math.isfinite(tick.at)


def test_equal_values_lie_on_the_diagonal_and_greater_ones_above_it() -> None:
    """Both axes have one scale, the candidate's upwards."""
    picture = _scatter([(1.0, 1.0), (2.0, 2.0), (1.0, 2.0)], 0)

    rises = [
        round(x - picture.left - (picture.top + picture.size - y), 3)
        for x, y in _points(picture.agreeing)
    ]
    assert [0.0, 0.0] == rises[:2]
    assert rises[2] < 0


@given(st.lists(FINITE, min_size=1, max_size=10))
def test_ticks_can_be_told_apart(values: list[float]) -> None:
    """No two labels of an axis are the same."""
    picture = _scatter([(value, value) for value in values], 0)

    labels = [tick.label for tick in picture.x_ticks]
    assert len(labels) == len(set(labels))
