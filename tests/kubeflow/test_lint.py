"""What a compiled pipeline is told of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from compiled_specs import two_steps
from tfx_line import needs_kfp

from tfx_parity.cli.command import cli
from tfx_parity.errors import BadInputError
from tfx_parity.kubeflow.lint_executors import executor_faults
from tfx_parity.kubeflow.lint_tasks import dag_faults
from tfx_parity.kubeflow.spec import dags

Break = Callable[[dict[str, Any]], object]
GEN, STATISTICS = "CsvExampleGen", "StatisticsGen"
TASK = f"root.dag.tasks.{STATISTICS}"
CONTAINER = f"deploymentSpec.executors.{STATISTICS}_executor.container"


def _task(spec: dict[str, Any], name: str = STATISTICS) -> dict[str, Any]:
    task: dict[str, Any] = spec["root"]["dag"]["tasks"][name]
    return task


def _source(spec: dict[str, Any]) -> dict[str, Any]:
    source: dict[str, Any] = _task(spec)["inputs"]["artifacts"]["examples"]["taskOutputArtifact"]
    return source


def _container(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec["deploymentSpec"]["executors"][f"{STATISTICS}_executor"]
    container: dict[str, Any] = found["container"]
    return container


def _set_executor(spec: dict[str, Any], path: str) -> None:
    _container(spec)["args"][1] = path


def _retitle(spec: dict[str, Any], title: str) -> None:
    outputs = spec["components"][STATISTICS]["outputDefinitions"]["artifacts"]
    outputs["statistics"]["artifactType"]["instanceSchema"] = f"title: {title}\n"


def _swap_types(spec: dict[str, Any]) -> None:
    outputs = spec["components"][GEN]["outputDefinitions"]["artifacts"]
    outputs["examples"] = {"artifactType": {"instanceSchema": "title: tfx.Model\n"}}


def test_a_right_pipeline_has_no_faults() -> None:
    """What the tests below break is whole before."""
    spec = two_steps()

    assert [] == [f for place, part in dags(spec) for f in dag_faults(spec, place, part)]
    assert [] == list(executor_faults(spec))


@pytest.mark.parametrize(
    ("break_it", "place", "problem"),
    [
        pytest.param(
            lambda spec: _source(spec).update(producerTask="CsvExampleGen_task"),
            f"{TASK}.inputs.artifacts.examples.taskOutputArtifact.producerTask",
            "there is no task 'CsvExampleGen_task'",
            id="producer",
        ),
        pytest.param(
            lambda spec: _source(spec).update(outputArtifactKey="data"),
            f"{TASK}.inputs.artifacts.examples.taskOutputArtifact.outputArtifactKey",
            "'CsvExampleGen' has no output 'data', only ['examples']",
            id="output",
        ),
        pytest.param(
            lambda spec: _task(spec).pop("dependentTasks"),
            f"{TASK}.inputs.artifacts.examples.taskOutputArtifact.producerTask",
            "'CsvExampleGen' is not among dependentTasks: the step would start before it",
            id="order",
        ),
        pytest.param(
            lambda spec: _task(spec)["dependentTasks"].append("Gone"),
            f"{TASK}.dependentTasks",
            "there is no task 'Gone'",
            id="dependency",
        ),
        pytest.param(
            lambda spec: _task(spec, GEN).update(dependentTasks=[STATISTICS]),
            "root.dag.tasks",
            "tasks wait for each other: CsvExampleGen -> StatisticsGen -> CsvExampleGen",
            id="circle",
        ),
        pytest.param(
            lambda spec: _task(spec).pop("taskInfo"),
            f"{TASK}.taskInfo.name",
            "missing: the driver ends with 'task spec is required'",
            id="task info",
        ),
        pytest.param(
            lambda spec: spec["components"].pop(STATISTICS),
            f"{TASK}.componentRef.name",
            "no component 'StatisticsGen'",
            id="component",
        ),
        pytest.param(
            lambda spec: _task(spec)["inputs"].pop("artifacts"),
            f"{TASK}.inputs.artifacts",
            "the input 'examples' is not given",
            id="missing input",
        ),
        pytest.param(
            lambda spec: _task(spec)["inputs"]["parameters"].update(
                extra={"componentInputParameter": "extra"}
            ),
            f"{TASK}.inputs.parameters.extra.componentInputParameter",
            "no input 'extra' to take",
            id="parent's parameter",
        ),
        pytest.param(
            _swap_types,
            f"{TASK}.inputs.artifacts.examples.taskOutputArtifact",
            "expected a tfx.Examples, found the tfx.Model of 'CsvExampleGen'",
            id="type",
        ),
        pytest.param(
            lambda spec: _task(spec).update(
                triggerPolicy={"condition": "inputs.artifacts['model'].artifacts[0].uri == 'a'"}
            ),
            f"{TASK}.triggerPolicy.condition",
            "asks for the input 'model', which its component does not declare",
            id="condition",
        ),
    ],
)
def test_what_dangles_among_tasks_is_told_with_its_place(
    break_it: Break, place: str, problem: str
) -> None:
    """Neither the proto nor the SDK sees any of it."""
    spec = two_steps()
    break_it(spec)

    faults = [f for where, part in dags(spec) for f in dag_faults(spec, where, part)]

    assert (place, problem) in [(fault.place, fault.problem) for fault in faults]


@pytest.mark.parametrize(
    ("break_it", "place", "problem"),
    [
        pytest.param(
            lambda spec: spec["deploymentSpec"]["executors"][f"{GEN}_executor"].update(resolver={}),
            f"deploymentSpec.executors.{GEN}_executor",
            "a Resolver: the server takes it",
            id="resolver",
        ),
        pytest.param(
            lambda spec: _container(spec).update(image=""),
            f"{CONTAINER}.image",
            "there is none",
            id="no image",
        ),
        pytest.param(
            lambda spec: _container(spec).update(image="registry:5000/tfx-parity:latest"),
            f"{CONTAINER}.image",
            "'registry:5000/tfx-parity:latest' may be another image tomorrow",
            id="latest",
        ),
        pytest.param(
            lambda spec: _container(spec).pop("command"),
            f"{CONTAINER}.command",
            "there is none",
            id="no command",
        ),
        pytest.param(
            lambda spec: _container(spec).update(
                command=[
                    "python",
                    "-m",
                    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
                ]
            ),
            f"{CONTAINER}.command",
            "TFX's own entrypoint",
            id="TFX's entrypoint",
        ),
        pytest.param(
            lambda spec: _set_executor(spec, "__main__.Drift_Executor"),
            f"{CONTAINER}.args",
            "the executor __main__.Drift_Executor lies in the script",
            id="script",
        ),
        pytest.param(
            lambda spec: _set_executor(spec, "tfx_parity.nowhere.Executor"),
            f"{CONTAINER}.args",
            "the executor tfx_parity.nowhere.Executor cannot be imported here",
            id="no module",
        ),
        pytest.param(
            lambda spec: _set_executor(spec, "tfx_parity.canary_validator.executor.Executer"),
            f"{CONTAINER}.args",
            "the executor tfx_parity.canary_validator.executor.Executer cannot be imported here",
            id="no class",
        ),
        pytest.param(
            lambda spec: _container(spec)["args"].__setitem__(5, "{}"),
            f"{CONTAINER}.args",
            "--json_serialized_inputs_spec_args are not the inputDefinitions of its component",
            id="inputs spec",
        ),
        pytest.param(
            lambda spec: _retitle(spec, "tfx_parity.DriftReport"),
            f"components.{STATISTICS}.outputDefinitions.artifacts.statistics.artifactType",
            "'tfx_parity.DriftReport' cannot be imported here",
            id="artifact type",
        ),
    ],
)
def test_what_is_wrong_with_executors_is_told_with_its_place(
    break_it: Break, place: str, problem: str
) -> None:
    """What the server refuses, and what a step would die of."""
    spec = two_steps()
    break_it(spec)

    found = [fault.problem for fault in executor_faults(spec) if fault.place == place]

    assert [problem] == [each[: len(problem)] for each in found]


def test_an_artifact_type_of_our_own_is_found() -> None:
    """The package exports it, as the step that resolves it needs."""
    spec = two_steps()
    _retitle(spec, "tfx_parity.ParityReport")

    assert [] == list(executor_faults(spec))


def _invoke(path: Path) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["kubeflow", "lint", str(path)], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.output


@needs_kfp
@pytest.mark.system
def test_the_command_passes_a_right_pipeline(tmp_path: Path) -> None:
    """The proto and the SDK of Kubeflow Pipelines take the file, too."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump(two_steps()), encoding="utf-8")

    assert (0, f"{path}: 0 errors, 0 warnings\n") == _invoke(path)


