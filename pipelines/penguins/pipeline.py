"""The penguins pipeline: from a CSV to a model that is pushed where it is good and serves alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow_model_analysis as tfma

# Not tfx.v1: that also loads the Google Cloud extensions, a third of the time to import TFX.
from tfx.components import (
    CsvExampleGen,
    Evaluator,
    ExampleValidator,
    Pusher,
    StatisticsGen,
    Trainer,
)
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2, pusher_pb2, trainer_pb2
from tfx.types import BaseChannel

from tfx_parity import CanaryValidator, PayloadValidator, TransformGraphGen
from tfx_parity.pipelines.baseline import LatestBlessedModel
from tfx_parity.pipelines.penguins import (
    DEFAULT_SEED,
    DEFAULT_TRAIN_STEPS,
    PIPELINE_NAME,
    PREPROCESSING_FN,
    RUN_FN,
)
from tfx_parity.pipelines.penguins.preprocessing import LABEL, transformed_name
from tfx_parity.pipelines.source_digest import source_digest
from tfx_parity.schemas import schema_path

TRAINING_PACKAGES = ("tfx_parity.training", "tfx_parity.contract")
"""What `run_fn` calls of ours: a change of it is a change of the export."""


MIN_ACCURACY = 0.9
MAX_ACCURACY_LOSS = 0.02
"""How much less accurate than the latest blessed model a new one may be."""


def create_pipeline(
    *,
    pipeline_root: str,
    data_root: str,
    serving_model_dir: str,
    metadata_path: str | None = None,
    pipeline_name: str = PIPELINE_NAME,
    schema_file: str | None = None,
    preprocessing_fn: str = PREPROCESSING_FN,
    run_fn: str = RUN_FN,
    train_steps: int = DEFAULT_TRAIN_STEPS,
    seed: int = DEFAULT_SEED,
    canary_server: str = "native",
    enable_cache: bool = True,
    beam_pipeline_args: Sequence[str] = (),
) -> Pipeline:
    """Return the pipeline for any TFX runner.

    Args:
        pipeline_root: Where the artifacts are kept.
        data_root: The folder that holds the penguins' CSV.
        serving_model_dir: Where a blessed model is pushed: TF Serving's `--model_base_path`.
        metadata_path: The SQLite file of ML Metadata; None for runners that bring their own.
        pipeline_name: The name under which artifacts and cache are kept.
        schema_file: A schema other than the curated one.
        preprocessing_fn: The import path of the preprocessing function.
        run_fn: The import path of the Trainer's function.
        train_steps: How many batches the model is trained on.
        seed: Seeds the training.
        canary_server: What serves the canary, as CanaryValidator's `server`.
        enable_cache: Whether steps whose inputs are unchanged are taken from the cache.
        beam_pipeline_args: Options of the steps that run on Beam. With none Beam runs in this
            process; with any, and none of its own packages among them, TFX first builds a package
            of itself for the workers in every such step (tfx/utils/dependency_utils.py), seconds
            that small data on one machine can do without.

    Raises:
        BadInputError: If there is no module behind `run_fn` or `preprocessing_fn`.
    """
    data = _data_steps(data_root, schema_file or str(schema_path("penguins")))
    transform = TransformGraphGen(
        examples=data.examples,
        schema=data.schema,
        preprocessing_fn=preprocessing_fn,
        custom_config={"source_digest": source_digest(preprocessing_fn)},
        # StatisticsGen has the statistics, and no run takes up the analyzers' cache: on small data
        # each of the two would be a good part of this step's time.
        disable_statistics=True,
        disable_analyzer_cache=True,
    )
    trainer = Trainer(
        run_fn=run_fn,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=data.schema,
        train_args=trainer_pb2.TrainArgs(num_steps=train_steps),
        eval_args=trainer_pb2.EvalArgs(),
        custom_config={"seed": seed, "source_digest": source_digest(run_fn, *TRAINING_PACKAGES)},
    )
    return Pipeline(
        pipeline_name=pipeline_name,
        pipeline_root=pipeline_root,
        components=[
            *data.steps,
            transform,
            trainer,
            *_judging_steps(data, transform, trainer, serving_model_dir, canary_server),
        ],
        enable_cache=enable_cache,
        metadata_connection_config=(
            None if metadata_path is None else sqlite_metadata_connection_config(metadata_path)
        ),
        beam_pipeline_args=list(beam_pipeline_args),
    )


class _Data(NamedTuple):
    """The steps that bring the data, and what the steps after them take of it."""

    steps: Sequence[BaseNode]
    examples: BaseChannel
    schema: BaseChannel


def _data_steps(data_root: str, schema_file: str) -> _Data:
    """Return the steps from the CSV to examples that are checked against the schema."""
    example_gen = CsvExampleGen(
        input_base=data_root,
        input_config=example_gen_pb2.Input(
            splits=[example_gen_pb2.Input.Split(name="all", pattern="*.csv")]
        ),
        output_config=_splits(train=3, eval=2),
    )
    examples = example_gen.outputs["examples"]
    schema_gen = ImportSchemaGen(schema_file=schema_file)
    schema = schema_gen.outputs["schema"]
    statistics_gen = StatisticsGen(examples=examples, schema=schema)
    validator = ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    return _Data([example_gen, schema_gen, statistics_gen, validator], examples, schema)


def _splits(**buckets: int) -> example_gen_pb2.Output:
    """Return the splits of the examples, by the hash of each row."""
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[
                example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=count)
                for name, count in buckets.items()
            ]
        )
    )


def _judging_steps(
    data: _Data,
    transform: BaseNode,
    trainer: BaseNode,
    serving_model_dir: str,
    canary_server: str,
) -> list[BaseNode]:
    """Return the steps that judge the model (can it be asked, is it good, does it serve alike)."""
    model = trainer.outputs["model"]
    baseline = LatestBlessedModel(model, serving_model_dir).with_id("baseline")
    evaluator = Evaluator(
        examples=data.examples,
        model=model,
        baseline_model=baseline.outputs["model"],
        eval_config=evaluation(),
    )
    payloads = PayloadValidator(
        model=model,
        schema=data.schema,
        transform_graph=transform.outputs["transform_graph"],
        examples=data.examples,
    )
    canary = CanaryValidator(
        model=model,
        model_run=trainer.outputs["model_run"],
        transform_graph=transform.outputs["transform_graph"],
        eval_config=evaluation(),
        payload_blessing=payloads.outputs["blessing"],
        server=canary_server,
    )
    pusher = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=canary.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=serving_model_dir)
        ),
    )
    return [baseline, evaluator, payloads, canary, pusher]


def evaluation() -> tfma.EvalConfig:
    """Return what a model must reach to be blessed, overall and what is shown by species."""
    accuracy = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": MIN_ACCURACY}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER,
            absolute={"value": -MAX_ACCURACY_LOSS},
        ),
    )
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serving_default",
                preprocessing_function_names=["transform_features_labelled"],
                label_key=transformed_name(LABEL),
                model_type="tf_generic",
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=[LABEL])],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name="SparseCategoricalAccuracy", threshold=accuracy),
                    tfma.MetricConfig(class_name="ExampleCount"),
                ]
            )
        ],
    )
