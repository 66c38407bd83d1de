"""Models exported and recorded once for each library."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(name, id=name.replace(" ", "_"))
        for name in ("keras 2", "keras 3", "tf.Module")
    ],
)
def trained(
    request: pytest.FixtureRequest,
    toy_transform_graph: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> SimpleNamespace:
    """Return the folders of a model that was exported and recorded by `tfx_parity.training`."""
    import toy_models  # noqa: PLC0415

    from tfx_parity.training import export_for_serving, record_predictions  # noqa: PLC0415

    root = tmp_path_factory.mktemp("trained")
    fn_args = SimpleNamespace(
        transform_output=str(toy_transform_graph),
        serving_model_dir=str(root / "model"),
        model_run_dir=str(root / "run"),
    )
    model = toy_models.MODELS[request.param]()
    export_for_serving(model, fn_args)
    record_predictions(model, fn_args)
    return SimpleNamespace(model=root / "model", run=root / "run", kind=request.param)
