"""The steps that judge a model and push it: can it be asked, is it good, does it serve alike."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow_model_analysis as tfma
from tfx.components import Evaluator, Pusher
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import pusher_pb2

from tfx_parity import CanaryValidator, PayloadValidator
from tfx_parity.pipelines.baseline import LatestBlessedModel
from tfx_parity.pipelines.data_steps import DataSteps


@dataclass(frozen=True)
class Threshold:
    """What a metric must reach for Evaluator's blessing.

    Attributes:
        metric: The name of TFMA's class; more of it is better.
        minimum: The least that blesses.
        max_loss: How much less than the baseline's it may be.
    """

    metric: str
    minimum: float
    max_loss: float


def eval_config(label: str, threshold: Threshold, slice_by: str) -> tfma.EvalConfig:
    """Return what Evaluator asks of a model, overall and in every slice.

    A threshold without slices of its own holds for all that are computed
    (tensorflow_model_analysis/metrics/metric_specs.py): a model that is worse on one alone is not
    blessed.

    Args:
        label: The transformed label.
        threshold: What blesses.
        slice_by: The raw feature whose values are slices.
    """
    metric = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": threshold.minimum}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER,
            absolute={"value": -threshold.max_loss},
        ),
    )
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serving_default",
                preprocessing_function_names=["transform_features_labelled"],
                label_key=label,
                model_type="tf_generic",
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=[slice_by])],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name=threshold.metric, threshold=metric),
                    tfma.MetricConfig(class_name="ExampleCount"),
                ]
            )
        ],
    )


def judging_steps(
    data: DataSteps,
    transform: BaseNode,
    trainer: BaseNode,
    *,
    evaluation: tfma.EvalConfig,
    push_destination: str,
    baseline_from: str,
    canary_server: str = "native",
    canary_metrics: bool = False,
) -> list[BaseNode]:
    """Return the steps after the Trainer.

    Args:
        data: The steps that brought the data.
        transform: The TransformGraphGen.
        trainer: The Trainer, whose `run_fn` recorded its predictions.
        evaluation: What Evaluator asks of the model.
        push_destination: Where a blessed model is pushed.
        baseline_from: Where the versions are of which the newest is Evaluator's baseline.
        canary_server: What serves the canary, as CanaryValidator's `server`.
        canary_metrics: Whether its report shows Evaluator's metrics of both sides, which takes
            TFMA seconds.
    """
    model, transform_graph = trainer.outputs["model"], transform.outputs["transform_graph"]
    baseline = LatestBlessedModel(model, baseline_from).with_id("baseline")
    evaluator = Evaluator(
        examples=data.examples,
        model=model,
        baseline_model=baseline.outputs["model"],
        eval_config=evaluation,
    )
    payloads = PayloadValidator(
        model=model,
        schema=data.schema,
        transform_graph=transform_graph,
        examples=data.examples,
    )
    canary = CanaryValidator(
        model=model,
        model_run=trainer.outputs["model_run"],
        transform_graph=transform_graph,
        eval_config=evaluation if canary_metrics else None,
        payload_blessing=payloads.outputs["blessing"],
        server=canary_server,
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