@needs_kfp
@pytest.mark.system
@pytest.mark.parametrize(
    ("break_it", "place"),
    [
        pytest.param(lambda spec: spec.update(schemaVersion="2.0.0"), "schemaVersion", id="schema"),
        pytest.param(
            lambda spec: spec["pipelineInfo"].update(name="My_Pipe"), "pipelineInfo.name", id="name"
        ),
        pytest.param(lambda spec: spec.pop("root"), "root", id="root"),
        pytest.param(lambda spec: spec.update(colour="red"), "the file", id="unknown field"),
        pytest.param(
            lambda spec: _container(spec).update(images="a"), "deploymentSpec", id="unknown key"
        ),
        pytest.param(
            lambda spec: spec["deploymentSpec"]["executors"].pop(f"{GEN}_executor"),
            f"components.{GEN}.executorLabel",
            id="executor",
        ),
    ],
)
def test_the_command_fails_a_wrong_pipeline(tmp_path: Path, break_it: Break, place: str) -> None:
    """Each error is a line with its place; the exit code says that there are some."""
    spec = two_steps()
    break_it(spec)
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")

    code, output = _invoke(path)

    assert 1 == code
    assert f"error: {place}: " in output


@needs_kfp
@pytest.mark.system
def test_a_parameter_without_a_default_is_a_warning(tmp_path: Path) -> None:
    """The server takes the file, and refuses a run that does not set it."""
    spec = two_steps()
    spec["root"]["inputDefinitions"] = {"parameters": {"rate": {"parameterType": "NUMBER_DOUBLE"}}}
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")

    code, output = _invoke(path)

    assert 0 == code
    assert "warning: root.inputDefinitions.parameters.rate: has no default" in output


@pytest.mark.parametrize("text", [None, "a: [", "a: 1", "- 1\n---\n- 2"])
def test_what_is_no_compiled_pipeline_is_refused(tmp_path: Path, text: str | None) -> None:
    """A missing file, broken YAML and other YAML are told apart from faults."""
    path = tmp_path / "pipeline.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    with pytest.raises(BadInputError, match="tfx-parity kubeflow compile"):
        _invoke(path)
