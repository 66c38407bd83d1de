"""What dangles among the tasks of a compiled pipeline: the proto and the SDK see none of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml

from tfx_parity.kubeflow.fault import Fault
from tfx_parity.kubeflow.spec import Spec

_RECOMPILE = "Compile it with: tfx-parity kubeflow compile"
_CONDITION_INPUT = re.compile(r"inputs\.artifacts\['([^']+)'\]")
_KINDS = {
    "artifacts": ("taskOutputArtifact", "outputArtifactKey", "componentInputArtifact"),
    "parameters": ("taskOutputParameter", "outputParameterKey", "componentInputParameter"),
}


def dag_faults(spec: Spec, place: str, component: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong among the tasks of one component.

    Args:
        spec: The pipeline.
        place: The component's place in the file.
        component: The component, which has a `dag`.
    """
    tasks: Mapping[str, dict[str, Any]] = component["dag"].get("tasks", {})
    yield from _circle_faults(f"{place}.dag.tasks", tasks)
    for name, task in sorted(tasks.items()):
        where = f"{place}.dag.tasks.{name}"
        for dependency in task.get("dependentTasks", []):
            if dependency not in tasks:
                yield Fault(
                    f"{where}.dependentTasks", f"there is no task {dependency!r}", _RECOMPILE
                )
        if not task.get("taskInfo", {}).get("name"):
            yield Fault(
                f"{where}.taskInfo.name",
                "missing: the driver ends with 'task spec is required'",
                _RECOMPILE,
            )
        reference = task.get("componentRef", {}).get("name", "")
        if reference not in spec.get("components", {}):
            yield Fault(f"{where}.componentRef.name", f"no component {reference!r}", _RECOMPILE)
            continue
        wiring = _Wiring(spec, component, tasks, where, task)
        for kind in _KINDS:
            yield from wiring.faults(kind)
        yield from _condition_faults(where, task, wiring.declared("artifacts"))


@dataclass(frozen=True)
class _Wiring:
    """The inputs of one task.

    Attributes:
        spec: The pipeline.
        parent: The component that the task is a part of.
        tasks: That component's tasks.
        where: The task's place in the file.
        task: The task.
    """

    spec: Spec
    parent: Mapping[str, Any]
    tasks: Mapping[str, dict[str, Any]]
    where: str
    task: Mapping[str, Any]

    def declared(self, kind: str) -> Mapping[str, Any]:
        """Return the inputs that the task's component declares."""
        component = self.spec["components"][self.task["componentRef"]["name"]]
        found: Mapping[str, Any] = component.get("inputDefinitions", {}).get(kind, {})
        return found

    def faults(self, kind: str) -> Iterator[Fault]:
        """Yield what is wrong with the inputs of a kind."""
        given: Mapping[str, Any] = self.task.get("inputs", {}).get(kind, {})
        declared = self.declared(kind)
        for key, source in sorted(given.items()):
            place = f"{self.where}.inputs.{kind}.{key}"
            if key not in declared:
                yield Fault(place, "its component declares no such input", _RECOMPILE)
            yield from self._source_faults(kind, place, source, declared.get(key, {}))
        for key, told in sorted(declared.items()):
            if key not in given and not told.get("isOptional") and "defaultValue" not in told:
                yield Fault(
                    f"{self.where}.inputs.{kind}", f"the input {key!r} is not given", _RECOMPILE
                )

    def _source_faults(
        self, kind: str, place: str, source: Mapping[str, Any], declared: Mapping[str, Any]
    ) -> Iterator[Fault]:
        of_task, _, of_parent = _KINDS[kind]
        if of_task in source:
            yield from self._output_faults(kind, f"{place}.{of_task}", source[of_task], declared)
        elif of_parent in source:
            name = source[of_parent]
            if name not in self.parent.get("inputDefinitions", {}).get(kind, {}):
                yield Fault(f"{place}.{of_parent}", f"no input {name!r} to take", _RECOMPILE)
        elif kind == "artifacts" or not {"runtimeValue", "taskFinalStatus"} & source.keys():
            yield Fault(place, f"expected a source, found {sorted(source)}", _RECOMPILE)

    def _output_faults(
        self, kind: str, place: str, output: Mapping[str, Any], declared: Mapping[str, Any]
    ) -> Iterator[Fault]:
        producer, key = output.get("producerTask", ""), output.get(_KINDS[kind][1], "")
        if producer not in self.tasks:
            yield Fault(f"{place}.producerTask", f"there is no task {producer!r}", _RECOMPILE)
            return
        if producer not in self.task.get("dependentTasks", []):
            yield Fault(
                f"{place}.producerTask",
                f"{producer!r} is not among dependentTasks: the step would start before it",
                _RECOMPILE,
            )
        reference = self.tasks[producer].get("componentRef", {}).get("name", "")
        component = self.spec["components"].get(reference, {})
        outputs = component.get("outputDefinitions", {}).get(kind, {})
        if key not in outputs:
            yield Fault(
                f"{place}.{_KINDS[kind][1]}",
                f"{producer!r} has no output {key!r}, only {sorted(outputs)}",
                _RECOMPILE,
            )
        elif kind == "artifacts" and (made := title(outputs[key])) != (taken := title(declared)):
            yield Fault(place, f"expected a {taken}, found the {made} of {producer!r}", _RECOMPILE)


def title(declared: Mapping[str, Any]) -> str:
    """Return the title of an artifact's type; empty where it has none."""
    told = declared.get("artifactType", {})
    if "schemaTitle" in told:
        return str(told["schemaTitle"])
    schema = yaml.safe_load(told.get("instanceSchema", "")) or {}
    return str(schema.get("title", "")) if isinstance(schema, dict) else ""


def _circle_faults(place: str, tasks: Mapping[str, Any]) -> Iterator[Fault]:
    graph = {name: task.get("dependentTasks", []) for name, task in tasks.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield Fault(place, f"tasks wait for each other: {' -> '.join(error.args[1])}", _RECOMPILE)


def _condition_faults(
    where: str, task: Mapping[str, Any], declared: Mapping[str, Any]
) -> Iterator[Fault]:
    condition = task.get("triggerPolicy", {}).get("condition", "")
    for key in sorted(set(_CONDITION_INPUT.findall(condition)) - declared.keys()):
        yield Fault(
            f"{where}.triggerPolicy.condition",
            f"asks for the input {key!r}, which its component does not declare",
            _RECOMPILE,
        )
