"""SavedModels that TensorFlow makes once a session, and a canary that many tests share."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tfx_parity.canary.backend import RunningCanary
from tfx_parity.canary.native import NativeBackend


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models of make_models.py, each at NAME/1."""
    folder = tmp_path_factory.mktemp("models")
    script = Path(__file__).with_name("make_models.py")
    made = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="session")
def affine(models: Path) -> Iterator[RunningCanary]:
    """A canary that serves the model `affine`."""
    with NativeBackend().start(models / "affine") as canary:
        yield canary


@pytest.fixture
def copied(models: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copy a model, so that it can be damaged; returns the folder of its SavedModel."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(models / name / "1", tmp_path / name / "1"))

    return copy
