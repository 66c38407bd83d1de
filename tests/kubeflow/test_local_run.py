"""The compiled penguins pipeline, each step in a process of its own as a launcher starts it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from compiled_specs import two_steps
from tfx_line import needs_kfp

from tfx_parity.cli.command import cli
from tfx_parity.errors import BadInputError
from tfx_parity.kubeflow.local_run import LocalRun
from tfx_parity.kubeflow.spec import read_spec


class Compiled(NamedTuple):
    """A compiled pipeline, and where it pushes to."""

    spec: dict[str, Any]
    pushed_to: Path


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """The penguins pipeline, compiled by the command and found without a fault by it."""
    from tfx_parity.pipelines.penguins.data import read_penguins, write_penguins
    from tfx_parity.schemas import schema_path

    root = tmp_path_factory.mktemp("compiled")
    path, serving = root / "pipeline.yaml", root / "serving"
    settings = {
        "data_root": write_penguins(root / "data", read_penguins(None)).parent,
        "schema_file": schema_path("penguins"),
        "serving_model_dir": serving,
        "canary_server": "native",
    }
    arguments = [text for name, value in settings.items() for text in ("--set", f"{name}={value}")]
    for command in (["compile", "--output", str(path), *arguments], ["lint", str(path)]):
        done = CliRunner().invoke(cli, ["kubeflow", *command], standalone_mode=False)
        assert done.exception is None, done.output
        assert not done.return_value, done.output
    return Compiled(read_spec(path), serving)


@pytest.fixture(scope="module")
def kubeflow_run(compiled: Compiled, tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    """A run of all steps as open-source Kubeflow Pipelines starts them."""
    run = LocalRun(compiled.spec, tmp_path_factory.mktemp("kubeflow"), "kubeflow")
    for name in run.order():
        run.run(name)
    return run


def _stored(run: LocalRun, task: str, key: str) -> Path:
    """Return where the store holds an artifact."""
    uri: str = run.artifacts[task, key]["uri"]
    return run.root / "store" / uri.removeprefix("minio://")


def _report(run: LocalRun) -> dict[str, Any]:
    path = _stored(run, "CanaryValidator", "report") / "report.json"
    report: dict[str, Any] = json.loads(path.read_text())
    return report


def _restarted(run: LocalRun, compiled: Compiled, root: Path, launcher: str) -> LocalRun:
    """Return a new run that has what another one put out."""
    new = LocalRun(compiled.spec, root, launcher)
    new.artifacts.update(run.artifacts)
    return new


@needs_kfp
@pytest.mark.tfx
@pytest.mark.long_runs
def test_the_whole_pipeline_runs_as_open_source_kubeflow_starts_it(
    kubeflow_run: LocalRun, compiled: Compiled
) -> None:
    """Blessed by Evaluator and canary, proven by the report in the store, pushed."""
    report = json.loads(
        (_stored(kubeflow_run, "CanaryValidator", "report") / "report.json").read_text()
    )

    assert "PASS" == report["verdict"]
    assert 1.0 == kubeflow_run.artifacts["CanaryValidator", "blessing"]["metadata"]["blessed"]
    assert 1.0 == kubeflow_run.artifacts["Evaluator", "blessing"]["metadata"]["blessed"]
    assert ["saved_model.pb"] == [path.name for path in compiled.pushed_to.glob("*/saved_model.pb")]


@needs_kfp
@pytest.mark.tfx
@pytest.mark.long_runs
def test_artifacts_are_named_by_their_uris_and_lie_in_the_store(kubeflow_run: LocalRun) -> None:
    """No step tells the local path that it worked on, and none leaves its files behind."""
    for (task, key), artifact in kubeflow_run.artifacts.items():
        assert f"minio://mlpipeline/v2/artifacts/{task}/{key}" == artifact["uri"]
        files = [path for path in _stored(kubeflow_run, task, key).rglob("*") if path.is_file()]
        assert files, (task, key)
    model = kubeflow_run.artifacts["Evaluator", "blessing"]["metadata"]["current_model"]
    assert "minio://mlpipeline/v2/artifacts/Trainer/model" == model


@needs_kfp
@pytest.mark.tfx
@pytest.mark.long_runs
def test_examples_carry_span_and_fingerprint(kubeflow_run: LocalRun) -> None:
    """The entrypoint ran ExampleGen's driver, which nothing in Kubeflow does."""
    metadata = kubeflow_run.artifacts["CsvExampleGen", "examples"]["metadata"]

    assert 0.0 == metadata["custom:span"]
    assert metadata["input_fingerprint"].startswith("split:all,num_files:1,")


