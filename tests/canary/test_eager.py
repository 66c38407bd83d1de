"""TensorFlow's eager Python is asked where a session failed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.client import RequestError
from tfx_parity.canary.eager import ask_eager
from tfx_parity.canary.native import NativeBackend
from tfx_parity.serving_api.status import Code

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

X = np.array([[1, 2, 3]], np.float32)


def test_eager_answers_where_every_request_fails(models: Path) -> None:
    """A Keras 3 model held by a module: right in eager Python, without variables in a server."""
    with (
        NativeBackend().start(models / "keras3_lost") as canary,
        pytest.raises(RequestError, match="Could not find variable") as raised,
    ):
        canary.client.predict("serving_default", {"x": X})
    with NativeBackend().start(models / "keras3_export") as canary:
        expected = canary.client.predict("serving_default", {"x": X})["y"]

    assert raised.value.code == Code.FAILED_PRECONDITION
    # The same seed and layers: the same weights as in the model that was exported well.
    np.testing.assert_allclose(
        expected, ask_eager(models / "keras3_lost", "serving_default", {"x": X})["y"], rtol=1e-5
    )


def test_eager_refuses_what_it_cannot_answer_either(models: Path) -> None:
    """A refusal of eager Python carries its code and text."""
    with pytest.raises(RequestError, match="was expected to be a float tensor") as raised:
        ask_eager(models / "affine", "serving_default", {"x": X.astype(np.float64)})

    assert raised.value.code == Code.INVALID_ARGUMENT
