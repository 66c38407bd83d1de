"""What many tests look at, made once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import settings

# Properties are tried twice: with few examples among the unit tests, with many beside the others.
settings.register_profile("quick", max_examples=12, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=100, deadline=None, derandomize=True)
settings.load_profile("thorough")


class TrainedModel(NamedTuple):
    """The folders of a trained model: its export, and what the trainer recorded."""

    model: Path
    run: Path


@pytest.fixture(scope="session")
def toy_transform_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `transform_graph` artifact that TransformGraphGen made of the toy examples."""
    import toy_pipeline

    return toy_pipeline.make_transform_graph(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def trained_models(
    toy_transform_graph: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, TrainedModel]:
    """Return a model of each library, exported and recorded by `tfx_parity.training`."""
    import toy_models

    from tfx_parity.training import export_for_serving, record_predictions

    trained = {}
    for kind, make_model in toy_models.MODELS.items():
        root = tmp_path_factory.mktemp("trained")
        fn_args = SimpleNamespace(
            transform_output=str(toy_transform_graph),
            serving_model_dir=str(root / "model"),
            model_run_dir=str(root / "run"),
        )
        model = make_model()
        export_for_serving(model, fn_args)
        record_predictions(model, fn_args)
        trained[kind] = TrainedModel(root / "model", root / "run")
    return trained


@pytest.fixture(scope="session")
def graph_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models of make_graph_models.py, each at NAME/1."""
    folder = tmp_path_factory.mktemp("graph_models")
    script = Path(__file__).with_name("support") / "make_graph_models.py"
    made = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="session")
def penguins_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root of a penguins run that was blessed and pushed."""
    from penguin_runs import run_penguins

    run = run_penguins(tmp_path_factory.mktemp("penguins"))

    assert run.exit_code == 0, run.screen
    return run.root


# What is dear to make, that with the longest tests first: all who look at one of them run in one
# process.
SHARED = ("toy_transform_graph", "penguins_demo", "kubeflow_run", "models", "graph_models")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group tests by what they share, and let the longest groups begin.

    Planted faults come last in theirs: they run the pipeline again in the demo's folder.
    """
    groups = {item: _group(item) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    order = {name: place for place, name in enumerate(SHARED)}
    items.sort(
        key=lambda item: (
            order.get(groups[item], len(order)),
            item.get_closest_marker("long_runs") is None,
            "faults" in item.path.parts,
        )
    )


def _group(item: pytest.Item) -> str:
    names = getattr(item, "fixturenames", ())
    return next((name for name in SHARED if name in names), str(item.path))
