"""Compiles a TFX pipeline for Kubeflow Pipelines 2."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf import json_format
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)
from tfx.orchestration.pipeline import Pipeline

from tfx_parity.errors import BadInputError
from tfx_parity.kubeflow.repairs import Wishes, repair
from tfx_parity.kubeflow.spec import Spec

COMMAND = ("python", "-m", "tfx_parity.kubeflow.entrypoint")


def load_factory(path: str) -> Callable[..., Pipeline]:
    """Import the function that makes a pipeline.

    Args:
        path: Its import path.

    Raises:
        BadInputError: If there is none.
    """
    module, _, name = path.rpartition(".")
    try:
        factory = getattr(importlib.import_module(module), name) if module else None
    except (ModuleNotFoundError, AttributeError) as error:
        raise BadInputError(
            f"Expected the import path of a function that returns a pipeline, found {path!r}: "
            f"{error}. Check the spelling, and that its folder is on PYTHONPATH."
        ) from error
    if not callable(factory):
        raise BadInputError(
            "Expected the import path of a function that returns a pipeline, such as "
            f"my_package.pipeline.create_pipeline; found {path!r}."
        )
    return factory


def make_pipeline(path: str, arguments: Mapping[str, object]) -> Pipeline:
    """Make a pipeline by its factory.

    Args:
        path: The factory's import path.
        arguments: Its arguments by name; texts are turned into what the factory's annotations name.

    Raises:
        BadInputError: If the factory does not take them, or makes no pipeline.
    """
    factory = load_factory(path)
    signature = inspect.signature(factory)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise BadInputError(
            f"Expected the arguments of {path}{signature}, found {sorted(arguments)}: {error}. "
            "Give them with --set NAME=VALUE."
        ) from error
    pipeline = factory(
        **{name: _typed(value, signature.parameters[name]) for name, value in arguments.items()}
    )
    if not isinstance(pipeline, Pipeline):
        raise BadInputError(
            f"Expected {path} to return a TFX pipeline, found a {type(pipeline).__name__}."
        )
    return pipeline


def compile_pipeline(pipeline: Pipeline, image: str, environment: Mapping[str, str]) -> Spec:
    """Compile a pipeline to schema 2.1.0, the only one that Kubeflow Pipelines takes.

    The same pipeline gives the same spec.

    Args:
        pipeline: The pipeline, with a `pipeline_root` that the steps can write to.
        image: The image of every step, with this package and its pinned set in it.
        environment: Environment variables of every container.

    Raises:
        BadInputError: If a node cannot run on Kubeflow; the message names what can be used instead.
    """
    wishes = Wishes(_defaults(pipeline), _resources(pipeline), environment)
    config = KubeflowV2DagRunnerConfig(
        default_image=image, default_commands=list(COMMAND), use_pipeline_spec_2_1=True
    )
    try:
        job = KubeflowV2DagRunner(config).run(pipeline, write_out=False)
    except (TypeError, ValueError, NotImplementedError, KeyError) as error:
        raise BadInputError(
            f"Expected a pipeline that Kubeflow can run, found what TFX cannot compile: {error}\n"
            "Instead of InfraValidator use CanaryValidator; instead of a Resolver "
            "tfx_parity.pipelines.baseline.LatestBlessedModel or an Importer; name artifact types "
            "of your own package.Class, without PROPERTIES."
        ) from error
    # TFX says it beside the pipeline, in a part of the job that the YAML has no room for.
    root = pipeline.pipeline_info.pipeline_root
    return repair({**job["pipelineSpec"], "defaultPipelineRoot": root}, wishes)


def _defaults(pipeline: Pipeline) -> dict[str, str | int | float | bool]:
    """Return the defaults of a pipeline's runtime parameters."""
    return {
        value.name: value.default
        for component in pipeline.components
        for value in component.exec_properties.values()
        if isinstance(value, RuntimeParameter) and value.default is not None
    }


def _resources(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    """Return the resources of the file-based ExampleGens, which TFX leaves out."""
    return dict(_with_resources(pipeline.components))


def _with_resources(components: list[BaseNode]) -> Iterator[tuple[str, dict[str, Any]]]:
    for component in components:
        if isinstance(component, FileBasedExampleGen) and component.platform_config is not None:
            yield component.id, json_format.MessageToDict(component.platform_config)


def _typed(value: object, parameter: inspect.Parameter) -> object:
    """Return a text as the type that a parameter's annotation begins with."""
    kinds: dict[str, Callable[[str], object]] = {"int": int, "float": float, "bool": _boolean}
    name = str(getattr(parameter.annotation, "__name__", parameter.annotation)).split(" ")[0]
    if not isinstance(value, str) or name not in kinds:
        return value
    try:
        return kinds[name](value)
    except ValueError as error:
        raise BadInputError(
            f"Expected {parameter.name} to be of type {name}, found {value!r}."
        ) from error


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text.lower() == "true"
