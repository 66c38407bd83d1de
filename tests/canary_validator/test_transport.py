"""Which rule of TensorFlow Serving's JSON parts REST from gRPC."""

from __future__ import annotations

import numpy as np

from tfx_parity.canary_validator.transport import json_rule, rest_requests


def test_a_double_that_is_asked_is_suspect() -> None:
    """RapidJSON reads doubles to some units in the last place."""
    found = json_rule({"id": [np.int64(1)], "seconds": [np.float64(0.1)]})

    assert found is not None
    assert "input 'seconds'" == found[0]


def test_what_json_carries_is_not_suspect() -> None:
    """float32, integers and texts arrive as they were sent."""
    text = [np.array("grün".encode(), dtype=object)]

    assert json_rule({"x": [np.float32([1])], "id": [np.int64(2**60)], "text": text}) is None


def test_rest_arms_are_named_by_their_form() -> None:
    """Columns are not called rows."""
    assert "REST columns of signature 's'" == rest_requests(["Rc"], "s")
    assert "REST rows and columns of signature 's'" == rest_requests(["R", "Rc"], "s")
