"""How far tensors lie apart, row by row and in groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfx_parity.canary_validator.tensor_differences import (
    Difference,
    compare_asked_twice,
    compare_groupings,
)

ROWS = st.integers(2, 5).flatmap(
    lambda count: arrays.arrays(
        np.float32, (count, 3), elements=st.floats(0.5, 8, width=32), unique=True
    )
)


def _differing(difference: Difference) -> list[bool]:
    assert difference.examples is not None
    return (difference.examples > difference.floor).tolist()


def _alone(array: np.ndarray, axis: int = 0) -> list[np.ndarray]:
    return np.split(array, array.shape[axis], axis)


@given(rows=ROWS, axis=st.integers(0, 2), data=st.data())
def test_rows_are_compared_along_whatever_axis_holds_them(
    rows: np.ndarray, axis: int, data: st.DataObject
) -> None:
    """What changes in one example differs in it alone, and what changes nowhere agrees."""
    stacked = np.moveaxis(rows[:, np.newaxis, :].repeat(7, 1), 0, axis)
    changed = data.draw(st.integers(0, len(rows) - 1))
    alone = _alone(stacked, axis)

    assert [False] * len(rows) == _differing(compare_groupings(stacked, alone))
    alone[changed] = alone[changed] * np.float32(1.01)
    assert [i == changed for i in range(len(rows))] == _differing(compare_groupings(stacked, alone))


@given(rows=ROWS)
def test_rounding_is_not_a_difference(rows: np.ndarray) -> None:
    """The last bits of a float move with the kernel that sums; those of an integer do not."""
    near = np.nextafter(rows, np.float32(100))

    assert [False] * len(rows) == _differing(compare_groupings(rows, _alone(near)))
    assert [False] * len(rows) == _differing(compare_asked_twice(rows, near, len(rows)))


@given(rows=ROWS)
def test_a_mean_over_the_batch_differs_from_each_mean_of_one(rows: np.ndarray) -> None:
    """It has one shape in all runs and is compared by its value."""
    together = rows.mean(0, keepdims=True)
    alone = [row.mean(0, keepdims=True) for row in _alone(rows)]
    found = compare_groupings(together, alone)
    surely = [
        bool(np.sqrt(np.mean((together - a) ** 2)) > 1e-4 * np.abs(together).max()) for a in alone
    ]

    assert not found.is_by_row
    pairs = zip(_differing(found), surely, strict=True)
    assert all(is_found for is_found, is_sure in pairs if is_sure)


def test_several_rows_of_one_example_belong_to_it() -> None:
    """Rows that an example brings, two or none, follow one another in the batch."""
    alone = [np.ones((2, 3)), np.zeros((0, 3)), np.full((1, 3), 4.0)]
    together = np.concatenate(alone)
    changed = [alone[0], alone[1], alone[2] + 1]

    assert [False, False, False] == _differing(compare_groupings(together, alone))
    assert [False, False, True] == _differing(compare_groupings(together, changed))


def test_positions_in_the_batch_are_no_difference() -> None:
    """The indices of a sparse tensor count the rows; labels do not."""
    indices = np.array([[0, 2], [1, 0], [2, 1], [3, 3]])
    alone = [np.array([[0, column]]) for column in (2, 0, 1, 3)]
    labels = np.array([4, 0, 4, 1])

    assert compare_groupings(indices, alone).examples is None
    assert [True, False, True, False] == _differing(
        compare_groupings(labels, [np.array([v]) for v in (3, 0, 1, 1)])
    )


def test_whole_numbers_that_count_the_batch_are_no_difference() -> None:
    """A batch's length, or the longest of its texts."""
    assert compare_groupings(np.array(4), [np.array(1)] * 4).examples is None
    assert compare_groupings(np.array(2.5), [np.array(1.5)] * 4).examples is not None


@pytest.mark.parametrize("at_end", [True, False], ids=["right", "left"])
def test_padding_by_itself_is_no_difference(at_end: bool) -> None:
    """What rows share agrees; its shapes are kept. What changed in it differs."""
    alone = [np.arange(1.0, size + 1)[np.newaxis] for size in (1, 3, 2)]
    together = np.zeros((3, 3))
    for row, single in zip(together, alone, strict=True):
        part = row[: single.shape[1]] if at_end else row[3 - single.shape[1] :]
        part[:] = single[0]
    found = compare_groupings(together, alone)

    assert (None, ((3, 3), ((1, 1), (1, 3), (1, 2)))) == (found.examples, found.shapes)
    changed = [alone[0], alone[1], alone[2] + 1]
    assert [False, False, True] == _differing(compare_groupings(together, changed))


def test_similarities_within_the_batch_cannot_be_compared() -> None:
    """Two axes grow with the batch."""
    found = compare_groupings(np.ones((3, 3)), [np.full((1, 1), 2.0)] * 3)

    assert found.examples is None or [True] * 3 == _differing(found)
    assert ((3, 3), ((1, 1),) * 3) == found.shapes


def test_nan_and_infinity_agree_with_themselves_only() -> None:
    """In the same place, of the same sign."""
    rows = np.array([[np.nan, 1.0], [np.inf, 1.0], [2.0, 1.0]])
    other = np.array([[np.nan, 1.0], [-np.inf, 1.0], [np.nan, 1.0]])

    assert [False, True, True] == _differing(compare_asked_twice(rows, other, 3))
    assert [False, False, False] == _differing(compare_asked_twice(rows, rows, 3))


def test_strings_and_other_shapes_are_compared_exactly() -> None:
    """A string differs by a byte, and another shape differs in every example."""
    texts = np.array([b"a", b"b"], object)

    assert [False, True] == _differing(
        compare_asked_twice(texts, np.array([b"a", b"c"], object), 2)
    )
    assert [True, True] == _differing(compare_asked_twice(texts, texts[:1], 2))


def test_small_rows_are_measured_against_the_tensor() -> None:
    """Noise around zero in one row is no difference where the others are large."""
    rows = np.array([[1e-9, -1e-9], [1.0, 2.0]], np.float32)
    other = np.array([[-1e-9, 1e-9], [1.0, 2.0]], np.float32)

    assert [False, False] == _differing(compare_asked_twice(rows, other, 2))
