"""The pipeline that makes the toy transform graph."""

from __future__ import annotations

from pathlib import Path

import toy_data


def make_transform_graph(root: Path) -> Path:
    """Return the `transform_graph` artifact that TransformGraphGen makes of the toy examples.

    Args:
        root: A folder for the examples and everything that is made of them.
    """
    from tfx.components import ImportExampleGen
    from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.metadata import sqlite_metadata_connection_config
    from tfx.orchestration.pipeline import Pipeline

    from tfx_parity import TransformGraphGen

    toy_data.write_examples(root / "data")
    (root / "schema.pbtxt").write_text(toy_data.SCHEMA, encoding="utf-8")
    examples = ImportExampleGen(input_base=str(root / "data"))
    schema = ImportSchemaGen(schema_file=str(root / "schema.pbtxt"))
    transform = TransformGraphGen(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn="toy_transform.preprocessing_fn",
        disable_statistics=True,
        disable_analyzer_cache=True,
        seed=5,
    )
    pipeline = Pipeline(
        pipeline_name="toy",
        pipeline_root=str(root / "artifacts"),
        components=[examples, schema, transform],
        metadata_connection_config=sqlite_metadata_connection_config(str(root / "mlmd.sqlite")),
    )
    LocalDagRunner().run(pipeline)
    (graph,) = (root / "artifacts" / "TransformGraphGen" / "transform_graph").iterdir()
    return graph
