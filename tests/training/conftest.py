"""The trained models, one after the other."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(
    params=[
        pytest.param("keras 2", id="keras_2"),
        pytest.param("keras 3", id="keras_3"),
        pytest.param("tf.Module", id="module"),
    ]
)
def trained(request: pytest.FixtureRequest, trained_models: dict[str, Any]) -> Any:
    """Return the folders of a model that was exported and recorded."""
    return trained_models[request.param]
