"""What makes two requests the same one."""

from __future__ import annotations

import numpy as np
import pytest

from tfx_parity.prediction_logs.records import example_number, request_key
from tfx_parity.protos import Example

ROW = np.float32([1.0, 2.0])


def _example(*names: str) -> np.ndarray:  # type: ignore[type-arg]
    """Return a serialized example with these features, written in this order."""
    parts = []
    for name in names:
        example = Example()
        example.features.feature[name].float_list.value.append(1.0)
        parts.append(example.SerializeToString())
    return np.array(b"".join(parts), dtype=object)  # protobuf merges messages that follow


def test_the_bytes_of_an_example_do_not_matter() -> None:
    """Features in another order, and a label on one side, are the same request."""
    plain, turned = {"x": _example("a", "b")}, {"x": _example("b", "a")}
    labelled = {"x": _example("b", "label", "a")}

    assert plain["x"].item() != turned["x"].item()
    assert request_key(plain) == request_key(turned) == request_key(labelled, ["label"])
    assert request_key(plain) != request_key(labelled)


@pytest.mark.parametrize(
    "other",
    [
        {"x": ROW, "y": ROW},
        {"y": ROW},
        {"x": ROW.astype(np.float64)},
        {"x": ROW.reshape(2, 1)},
        {"x": ROW + 1},
        {"x": np.array([b"\x00\x00\x80?", b"\x00\x00\x00@"], dtype=object)},
    ],
    ids=["another input", "another name", "dtype", "shape", "values", "bytes"],
)
def test_other_inputs_are_another_request(other: dict[str, np.ndarray]) -> None:  # type: ignore[type-arg]
    """Names, dtypes, shapes and values all count."""
    assert request_key({"x": ROW}) == request_key({"x": ROW.copy()})
    assert request_key({"x": ROW}) != request_key(other)


def test_texts_are_told_apart_however_they_are_cut() -> None:
    """No two rows of strings read alike."""
    rows = [[b"ab", b"c"], [b"a", b"bc"], [b"abc", b""]]
    keys = {request_key({"x": np.array(row, dtype=object)}) for row in rows}

    assert 3 == len(keys)


def test_every_copy_of_a_request_has_a_number_of_its_own() -> None:
    """64 bits, the same in every run."""
    numbers = [example_number(bytes(16), copy) for copy in range(3)]

    assert 3 == len(set(numbers))
    assert all(0 <= number < 2**64 for number in numbers)
    assert numbers[0] == example_number(bytes(16))
