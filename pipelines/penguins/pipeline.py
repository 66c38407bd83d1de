"""The penguins pipeline: from a CSV to a model that is pushed where it is good and serves alike."""

from __future__ import annotations

from collections.abc import Sequence

# Not tfx.v1: that also loads the Google Cloud extensions, a third of the time to import TFX.
from tfx.components import Trainer
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2

from tfx_parity import TransformGraphGen
from tfx_parity.pipelines.data_steps import data_steps
from tfx_parity.pipelines.judging_steps import Threshold, eval_config, judging_steps
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

ACCURACY = Threshold("SparseCategoricalAccuracy", minimum=0.9, max_loss=0.02)
"""How often the species must be told right: absolutely, and beside the latest blessed model's."""


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
    data = data_steps(data_root, "*.csv", schema_file or schema_path("penguins"))
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
    judges = judging_steps(
        data,
        transform,
        trainer,
        evaluation=eval_config(transformed_name(LABEL), ACCURACY, slice_by=LABEL),
        push_destination=serving_model_dir,
        baseline_from=serving_model_dir,
        canary_server=canary_server,
        canary_metrics=True,
    )
    return Pipeline(
        pipeline_name=pipeline_name,
        pipeline_root=pipeline_root,
        components=[*data.steps, transform, trainer, *judges],
        enable_cache=enable_cache,
        metadata_connection_config=(
            None if metadata_path is None else sqlite_metadata_connection_config(metadata_path)
        ),
        beam_pipeline_args=list(beam_pipeline_args),
    )
