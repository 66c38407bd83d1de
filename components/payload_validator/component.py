"""PayloadValidator component definition."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from tfx_parity.artifacts import PayloadReport
from tfx_parity.findings import FaultKind
from tfx_parity.payload_validator import executor, keys
from tfx_parity.version import VERSION

DEFAULT_ENVIRONMENT = "SERVING"


class PayloadValidatorSpec(ComponentSpec):
    """Inputs, outputs and properties of PayloadValidator."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads it from the class
        keys.PAYLOADS: ExecutionParameter(type=str, optional=True),
        keys.ENVIRONMENT: ExecutionParameter(type=str),
        keys.FAIL_ON: ExecutionParameter(type=str),
        # Without it TFX's cache would serve what an earlier version of this package found.
        keys.TFX_PARITY_VERSION: ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        keys.MODEL: ChannelParameter(type=standard_artifacts.Model),
        keys.SCHEMA: ChannelParameter(type=standard_artifacts.Schema),
        keys.TRANSFORM_GRAPH: ChannelParameter(
            type=standard_artifacts.TransformGraph, optional=True
        ),
        keys.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples, optional=True),
        keys.INFERENCE_RESULT: ChannelParameter(
            type=standard_artifacts.InferenceResult, optional=True
        ),
        keys.STATISTICS: ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        keys.REPORT: ChannelParameter(type=PayloadReport),
        keys.PAYLOAD_STATISTICS: ChannelParameter(type=standard_artifacts.ExampleStatistics),
        keys.ANOMALIES: ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        keys.BLESSING: ChannelParameter(type=standard_artifacts.InfraBlessing),
    }


class PayloadValidator(base_beam_component.BaseBeamComponent):
    """Checks what clients send to a model, payload by payload and as a whole.

    Every payload is held against TensorFlow Serving's own rules, the model's signatures and the
    schema in its serving environment: what would be refused, what would reach the model as another
    value, and what is suspect. Schema, transform graph and signatures are held against each other.

    Example:
        payload_validator = PayloadValidator(
            model=trainer.outputs["model"],
            schema=schema_gen.outputs["schema"],
            transform_graph=transform.outputs["transform_graph"],
            payloads="/var/log/penguins/requests",
            statistics=statistics_gen.outputs["statistics"],
        )

    Component `outputs` contains:

    - `report`: a `PayloadReport` with `report.json` and, for people, `report.html`.
    - `payload_statistics`: TFDV's statistics of the rows that reach the model.
    - `anomalies`: TFDV's anomalies of those, in the split `payloads`; and, with `statistics` and a
      schema that has skew comparators, of training against serving in the split `skew`.
    - `blessing`: an `InfraBlessing`, given where the report's verdict is PASS.
    """

    SPEC_CLASS = PayloadValidatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        schema: types.BaseChannel,
        transform_graph: types.BaseChannel | None = None,
        examples: types.BaseChannel | None = None,
        inference_result: types.BaseChannel | None = None,
        payloads: str | None = None,
        statistics: types.BaseChannel | None = None,
        environment: str = DEFAULT_ENVIRONMENT,
        fail_on: str = FaultKind.SUSPECT.value,
    ) -> None:
        """Construct the component.

        Args:
            model: A channel of the `Model` that clients ask.
            schema: A channel of the data `Schema`.
            transform_graph: A channel of the `TransformGraph` that the model should hold.
            examples: A channel of `Examples` to validate as if clients had sent them: what the
                schema keeps out of the environment (the label) is taken out first.
            inference_result: A channel of BulkInferrer's `InferenceResult`.
            payloads: A file or folder of what clients sent: REST bodies, JSON lines, TFRecords of
                PredictRequest, PredictionLog or tf.Example, gzip too. TFX's cache does not see
                that these files changed.
            statistics: A channel of the training `ExampleStatistics`, for skew.
            environment: The schema's environment of what clients send.
            fail_on: The mildest kind of fault that fails: refused, changed or suspect.

        Raises:
            ValueError: If there is nothing to validate, or `fail_on` is no kind of fault.
        """
        if not (examples or inference_result or payloads):
            raise ValueError(
                "Expected something to validate: examples, inference_result or payloads; found "
                "none of them."
            )
        spec = PayloadValidatorSpec(
            model=model,
            schema=schema,
            transform_graph=transform_graph,
            examples=examples,
            inference_result=inference_result,
            statistics=statistics,
            report=types.Channel(type=PayloadReport),
            payload_statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            payloads=payloads,
            environment=environment,
            fail_on=FaultKind(fail_on).value,
            tfx_parity_version=VERSION,
        )
        super().__init__(spec=spec)
