"""Runs a compiled pipeline on this machine, each step as the launcher would start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from tfx_parity.errors import BadInputError
from tfx_parity.kubeflow.executor_input import ExecutorInput, with_driver_output
from tfx_parity.kubeflow.launchers import Artifact, KubeflowLauncher, Launcher, VertexLauncher
from tfx_parity.kubeflow.placeholders import filled
from tfx_parity.kubeflow.spec import Spec, executors

LAUNCHERS: Mapping[str, type[KubeflowLauncher] | type[VertexLauncher]] = {
    "kubeflow": KubeflowLauncher,
    "vertex": VertexLauncher,
}
_LOG_LINES = 25


class LocalRun:
    """A run of a compiled pipeline.

    What is played is the contract between a launcher and a step (command, arguments,
    ExecutorInput, files, ExecutorOutput), not the scheduler: conditions, exit handlers and caching
    are refused or left out.

    Attributes:
        root: The folder of everything that the run writes.
        artifacts: The output artifacts of the steps that have run, by task and key, as
            RuntimeArtifacts in proto3's JSON names.
    """

    def __init__(
        self,
        spec: Spec,
        root: Path,
        launcher: str = "kubeflow",
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            spec: The compiled pipeline.
            root: An empty folder for everything that the run writes.
            launcher: `kubeflow` or `vertex`.
            parameters: Values of the pipeline's own parameters; what is no text as JSON.

        Raises:
            BadInputError: If the pipeline has what only a scheduler can do, or a parameter is
                unknown or of another type.
        """
        self.artifacts: dict[tuple[str, str], Artifact] = {}
        self._spec = spec
        self.root = root.resolve()
        self._launcher: Launcher = LAUNCHERS[launcher](self.root)
        self._parameters = dict(_parameters(spec, parameters or {}))
        self._parameter_outputs: dict[tuple[str, str], object] = {}
        self._tasks: Mapping[str, dict[str, Any]] = spec["root"]["dag"]["tasks"]
        for name, task in self._tasks.items():
            label = self._component(name).get("executorLabel", "")
            is_step = "container" in executors(spec).get(label, {})
            if "triggerPolicy" in task or not is_step:
                raise BadInputError(
                    f"Expected steps that run in a container, found that {name} has a condition or "
                    "is an importer, an exit handler or a pipeline of its own: those are for the "
                    "server. Run it on a cluster."
                )

    def order(self) -> list[str]:
        """Return the tasks in an order in which they can run.

        Raises:
            BadInputError: If they depend on each other in a circle.
        """
        graph = {name: sorted(task.get("dependentTasks", [])) for name, task in self._tasks.items()}
        try:
            return list(TopologicalSorter(dict(sorted(graph.items()))).static_order())
        except CycleError as error:
            raise BadInputError(
                f"Expected tasks that can run one after another, found a circle: {error.args[1]}."
            ) from error

    def run(self, name: str) -> None:
        """Run one task, whose producers have run.

        Args:
            name: The task's name.

        Raises:
            BadInputError: If its process fails; the message holds the end of its log.
        """
        container = executors(self._spec)[self._component(name)["executorLabel"]]["container"]
        given = self._executor_input(name)
        self._launcher.bring(name, given)
        hook = container.get("lifecycle", {}).get("preCacheCheck")
        if hook and self._launcher.runs_hooks:
            self._execute(f"{name}.preCacheCheck", name, hook, given)
            given = with_driver_output(given, _output(given))
        self._execute(name, name, container, given)
        self._launcher.take(name, given)
        self._record(name, given)

    def log(self, name: str) -> Path:
        """Return the file that holds what a task's process printed."""
        return self.root / "logs" / f"{name}.log"

    def _component(self, task: str) -> dict[str, Any]:
        component: dict[str, Any] = self._spec["components"][
            self._tasks[task]["componentRef"]["name"]
        ]
        return component

    def _executor_input(self, name: str) -> ExecutorInput:
        inputs, component = self._tasks[name].get("inputs", {}), self._component(name)
        artifacts = {
            key: {"artifacts": [self._launcher.as_input(self._produced(source))]}
            for key, source in inputs.get("artifacts", {}).items()
        }
        outputs = {
            key: {"artifacts": [self._provision(name, key, declared)]}
            for key, declared in _declared(component, "outputDefinitions", "artifacts")
        }
        parameters = {
            key: {"outputFile": str(self.root / "parameters" / name / key)}
            for key, _ in _declared(component, "outputDefinitions", "parameters")
        }
        return {
            "inputs": {"parameterValues": dict(self._values(name)), "artifacts": artifacts},
            "outputs": {
                "artifacts": {**outputs, **self._launcher.own_outputs(name)},
                "parameters": parameters,
                "outputFile": self._launcher.output_file(name),
            },
        }

    def _produced(self, source: Mapping[str, Any]) -> Artifact:
        output = source["taskOutputArtifact"]
        return self.artifacts[output["producerTask"], output["outputArtifactKey"]]

    def _provision(self, task: str, key: str, declared: Mapping[str, Any]) -> Artifact:
        uri = self._launcher.uri(task, key)
        return {"name": key, "uri": uri, "type": declared["artifactType"], "metadata": {}}

    def _values(self, name: str) -> Iterator[tuple[str, object]]:
        """Yield a task's parameters with their values."""
        for key, source in self._tasks[name].get("inputs", {}).get("parameters", {}).items():
            if "runtimeValue" in source:
                yield key, source["runtimeValue"]["constant"]
            elif "taskOutputParameter" in source:
                output = source["taskOutputParameter"]
                produced = output["producerTask"], output["outputParameterKey"]
                yield key, self._parameter_outputs[produced]
            else:
                parameter = source["componentInputParameter"]
                if parameter not in self._parameters:
                    raise BadInputError(
                        f"Expected a value of the parameter {parameter!r}, which has no default; "
                        f"found values of {sorted(self._parameters)}."
                    )
                yield key, self._parameters[parameter]

    def _execute(
        self, log: str, task: str, container: Mapping[str, Any], given: ExecutorInput
    ) -> None:
        """Run a container's command in a process and wait for its end."""
        command = [filled(text, given) for text in (*container["command"], *container["args"])]
        folder = self.root / "work" / task
        for path in (folder, self.log(log).parent, Path(given["outputs"]["outputFile"]).parent):
            path.mkdir(parents=True, exist_ok=True)
        with self.log(log).open("wb") as output:
            done = subprocess.run(
                command,
                cwd=folder,
                env=_environment(container, self._launcher.environment(task)),
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            lines = self.log(log).read_text(encoding="utf-8", errors="replace").splitlines()
            raise BadInputError(
                f"{log} ended with exit code {done.returncode}. The end of {self.log(log)}:\n"
                + "\n".join(lines[-_LOG_LINES:])
            )

    def _record(self, name: str, given: ExecutorInput) -> None:
        """Record what a step put out, as the launcher does in ML Metadata."""
        output = _output(given)
        for key, declared in _declared(self._component(name), "outputDefinitions", "artifacts"):
            told = output.get("artifacts", {}).get(key, {"artifacts": [{}]})["artifacts"][0]
            self.artifacts[name, key] = {
                "name": str(len(self.artifacts) + 1),
                "uri": told.get("uri") or self._launcher.uri(name, key),
                "type": declared["artifactType"],
                "metadata": told.get("metadata", {}),
            }
        for key, value in output.get("parameterValues", {}).items():
            self._parameter_outputs[name, key] = value


def _parameters(spec: Spec, given: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    """Yield the pipeline's parameters that are given or have a default, with their values."""
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    if unknown := sorted(given.keys() - declared.keys()):
        raise BadInputError(f"Expected parameters of {sorted(declared)}, found {unknown}.")
    for name, told in declared.items():
        if name in given:
            yield name, _typed(name, given[name], told["parameterType"])
        elif "defaultValue" in told:
            yield name, told["defaultValue"]


def _typed(name: str, text: str, kind: str) -> object:
    if kind == "STRING":
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInputError(f"Expected {name} to be a {kind}, found {text!r}.") from error


def _declared(
    component: Mapping[str, Any], side: str, kind: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from sorted(component.get(side, {}).get(kind, {}).items())


def _output(given: ExecutorInput) -> dict[str, Any]:
    path = Path(given["outputs"]["outputFile"])
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _environment(container: Mapping[str, Any], further: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a step's process, whose `python` is this one."""
    own = {variable["name"]: variable["value"] for variable in container.get("env", [])}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, **own, **further, "PATH": path}