@needs_kfp
@pytest.mark.tfx
@pytest.mark.long_runs
def test_a_model_that_does_not_serve_alike_is_not_pushed(
    kubeflow_run: LocalRun, compiled: Compiled, tmp_path: Path
) -> None:
    """The blessing says no across the store, and Pusher obeys it: both steps succeed."""
    pushed = sorted(compiled.pushed_to.iterdir())
    run = _restarted(kubeflow_run, compiled, tmp_path, "kubeflow")
    shutil.copytree(kubeflow_run.root / "store", tmp_path / "store")
    for vocabulary in (_stored(run, "Trainer", "model") / "Format-Serving" / "assets").iterdir():
        vocabulary.unlink()

    run.run("CanaryValidator")
    run.run("Pusher")

    report = _report(run)
    assert ("FAIL", "MISSING_ASSET") == (report["verdict"], report["causes"][0]["code"])
    assert 0.0 == run.artifacts["CanaryValidator", "blessing"]["metadata"]["blessed"]
    assert 0.0 == run.artifacts["Pusher", "pushed_model"]["metadata"]["pushed"]
    assert pushed == sorted(compiled.pushed_to.iterdir())


@needs_kfp
@pytest.mark.tfx
@pytest.mark.long_runs
def test_steps_run_as_vertex_ai_starts_them(
    kubeflow_run: LocalRun, compiled: Compiled, tmp_path: Path
) -> None:
    """With types, in place, and ExampleGen's driver run before the step: the same artifacts."""
    run = LocalRun(compiled.spec, tmp_path, "vertex")
    schema = kubeflow_run.artifacts["ImportSchemaGen", "schema"]
    path = str(_stored(kubeflow_run, "ImportSchemaGen", "schema"))
    run.artifacts["ImportSchemaGen", "schema"] = {**schema, "uri": path}

    run.run("CsvExampleGen")
    run.run("StatisticsGen")

    metadata = run.artifacts["CsvExampleGen", "examples"]["metadata"]
    assert kubeflow_run.artifacts["CsvExampleGen", "examples"]["metadata"] == metadata
    assert run.log("CsvExampleGen.preCacheCheck").is_file()
    statistics = run.artifacts["StatisticsGen", "statistics"]
    assert '["train", "eval"]' == statistics["metadata"]["split_names"]
    assert (Path(statistics["uri"]) / "Split-train" / "FeatureStats.pb").is_file()


@needs_kfp
@pytest.mark.tfx
@pytest.mark.long_runs
def test_the_latest_span_is_found_without_the_servers_help(tmp_path: Path) -> None:
    """Patterns are resolved in the step itself."""
    from kubeflow_steps import create_pipeline

    from tfx_parity.kubeflow.compiling import compile_pipeline

    for span in (1, 2):
        (tmp_path / "data" / f"span-{span}").mkdir(parents=True)
        (tmp_path / "data" / f"span-{span}" / "a.csv").write_text("a,b\n1,2\n" * span)
    pipeline = create_pipeline("minio://bucket/root", str(tmp_path / "data"))
    run = LocalRun(compile_pipeline(pipeline, "a:1", {}), tmp_path / "run")

    run.run("CsvExampleGen")

    assert 2.0 == run.artifacts["CsvExampleGen", "examples"]["metadata"]["custom:span"]


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda tasks: tasks["StatisticsGen"].update(triggerPolicy={"condition": "true"}),
            "StatisticsGen has a condition",
            id="condition",
        ),
        pytest.param(
            lambda tasks: tasks["CsvExampleGen"].update(dependentTasks=["StatisticsGen"]),
            "found a circle",
            id="circle",
        ),
    ],
)
def test_what_only_a_scheduler_can_do_is_refused(
    tmp_path: Path, change: Change, message: str
) -> None:
    """Nothing is run, rather than something else than on a cluster."""
    spec = two_steps()
    change(spec["root"]["dag"]["tasks"])

    with pytest.raises(BadInputError, match=message):
        LocalRun(spec, tmp_path).order()


