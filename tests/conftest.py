"""What many tests look at, made once."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toy_transform_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `transform_graph` artifact that TransformGraphGen made of the toy examples."""
    import toy_data  # noqa: PLC0415 - from tests/support, with TFX only where a test asks for it
    from tfx import v1 as tfx  # noqa: PLC0415
    from tfx.orchestration.metadata import sqlite_metadata_connection_config  # noqa: PLC0415

    from tfx_parity import TransformGraphGen  # noqa: PLC0415

    root = tmp_path_factory.mktemp("toy")
    toy_data.write_examples(root / "data")
    (root / "schema.pbtxt").write_text(toy_data.SCHEMA, encoding="utf-8")
    examples = tfx.components.ImportExampleGen(input_base=str(root / "data"))
    schema = tfx.components.ImportSchemaGen(schema_file=str(root / "schema.pbtxt"))
    transform = TransformGraphGen(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn="toy_transform.preprocessing_fn",
        disable_statistics=True,
        seed=5,
    )
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="toy",
        pipeline_root=str(root / "artifacts"),
        components=[examples, schema, transform],
        metadata_connection_config=sqlite_metadata_connection_config(str(root / "mlmd.sqlite")),
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)
    (graph,) = (root / "artifacts" / "TransformGraphGen" / "transform_graph").iterdir()
    return graph


@pytest.fixture(scope="session")
def penguins_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root of a penguins run that was blessed and pushed."""
    from penguin_runs import run_penguins  # noqa: PLC0415 - from tests/support, with TFX

    run = run_penguins(tmp_path_factory.mktemp("penguins"))

    assert 0 == run.exit_code, run.screen
    return run.root
