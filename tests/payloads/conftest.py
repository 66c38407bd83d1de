"""A model and the guard of its requests."""

from __future__ import annotations

from pathlib import Path

import payload_models
import pytest

from tfx_parity import PayloadGuard


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a penguins model."""
    return payload_models.write_model(tmp_path_factory.mktemp("model") / "1")


@pytest.fixture(scope="session")
def guard(model: Path) -> PayloadGuard:
    """Return the guard of the model by its own contract."""
    return PayloadGuard.from_model(model)
