"""Batches that are compared apart and merged: nothing depends on how the examples were split."""

from __future__ import annotations

import json
from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_parity.comparison.batches import BatchStatistics, ExamplePair, compare_batch
from tfx_parity.comparison.outputs import compare_outputs
from tfx_parity.comparison.statistics import WORST_KEPT
from tfx_parity.comparison.tolerance import TolerancePolicy

POLICY = TolerancePolicy()
NUMBERS = [0.0, -0.0, 1.0, 1.0 + 1e-7, 1.00005, 1.5, -2.0, 3e38, np.inf, -np.inf, np.nan]
DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.complex64, np.int64]


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:  # type: ignore[type-arg]
    """Draw an output of one example, of any dtype and of few shapes and values."""
    size = draw(st.integers(0, 3))
    if draw(st.integers(0, 3)) == 0:
        return np.array(draw(st.lists(st.sampled_from([b"a", b"b"]), max_size=2)), dtype=object)
    dtype = draw(st.sampled_from(DTYPES))
    values = draw(st.lists(st.sampled_from(NUMBERS), min_size=size, max_size=size))
    with np.errstate(all="ignore"):
        if dtype is np.int64:
            values = [value if np.isfinite(value) and abs(value) < 10 else 7.0 for value in values]
        return np.array(values).astype(dtype)


outputs = st.dictionaries(st.sampled_from(["scores", "label"]), arrays(), max_size=2)
examples = st.lists(st.tuples(outputs, st.none() | outputs), max_size=40)


def _pairs(drawn: list[tuple[Any, Any]]) -> list[ExamplePair]:
    """Return examples, of which some were answered alike."""
    return [
        ExamplePair(number, reference, reference if candidate is None else candidate)
        for number, (reference, candidate) in enumerate(drawn)
    ]


def _text(statistics: BatchStatistics) -> str:
    """Return every value exactly: strict JSON tells NaN from NaN as equal."""
    return json.dumps(statistics.to_json(), allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(examples, st.data())
def test_any_split_merged_in_any_order_gives_the_result_of_one_batch(
    drawn: list[tuple[Any, Any]], data: st.DataObject
) -> None:
    """Counts, histograms, extremes and the worst elements are the same to the last bit."""
    pairs = _pairs(drawn)
    expected = _text(compare_batch(pairs, POLICY))

    shuffled = data.draw(st.permutations(pairs))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pairs)), max_size=6)))
    bounds = zip([0, *cuts], [*cuts, len(pairs)], strict=True)
    parts = [compare_batch(shuffled[begin:end], POLICY) for begin, end in bounds]
    while len(parts) > 1:
        first, second = (parts.pop(data.draw(st.integers(0, len(parts) - 1))) for _ in "ab")
        parts.append(first.merged(second))

    assert expected == _text(parts[0])


def test_one_batch_counts_what_the_comparison_in_memory_counts() -> None:
    """Of examples that are alike the statistics are those of `compare_outputs`."""
    random = np.random.default_rng(3)
    scores = random.standard_normal((500, 3), np.float32)
    noisy = scores * (1 + random.choice([0, 1e-7, 1e-5, 1e-3], scores.shape)).astype(np.float32)
    labels = random.choice([b"a", b"b", b"c"], 500).astype(object)
    other = np.where(random.random(500) < 0.1, b"d", labels).astype(object)
    expected = compare_outputs(
        {"scores": scores, "labels": labels}, {"scores": noisy, "labels": other}, POLICY
    )

    found = compare_batch(
        [
            ExamplePair(
                number,
                {"scores": scores[number], "labels": labels[number, ...]},
                {"scores": noisy[number], "labels": other[number, ...]},
            )
            for number in reversed(range(500))
        ],
        POLICY,
    )

    assert (500, int(expected.mismatching.sum())) == (found.examples, found.mismatching_examples)
    assert {name: o.statistics for name, o in expected.outputs.items()} == found.outputs
    assert WORST_KEPT == len(found.outputs["labels"].worst)


def test_an_example_is_judged_by_its_own_names_and_dtypes() -> None:
    """One answer without an output, or of another dtype, makes no other example mismatch."""
    one, two = np.float32([1.0]), np.float64([1.0])
    pairs = [
        ExamplePair(5, {"a": one, "b": one}, {"a": one, "b": one}),
        ExamplePair(6, {"a": one, "b": one}, {"a": one}),
        ExamplePair(7, {"a": one}, {"a": two, "c": one}),
        ExamplePair(8, {"a": two}, {"a": two}),
    ]

    found = compare_batch(pairs, POLICY)

    assert (4, 2) == (found.examples, found.mismatching_examples)
    assert (("b",), ("c",)) == (found.missing, found.extra)
    assert (("a", "float32", "float64"),) == found.dtype_mismatches
    assert (4, 1) == (found.outputs["a"].examples, found.outputs["a"].mismatching_examples)