def _with_rate(**told: object) -> dict[str, Any]:
    """Return a pipeline with a number as its parameter, which its first step takes."""
    spec = two_steps()
    rate = {"parameterType": "NUMBER_DOUBLE", **told}
    spec["root"]["inputDefinitions"] = {"parameters": {"rate": rate}}
    inputs = spec["root"]["dag"]["tasks"]["CsvExampleGen"]["inputs"]["parameters"]
    inputs["input_base"] = {"componentInputParameter": "rate"}
    container = spec["deploymentSpec"]["executors"]["CsvExampleGen_executor"]["container"]
    container.update(command=["echo"], args=["{{$.inputs.parameters['input_base']}}"])
    return spec


@pytest.mark.system
@pytest.mark.parametrize(
    ("given", "expected"), [({}, "0.5"), ({"rate": "0.25"}, "0.25"), ({"rate": "2"}, "2")]
)
def test_a_parameter_is_the_given_one_or_its_default(
    tmp_path: Path, given: dict[str, str], expected: str
) -> None:
    """Of the type that the pipeline declares."""
    run = LocalRun(_with_rate(defaultValue=0.5), tmp_path, parameters=given)

    run.run("CsvExampleGen")

    assert f"{expected}\n" == run.log("CsvExampleGen").read_text()


def test_parameters_that_a_server_refuses_are_refused(tmp_path: Path) -> None:
    """Unknown ones, those of another type, and those without a value."""
    with pytest.raises(BadInputError, match=r"parameters of \['rate'\], found \['speed'\]"):
        LocalRun(_with_rate(), tmp_path, parameters={"speed": "1"})
    with pytest.raises(BadInputError, match="rate to be a NUMBER_DOUBLE, found 'fast'"):
        LocalRun(_with_rate(), tmp_path, parameters={"rate": "fast"})
    with pytest.raises(BadInputError, match="a value of the parameter 'rate'"):
        LocalRun(_with_rate(), tmp_path).run("CsvExampleGen")


@pytest.mark.system
def test_a_step_that_fails_says_how_and_where_its_log_is(tmp_path: Path) -> None:
    """With its exit code and the end of what it printed."""
    spec = two_steps()
    container = spec["deploymentSpec"]["executors"]["CsvExampleGen_executor"]["container"]
    container.update(command=["python", "-c"], args=["print('the end'); raise SystemExit(7)"])
    run = LocalRun(spec, tmp_path)

    with pytest.raises(BadInputError, match=r"(?s)CsvExampleGen ended with exit code 7.*the end"):
        run.run("CsvExampleGen")


@pytest.mark.system
def test_a_step_gets_the_executor_input_its_environment_and_a_folder_of_its_own(
    tmp_path: Path,
) -> None:
    """The placeholder becomes JSON with an output of Kubeflow's own, in one argument."""
    spec = two_steps()
    container = spec["deploymentSpec"]["executors"]["CsvExampleGen_executor"]["container"]
    script = "import os, sys; print(os.environ['A'], os.getcwd()); print(sys.argv[1])"
    container.update(
        command=["python", "-c", script], args=["{{$}}"], env=[{"name": "A", "value": "1"}]
    )
    run = LocalRun(spec, tmp_path)

    run.run("CsvExampleGen")

    first, second = run.log("CsvExampleGen").read_text().splitlines()
    given = json.loads(second)
    assert f"1 {tmp_path / 'work' / 'CsvExampleGen'}" == first
    assert {"input_base": "/data"} == given["inputs"]["parameterValues"]
    assert ["examples", "executor-logs"] == sorted(given["outputs"]["artifacts"])
