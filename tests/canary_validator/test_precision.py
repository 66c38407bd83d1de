"""Slight differences, told from others."""

from __future__ import annotations

import numpy as np
import pytest

from tfx_parity.canary_validator.precision import is_slight

ROWS = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [
        (ROWS, ROWS.astype(np.float16).astype(np.float32), True),
        (ROWS, ROWS[:, ::-1], False),
        (ROWS, ROWS * 100, False),
        (ROWS, np.where(ROWS > 1, np.inf, ROWS), False),
        (ROWS, ROWS[:, :3], False),
        (np.zeros((5, 1), np.float32), np.zeros((5, 1), np.float32), False),
        (np.arange(5), np.arange(5), False),
    ],
    ids=["rounded", "reversed", "scaled", "infinite", "shapes", "zeros", "integers"],
)
def test_roundings_alone_are_slight(
    reference: np.ndarray, candidate: np.ndarray, expected: bool
) -> None:
    """A difference counts by its share of the output's greatest number."""
    assert expected == is_slight({"y": list(reference)}, {"y": list(candidate)})


def test_every_floating_output_must_be_slight() -> None:
    """One output that differs by more is enough; a class that flips says nothing."""
    classes = {"class": [np.int64(0)] * 50}
    half = {"y": list(ROWS.astype(np.float16).astype(np.float32))}

    assert is_slight({"y": list(ROWS), **classes}, {**half, "class": [np.int64(1)] * 50})
    assert not is_slight({"y": list(ROWS), "z": list(ROWS)}, {**half, "z": list(-ROWS)})
