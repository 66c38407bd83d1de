"""CanaryValidator component definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import infra_validator_pb2
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.utils import json_utils, proto_utils

from tfx_parity.artifacts import ParityReport
from tfx_parity.canary_validator import executor, keys
from tfx_parity.version import VERSION

if TYPE_CHECKING:
    import tensorflow_model_analysis as tfma

DEFAULT_MAX_MISMATCH_RATE = 0.01
DEFAULT_CONFIDENCE = 0.95


class CanaryValidatorSpec(ComponentSpec):
    """Inputs, outputs and properties of CanaryValidator."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads it from the class
        keys.MAX_MISMATCH_RATE: ExecutionParameter(type=float),
        keys.CONFIDENCE: ExecutionParameter(type=float),
        keys.TOLERANCES: ExecutionParameter(type=str),
        keys.WITHOUT_TRAINER_PREDICTIONS: ExecutionParameter(type=int),
        keys.REDACT: ExecutionParameter(type=int),
        keys.ALLOW_VERSION_MISMATCH: ExecutionParameter(type=int),
        keys.SERVER: ExecutionParameter(type=str, optional=True),
        keys.SERVING_SPEC: ExecutionParameter(type=infra_validator_pb2.ServingSpec, optional=True),
        keys.BATCHING_PARAMETERS: ExecutionParameter(type=str, optional=True),
        # JSON of a tfma.EvalConfig, as TFX writes protos: the type would load TFMA into every run.
        keys.EVAL_CONFIG: ExecutionParameter(type=str, optional=True),
        # Without it TFX's cache would serve what an earlier version of this package found.
        keys.TFX_PARITY_VERSION: ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        keys.MODEL: ChannelParameter(type=standard_artifacts.Model),
        keys.MODEL_RUN: ChannelParameter(type=standard_artifacts.ModelRun, optional=True),
        keys.TRANSFORM_GRAPH: ChannelParameter(
            type=standard_artifacts.TransformGraph, optional=True
        ),
        keys.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples, optional=True),
        keys.PAYLOAD_BLESSING: ChannelParameter(
            type=standard_artifacts.InfraBlessing, optional=True
        ),
    }
    OUTPUTS = {  # noqa: RUF012
        keys.BLESSING: ChannelParameter(type=standard_artifacts.InfraBlessing),
        keys.REPORT: ChannelParameter(type=ParityReport),
    }


