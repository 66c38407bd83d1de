"""The steps that bring a pipeline's data: from CSV files to examples held against a schema."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

# Not tfx.v1: that also loads the Google Cloud extensions, a third of the time to import TFX.
from tfx.components import CsvExampleGen, ExampleValidator, StatisticsGen
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import BaseChannel

SPLITS = {"train": 3, "eval": 2}
"""Of how many hash buckets of the rows each split is made."""


class DataSteps(NamedTuple):
    """The steps that bring the data, and what the steps after them take of it.

    Attributes:
        steps: The steps.
        examples: A channel of the examples, split into `SPLITS`.
        schema: A channel of the schema.
    """

    steps: list[BaseNode]
    examples: BaseChannel
    schema: BaseChannel


def data_steps(
    data_root: str, pattern: str, schema_file: str | Path, span: int | None = None
) -> DataSteps:
    """Return the steps from CSV files to examples that are checked against a schema.

    Args:
        data_root: The folder of the data.
        pattern: Which files below it are taken.
        schema_file: The schema, as text.
        span: The span to take, where the pattern has one.
    """
    example_gen = CsvExampleGen(
        input_base=data_root,
        input_config=example_gen_pb2.Input(
            splits=[example_gen_pb2.Input.Split(name="all", pattern=pattern)]
        ),
        output_config=_splits(),
        range_config=None if span is None else _only(span),
    )
    examples = example_gen.outputs["examples"]
    schema_gen = ImportSchemaGen(schema_file=str(schema_file))
    schema = schema_gen.outputs["schema"]
    statistics_gen = StatisticsGen(examples=examples, schema=schema)
    validator = ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    return DataSteps([example_gen, schema_gen, statistics_gen, validator], examples, schema)


def _splits() -> example_gen_pb2.Output:
    """Return the splits of the examples, by the hash of each row."""
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[
                example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=buckets)
                for name, buckets in SPLITS.items()
            ]
        )
    )


def _only(span: int) -> range_config_pb2.RangeConfig:
    """Return the range of one span; without it TFX takes the last span that it finds."""
    return range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=span, end_span_number=span)
    )
