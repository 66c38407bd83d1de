"""A pipeline with all that KubeflowV2DagRunner compiles wrongly, for tests."""

# No `from __future__ import annotations`: TFX reads those of components as they stand.

from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.components import CsvExampleGen
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2
from tfx.types.standard_artifacts import Integer

Resources = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec
RATE = 0.25


@component
def Emit(count: OutputArtifact[Integer]) -> None:  # noqa: N802 - a component
    """Put out a number."""
    count.value = 3


@component
def Use(number: Parameter[int], rate: Parameter[float]) -> None:  # noqa: N802 - a component
    """Refuse other numbers than the one that was put out, and the default."""
    if (number, rate) != (3, RATE):
        raise ValueError((number, rate))


def create_pipeline(pipeline_root: str, data_root: str) -> Pipeline:
    """Return a pipeline with a default, a parameter from a step, spans and resources."""
    example_gen = CsvExampleGen(
        input_base=data_root,
        input_config=example_gen_pb2.Input(
            splits=[example_gen_pb2.Input.Split(name="all", pattern="span-{SPAN}/*.csv")]
        ),
    ).with_platform_config(Resources(cpu_limit=2.0, memory_limit=4.0))
    emit = Emit()
    use = Use(
        number=emit.outputs["count"].future()[0].value,
        rate=RuntimeParameter(name="rate", ptype=float, default=RATE),
    )
    return Pipeline(
        pipeline_name="wrongs",
        pipeline_root=pipeline_root,
        components=[example_gen, emit, use],
        enable_cache=True,
    )
