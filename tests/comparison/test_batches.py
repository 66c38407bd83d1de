"""Batches that are compared apart and merged: nothing depends on how the examples were split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_parity.comparison.batches import BatchStatistics, ExamplePair, compare_batch
from tfx_parity.comparison.outputs import compare_outputs
from tfx_parity.comparison.statistics import WORST_KEPT
from tfx_parity.comparison.tolerance import TolerancePolicy

POLICY = TolerancePolicy()
NUMBERS = [0.0, -0.0, 1.0, 1.0 + 1e-7, 1.00005, 1.5, -2.0, 3e38, np.inf, -np.inf, np.nan]
DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.complex64, np.int64, object]


def _output(random: np.random.Generator, dtypes: Sequence[Any]) -> np.ndarray:  # type: ignore[type-arg]
    """Return an output of one example, of few shapes and values."""
    dtype, size = dtypes[int(random.random() < 0.1)], random.integers(1, 4)
    if dtype is object:
        return np.array(random.choice([b"a", b"b"], size).tolist(), dtype=object)
    values = random.choice(NUMBERS[2:7] if dtype is np.int64 else NUMBERS, size)
    with np.errstate(all="ignore"):
        return values.astype(dtype)


def _outputs(random: np.random.Generator, dtypes: Sequence[Any]) -> dict[str, Any]:
    return {name: _output(random, dtypes) for name in ("label", "scores") if random.random() < 0.95}


def _examples(seed: int, count: int) -> list[ExamplePair]:
    """Return examples of which some agree, and far more elements differ than are kept."""
    random = np.random.default_rng(seed)
    dtypes = [DTYPES[place] for place in random.choice(len(DTYPES), 2)]
    pairs = []
    for number in range(count):
        reference = _outputs(random, dtypes)
        candidate = dict(reference) if random.random() < 0.3 else _outputs(random, dtypes)
        for name in reference.keys() & candidate.keys():
            if random.random() < 0.6:  # else dtypes and shapes hardly ever agree
                candidate[name] = random.permutation(reference[name])
        pairs.append(ExamplePair(number, reference, candidate))
    return pairs


def _text(statistics: BatchStatistics) -> str:
    """Return every value exactly: strict JSON tells NaN from NaN as equal."""
    return json.dumps(statistics.to_json(), allow_nan=False)


@pytest.mark.thorough
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 150), st.data())
def test_any_split_merged_in_any_order_gives_the_result_of_one_batch(
    seed: int, count: int, data: st.DataObject
) -> None:
    """Counts, histograms, extremes and the worst elements are the same to the last bit."""
    pairs = _examples(seed, count)
    expected = _text(compare_batch(pairs, POLICY))

    shuffled = [pairs[place] for place in np.random.default_rng(seed + 1).permutation(count)]
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
