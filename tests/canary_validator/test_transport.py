"""Which rule of TensorFlow Serving's JSON parts REST from gRPC."""

from __future__ import annotations

import numpy as np

from tfx_parity.canary_validator.transport import json_rule, rest_requests

_FLOATS = {"x": [np.float32([1.0])]}


def _texts(*values: bytes) -> list[np.ndarray]:
    return [np.array(value, dtype=object) for value in values]


def test_bytes_in_an_output_not_named_so_are_the_first_suspect() -> None:
    """Bytes that are no UTF-8, in an output whose name does not end in _bytes."""
    found = json_rule(_FLOATS, {"digest": _texts(b"plain", b"\xff\xfe")})

    assert found is not None
    assert "output 'digest'" == found[0]


def test_a_double_that_is_asked_is_suspect() -> None:
    """RapidJSON reads doubles to some units in the last place."""
    found = json_rule({"seconds": [np.float64([0.1])]}, {"y": [np.float32([1])]})

    assert found is not None
    assert "input 'seconds'" == found[0]


def test_what_json_carries_is_not_suspect() -> None:
    """float32, texts, and bytes under a name that says so."""
    outputs = {"raw_bytes": _texts(b"\xff"), "text": _texts("grün".encode())}

    assert json_rule(_FLOATS, outputs) is None


def test_each_rest_arm_is_named_by_its_form() -> None:
    """Columns are not called rows."""
    assert "REST columns of signature 's'" == rest_requests("Rc", "s")
    assert "REST rows of signature 's'" == rest_requests("R", "s")
