"""Requests of numbers as one table, and back."""

from __future__ import annotations

import numpy as np

from tfx_parity.canary_validator.feature_table import FeatureTable


def test_numbers_and_vectors_lie_side_by_side() -> None:
    """Float inputs by name; what is no float is handed on as it was recorded."""
    inputs = {
        "b": [np.float32([1, 2]), np.float32([3, 4])],
        "a": [np.float64(5), np.float64(6)],
        "id": [np.int64(7), np.int64(8)],
    }

    table = FeatureTable.of(inputs)

    assert table is not None
    assert (("a", "b"), ["a", "b[0]", "b[1]"]) == (table.inputs, table.names)
    assert [[5, 1, 2], [6, 3, 4]] == table.features.tolist()
    rows = table.rows(table.features * 10)
    assert [10, 20] == rows["b"][0].tolist()
    assert (np.float32, (), 8) == (rows["b"][0].dtype, rows["a"][1].shape, rows["id"][1])


def test_images_and_rows_of_any_length_are_no_table() -> None:
    """A column is one number of every example."""
    assert FeatureTable.of({"image": [np.zeros((2, 2))]}) is None
    assert FeatureTable.of({"x": [np.zeros(2), np.zeros(3)]}) is None
    assert FeatureTable.of({"text": [np.array(b"a", dtype=object)]}) is None
