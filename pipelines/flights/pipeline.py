"""The flights pipeline: from one span to a model that is pushed where it is good and serves alike.

Its judges are those of the penguins pipeline. What retraining adds: the span is given, the weights
start from the model that is served, and that model is the Evaluator's baseline.
"""

from __future__ import annotations

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
from tfx.proto import example_gen_pb2, pusher_pb2, range_config_pb2, trainer_pb2
from tfx.types import BaseChannel

from tfx_parity import CanaryValidator, PayloadValidator, TransformGraphGen
from tfx_parity.pipelines.baseline import LatestBlessedModel
from tfx_parity.pipelines.flights import (
    DEFAULT_SEED,
    DEFAULT_TRAIN_STEPS,
    PIPELINE_NAME,
    PREPROCESSING_FN,
    RUN_FN,
)
from tfx_parity.pipelines.flights.data import SPAN_PATTERN
from tfx_parity.pipelines.flights.preprocessing import LABEL, transformed_name
from tfx_parity.schemas import schema_path

MIN_AUC = 0.75
MAX_AUC_LOSS = 0.03
"""How much less a new model may separate late flights than the served one does on the same span."""


def create_pipeline(
    *,
    pipeline_root: str,
    data_root: str,
    span: int,
    push_destination: str,
    serving_model_dir: str,
    warm_start: str = "",
    metadata_path: str | None = None,
    run_fn: str = RUN_FN,
    train_steps: int = DEFAULT_TRAIN_STEPS,
    seed: int = DEFAULT_SEED,
) -> Pipeline:
    """Return the pipeline of one span for any TFX runner.

    Args:
        pipeline_root: Where the artifacts are kept.
        data_root: The folder of the spans, laid out by `SPAN_PATTERN`.
        span: The span; TFX fails where its folder is missing.
        push_destination: Where a blessed model is pushed.
        serving_model_dir: Where the served versions are: the newest is the Evaluator's baseline.
        warm_start: The folder of the exported model to start from; empty for random weights.
        metadata_path: The SQLite file of ML Metadata; None for runners that bring their own.
        run_fn: The import path of the Trainer's function.
        train_steps: How many batches the model is trained on.
        seed: Seeds the training.
    """
    data = _data_steps(data_root, span)
    transform = TransformGraphGen(
        examples=data.examples,
        schema=data.schema,
        preprocessing_fn=PREPROCESSING_FN,
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
        custom_config={"seed": seed, "warm_start": warm_start},
    )
    judges = _judging_steps(data, transform, trainer, push_destination, serving_model_dir)
    return Pipeline(
        pipeline_name=PIPELINE_NAME,
        pipeline_root=pipeline_root,
        components=[*data.steps, transform, trainer, *judges],
        # A job that was killed begins anew: a Pusher from the cache would push nothing.
        enable_cache=False,
        metadata_connection_config=(
            None if metadata_path is None else sqlite_metadata_connection_config(metadata_path)
        ),
    )


class _Data(NamedTuple):
    """The steps that bring the data, and what the steps after them take of it."""

    steps: list[BaseNode]
    examples: BaseChannel
    schema: BaseChannel


def _data_steps(data_root: str, span: int) -> _Data:
    """Return the steps from a span's CSV to examples that are checked against the schema."""
    example_gen = CsvExampleGen(
        input_base=data_root,
        input_config=example_gen_pb2.Input(
            splits=[example_gen_pb2.Input.Split(name="all", pattern=SPAN_PATTERN)]
        ),
        output_config=example_gen_pb2.Output(
            split_config=example_gen_pb2.SplitConfig(
                splits=[
                    example_gen_pb2.SplitConfig.Split(name="train", hash_buckets=3),
                    example_gen_pb2.SplitConfig.Split(name="eval", hash_buckets=2),
                ]
            )
        ),
        # Without it TFX takes the last span that it finds.
        range_config=range_config_pb2.RangeConfig(
            static_range=range_config_pb2.StaticRange(start_span_number=span, end_span_number=span)
        ),
    )
    examples = example_gen.outputs["examples"]
    schema_gen = ImportSchemaGen(schema_file=str(schema_path("flights")))
    schema = schema_gen.outputs["schema"]
    statistics_gen = StatisticsGen(examples=examples, schema=schema)
    validator = ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    return _Data([example_gen, schema_gen, statistics_gen, validator], examples, schema)


def _judging_steps(
    data: _Data,
    transform: BaseNode,
    trainer: BaseNode,
    push_destination: str,
    serving_model_dir: str,
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
        payload_blessing=payloads.outputs["blessing"],
    )
    pusher = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=canary.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=push_destination)
        ),
    )
    return [baseline, evaluator, payloads, canary, pusher]


def evaluation() -> tfma.EvalConfig:
    """Return what a model must reach to be blessed, overall and what is shown by airport."""
    auc = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": MIN_AUC}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER,
            absolute={"value": -MAX_AUC_LOSS},
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
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["origin"])],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name="AUC", threshold=auc),
                    tfma.MetricConfig(class_name="ExampleCount"),
                ]
            )
        ],
    )
