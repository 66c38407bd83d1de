"""What TFX's KubeflowV2DagRunner compiles wrongly, mended: pure functions on the compiled pipeline.

Its code is the same from TFX 1.16 to 1.21 (tfx/orchestration/kubeflow/v2). Each function returns a
copy, leaves alone what is right already, and says why it is needed.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfx_parity.errors import BadInputError
from tfx_parity.kubeflow.spec import Spec, dags, executors, tasks

_TASK_SUFFIX = "_task"
_RESOLVER_SUFFIXES = ("-model-blessing-resolver", "-model-resolver")


@dataclass(frozen=True)
class Wishes:
    """What the pipeline says that TFX's compiler leaves out.

    Attributes:
        defaults: The default of each runtime parameter that has one.
        resources: Resources by the ids of components, as the PipelineSpec writes them.
        environment: Environment variables of every container.
    """

    defaults: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def repair(spec: Spec, wishes: Wishes) -> Spec:
    """Return a compiled pipeline that open-source Kubeflow Pipelines 2 takes.

    Args:
        spec: What KubeflowV2DagRunner compiled to schema 2.1.0.
        wishes: What it left out.

    Raises:
        BadInputError: If a node needs what Kubeflow cannot do.
    """
    refuse_resolvers(spec)
    spec = with_defaults(spec, wishes.defaults)
    spec = with_producers(spec)
    spec = with_resources(spec, wishes.resources)
    spec = with_environment(spec, wishes.environment)
    return without_cached_example_gens(spec)


def refuse_resolvers(spec: Spec) -> None:
    """Refuse nodes that ask ML Metadata.

    The server takes the file, and the run fails: "resolver executors not implemented"
    (kubeflow/pipelines, backend/src/v2/driver/dag.go, since 2022).

    Raises:
        BadInputError: If there is one.
    """
    for label, executor in sorted(executors(spec).items()):
        if "resolver" in executor:
            node = label.removesuffix("_executor")
            for suffix in _RESOLVER_SUFFIXES:
                node = node.removesuffix(suffix)
            raise BadInputError(
                f"Expected nodes that run in a container, found the Resolver {node!r}: Kubeflow "
                "Pipelines has none. For the latest blessed model use "
                "tfx_parity.pipelines.baseline.LatestBlessedModel, for other artifacts an Importer."
            )


def with_defaults(spec: Spec, defaults: Mapping[str, str | int | float | bool]) -> Spec:
    """Give the root's parameters their defaults.

    TFX emits a RuntimeParameter's type without its default (pipeline_builder.PipelineBuilder.build)
    and the server then refuses a run that does not set it: "parameter ... is not optional, yet has
    neither default value nor user provided value" (backend/src/apiserver/template/v2_template.go).
    """
    mended = copy.deepcopy(spec)
    parameters = mended["root"].get("inputDefinitions", {}).get("parameters", {})
    for name, parameter in parameters.items():
        if name in defaults:
            parameter.setdefault("defaultValue", defaults[name])
    return mended


def with_producers(spec: Spec) -> Spec:
    """Let parameters name the tasks that produce them.

    TFX appends "_task" to the producer's id where a parameter is another step's output
    (step_builder.StepBuilder.build), a task that there is not.
    """
    mended = copy.deepcopy(spec)
    for _, component in dags(mended):
        names = component["dag"]["tasks"]
        for task in names.values():
            for parameter in task.get("inputs", {}).get("parameters", {}).values():
                output = parameter.get("taskOutputParameter", {})
                producer = output.get("producerTask", "")
                if producer not in names and producer.removesuffix(_TASK_SUFFIX) in names:
                    output["producerTask"] = producer.removesuffix(_TASK_SUFFIX)
    return mended


def with_resources(spec: Spec, resources: Mapping[str, Mapping[str, Any]]) -> Spec:
    """Give containers the resources of their components.

    TFX drops `with_platform_config` of a file-based ExampleGen
    (step_builder.StepBuilder._build_file_based_example_gen_spec,
    https://github.com/tensorflow/tfx/issues/6146).
    """
    mended = copy.deepcopy(spec)
    for name, wanted in resources.items():
        label = mended["components"][name]["executorLabel"]
        executors(mended)[label]["container"].setdefault("resources", dict(wanted))
    return mended


def with_environment(spec: Spec, environment: Mapping[str, str]) -> Spec:
    """Give every container environment variables.

    TFX has no way to say them (https://github.com/tensorflow/tfx/issues/7765).
    """
    mended = copy.deepcopy(spec)
    for executor in executors(mended).values():
        if environment and "container" in executor:
            kept = executor["container"].get("env", [])
            known = {variable["name"] for variable in kept}
            added = [
                {"name": name, "value": value}
                for name, value in sorted(environment.items())
                if name not in known
            ]
            executor["container"]["env"] = kept + added
    return mended


def without_cached_example_gens(spec: Spec) -> Spec:
    """Take no file-based ExampleGen from Kubeflow's cache.

    TFX has its driver compute span and fingerprint of the data before the cache is asked, as
    `lifecycle.preCacheCheck`, which nothing in Kubeflow Pipelines reads: the cache would hand out
    old examples for new data at an unchanged path. Our entrypoint runs the driver in the step.
    """
    mended = copy.deepcopy(spec)
    for _, task in tasks(mended):
        component = mended["components"].get(task["componentRef"]["name"], {})
        executor = executors(mended).get(component.get("executorLabel", ""), {})
        if "lifecycle" in executor.get("container", {}):
            task.pop("cachingOptions", None)
    return mended