class CanaryValidator(base_component.BaseComponent):
    """Starts a Serving canary with the model and compares its answers with the trainer's.

    The model is blessed where the canary answers, over every way that clients ask, what the
    trainer recorded; the report names the cause and the place where it does not. A server that
    cannot be run for a reason outside the model raises: no blessing is written, and the
    orchestrator may retry.

    Example:
        canary_validator = CanaryValidator(
            model=trainer.outputs["model"],
            model_run=trainer.outputs["model_run"],
            transform_graph=transform.outputs["transform_graph"],
        )
        pusher = Pusher(
            model=trainer.outputs["model"],
            infra_blessing=canary_validator.outputs["blessing"],
            ...
        )

    Component `outputs` contains:

    - `blessing`: an `InfraBlessing`, as of TFX's InfraValidator; an unmodified Pusher obeys it.
    - `report`: a `ParityReport` with `report.json` and, for people, `report.html`.
    """

    SPEC_CLASS = CanaryValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_run: types.BaseChannel | None = None,
        transform_graph: types.BaseChannel | None = None,
        examples: types.BaseChannel | None = None,
        payload_blessing: types.BaseChannel | None = None,
        max_mismatch_rate: float = DEFAULT_MAX_MISMATCH_RATE,
        confidence: float = DEFAULT_CONFIDENCE,
        tolerances: Mapping[str, Mapping[str, float]] | None = None,
        without_trainer_predictions: bool = False,
        redact: bool = False,
        allow_version_mismatch: bool = False,
        server: str = keys.NATIVE,
        serving_spec: infra_validator_pb2.ServingSpec | None = None,
        batching_parameters: str | None = None,
        eval_config: tfma.EvalConfig | None = None,
    ) -> None:
        """Construct the component.

        Args:
            model: A channel of the `Model` that would be pushed.
            model_run: A channel of the Trainer's `ModelRun`, into which `record_predictions` wrote.
            transform_graph: A channel of the `TransformGraph` that the model was trained on.
            examples: A channel of `Examples` to ask with; only where there are no trainer
                predictions.
            payload_blessing: A channel of PayloadValidator's `blessing`; where it is not blessed
                the model is not, whatever the canary answers.
            max_mismatch_rate: Rate of differing examples allowed, a fraction; its upper bound must
                not exceed it.
            confidence: Confidence of that bound.
            tolerances: Tolerances by output name: `{"scores": {"rtol": 1e-3, "atol": 1e-6}}`.
            without_trainer_predictions: Whether to go on, with `examples`, where the trainer
                recorded nothing: then only serving is proven, not training, and the report says so.
            redact: Whether to leave what clients send out of the report: raw examples, values of
                features, strings, the server's own words.
            allow_version_mismatch: Whether a server of another TensorFlow than the model's is told
                as a warning, with how far the answers lie apart, and is no cause to fail.
            server: `native`, or `binary`: $TENSORFLOW_MODEL_SERVER, else tensorflow_model_server on
                the PATH, as the image for Kubeflow has it.
            serving_spec: What runs the canary, as InfraValidator takes it: an image of TensorFlow
                Serving by docker or as a pod. With several tags or digests every one has to pass;
                the report is that of the first that does not, else of the last. The `server`
                where None.
            batching_parameters: How the native canary batches requests, as production's
                --batching_parameters_file says it; an empty text for TensorFlow Serving's
                defaults, no batching where None.
            eval_config: Evaluator's EvalConfig: the report then shows TFMA's metrics of the
                trainer's and of the canary's predictions side by side, by slice. They say whether
                a difference matters and have no part in the verdict; thresholds are Evaluator's.
                Labels, weights and slices come from the parity sample.

        Raises:
            ValueError: If neither `model_run` nor `examples` with `without_trainer_predictions`
                are given, or `batching_parameters` or another `server` beside a `serving_spec`.
        """
        _require_one_server(server, serving_spec, batching_parameters)
        if model_run is None and not (without_trainer_predictions and examples):
            raise ValueError(
                "Expected model_run, the Trainer's output that holds its recorded predictions. To "
                "go on without them give examples and without_trainer_predictions=True."
            )
        spec = CanaryValidatorSpec(
            model=model,
            model_run=model_run,
            transform_graph=transform_graph,
            examples=examples,
            payload_blessing=payload_blessing,
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            report=types.Channel(type=ParityReport),
            max_mismatch_rate=float(max_mismatch_rate),
            confidence=float(confidence),
            tolerances=json_utils.dumps(dict(tolerances or {})),
            without_trainer_predictions=int(without_trainer_predictions),
            redact=int(redact),
            allow_version_mismatch=int(allow_version_mismatch),
            server=server,
            serving_spec=serving_spec,
            batching_parameters=_never_empty(batching_parameters),
            eval_config=None if eval_config is None else proto_utils.proto_to_json(eval_config),
            tfx_parity_version=VERSION,
        )
        super().__init__(spec=spec)


def _require_one_server(
    server: str,
    serving_spec: infra_validator_pb2.ServingSpec | None,
    batching_parameters: str | None,
) -> None:
    if server not in {keys.NATIVE, keys.BINARY}:
        raise ValueError(f"Expected server {keys.NATIVE!r} or {keys.BINARY!r}, found {server!r}.")
    if serving_spec is not None and server != keys.NATIVE:
        raise ValueError(f"Expected one server, found {server!r} beside a serving_spec.")
    if batching_parameters is not None and (serving_spec is not None or server != keys.NATIVE):
        other = "a serving_spec" if server == keys.NATIVE else f"server {server!r}"
        raise ValueError(
            f"Expected batching_parameters for the native canary, found them beside {other}: "
            "such a server gets its flags from its own configuration."
        )


def _never_empty(parameters: str | None) -> str | None:
    """Return the parameters; an orchestrator may take an empty property for one not given."""
    return "# TensorFlow Serving's defaults" if parameters == "" else parameters
