"""The flights pipeline: from one span to a model that is pushed where it is good and serves alike.

What retraining adds to the penguins': the span is given, the weights start from the model that is
served, and that model is the Evaluator's baseline.
"""

from __future__ import annotations

# Not tfx.v1: that also loads the Google Cloud extensions, a third of the time to import TFX.
from tfx.components import Trainer
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2

from tfx_parity import TransformGraphGen
from tfx_parity.pipelines.data_steps import data_steps
from tfx_parity.pipelines.flights import (
    DEFAULT_SEED,
    DEFAULT_TRAIN_STEPS,
    PIPELINE_NAME,
    PREPROCESSING_FN,
    RUN_FN,
)
from tfx_parity.pipelines.flights.data import SPAN_PATTERN
from tfx_parity.pipelines.flights.preprocessing import LABEL, transformed_name
from tfx_parity.pipelines.judging_steps import Threshold, eval_config, judging_steps
from tfx_parity.schemas import schema_path

AUC = Threshold("AUC", minimum=0.75, max_loss=0.03)
"""How well late flights must be told apart: absolutely, and beside the served model's."""


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
    data = data_steps(data_root, SPAN_PATTERN, schema_path("flights"), span)
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
    judges = judging_steps(
        data,
        transform,
        trainer,
        evaluation=eval_config(transformed_name(LABEL), AUC, slice_by="origin"),
        push_destination=push_destination,
        baseline_from=serving_model_dir,
    )
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
