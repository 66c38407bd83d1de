"""The penguins pipeline from end to end: one run, looked at from all sides."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tfx_parity.cli import main

if TYPE_CHECKING:
    from penguin_runs import PenguinsRun

pytestmark = pytest.mark.tfx

STEPS = [
    "CsvExampleGen",
    "ImportSchemaGen",
    "StatisticsGen",
    "TransformGraphGen",
    "ExampleValidator",
    "Trainer",
    "PayloadValidator",
    "baseline",
    "CanaryValidator",
    "Evaluator",
    "Pusher",
]
SIGNATURES = {
    "serving_default",
    "serve_raw",
    "transform_features",
    "transform_features_labelled",
    "predict_transformed",
}


@pytest.fixture(scope="module")
def again(penguins_demo: Path) -> PenguinsRun:
    """Return a second run in the folder of a blessed one, of the same data, code and options."""
    from penguin_runs import run_penguins

    return run_penguins(penguins_demo)


def _newest(root: Path, step: str, output: str) -> Path:
    """Return the newest artifact of a step's output."""
    folder = root / "artifacts" / step / output
    return max(folder.iterdir(), key=lambda path: int(path.name))


def test_a_model_is_pushed_with_everything_a_client_needs(penguins_demo: Path) -> None:
    """The pushed version has its signatures, contract, warm-up requests and vocabularies."""
    from tfx_parity.canary.native import NativeBackend

    (pushed,) = (penguins_demo / "serving_model").iterdir()

    assert pushed.name.isdigit()
    extra = {path.name for path in (pushed / "assets.extra").iterdir()}
    assert {"serving_contract.json", "tf_serving_warmup_requests"} <= extra
    assert {"island", "sex"} <= {path.name for path in (pushed / "assets").iterdir()}
    with NativeBackend().start(pushed, startup_deadline_s=60) as canary:
        assert set(canary.client.signature_defs()) == SIGNATURES


def test_every_judge_blessed_it(penguins_demo: Path) -> None:
    """Each judge left the file that Pusher, or CanaryValidator, obeys."""
    assert (_newest(penguins_demo, "Evaluator", "blessing") / "BLESSED").is_file()
    for step in ("PayloadValidator", "CanaryValidator"):
        assert (_newest(penguins_demo, step, "blessing") / "INFRA_BLESSED").is_file()


def test_all_penguins_were_compared(penguins_demo: Path) -> None:
    """The parity sample holds every split: 344 of 344, and none differs."""
    path = _newest(penguins_demo, "CanaryValidator", "report") / "report.json"
    report = json.loads(path.read_bytes())

    assert (report["verdict"], report["causes"]) == ("PASS", [])
    assert (report["decision"]["examples"], report["decision"]["mismatching"]) == (344, 0)


def test_the_metrics_are_the_same_on_both_sides(penguins_demo: Path) -> None:
    """Evaluator's metrics of all penguins, the trainer's and the canary's, by species."""
    path = _newest(penguins_demo, "CanaryValidator", "report") / "report.json"
    sides = json.loads(path.read_bytes())["metrics"]

    assert (sides["missing"], sides["notes"], sides["examples"]) == (None, [], 344)
    counts = {
        tuple(map(tuple, metric["slice"])): metric["canary"]
        for metric in sides["metrics"]
        if metric["name"] == "example_count"
    }
    assert counts == {
        (): 344,
        (("species", "Adelie"),): 152,
        (("species", "Chinstrap"),): 68,
        (("species", "Gentoo"),): 124,
    }
    accuracy = [m for m in sides["metrics"] if m["name"] == "sparse_categorical_accuracy"]
    assert len(accuracy) == 4
    assert all(metric["trainer"] > 0.9 for metric in accuracy)
    assert {
        (metric["trainer"] - metric["canary"], metric["difference"]) for metric in accuracy
    } == {(0, 0)}


def test_the_model_is_good_overall_and_shown_by_species(penguins_demo: Path) -> None:
    """Accuracy on the eval split is above 0.95, and each species has a slice of its own."""
    import tensorflow_model_analysis as tfma

    result = tfma.load_eval_result(str(_newest(penguins_demo, "Evaluator", "evaluation")))

    accuracy = {
        slice_key: metrics[""][""]["sparse_categorical_accuracy"]["doubleValue"]
        for slice_key, metrics in result.slicing_metrics
    }
    assert accuracy[()] > 0.95
    assert {("species", name) for name in ("Adelie", "Chinstrap", "Gentoo")} == {
        part for slice_key in accuracy for part in slice_key
    }


def test_the_data_hold_no_anomaly(penguins_demo: Path) -> None:
    """ExampleValidator finds the penguins, with their missing values, as the schema says."""
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    files = sorted(_newest(penguins_demo, "ExampleValidator", "anomalies").rglob("*.pb"))

    assert [file.parent.name for file in files] == ["Split-eval", "Split-train"]
    for file in files:
        assert dict(anomalies_pb2.Anomalies.FromString(file.read_bytes()).anomaly_info) == {}


def test_the_examples_are_split_three_to_two(penguins_demo: Path) -> None:
    """No penguin is lost, and about three fifths are trained on."""
    import tensorflow as tf

    examples = _newest(penguins_demo, "CsvExampleGen", "examples")
    counts = {
        name: sum(
            1
            for file in (examples / f"Split-{name}").iterdir()
            for _ in tf.data.TFRecordDataset(str(file), compression_type="GZIP")
        )
        for name in ("train", "eval")
    }

    assert sum(counts.values()) == 344
    assert 0.55 < counts["train"] / 344 < 0.65


def test_a_second_run_is_all_from_the_cache_and_says_so(again: PenguinsRun) -> None:
    """Nothing runs again, nothing is pushed twice, and each line says why it took no time."""
    steps = [line.split(maxsplit=4) for line in again.screen.splitlines() if " s" in line][1:]
    lines = steps[: len(STEPS)]

    assert [[step, "from the cache"] for step in STEPS] == [
        [line[1], line[4] if len(line) > 4 else ""] for line in lines
    ]
    assert len(again.pushed) == 1
    assert again.exit_code == 0


def test_the_screen_holds_a_line_a_step_and_the_log_the_noise(again: PenguinsRun) -> None:
    """TFX's, TensorFlow's and Beam's messages are in the log, complete, and not on the screen."""
    loading, *lines = again.screen.splitlines()
    logs = sorted((again.root / "logs").iterdir())
    first_log = logs[0].read_text(encoding="utf-8")

    assert re.fullmatch(r"done loading TFX +\d+\.\d s", loading)
    assert [
        line for line in lines[: len(STEPS)] if not re.match(r"done \w+ +\d+\.\d s", line)
    ] == []
    assert [step for step in STEPS if f"absl: Component {step} is running." not in first_log] == []
    assert "accuracy:" in first_log
    assert not re.search(r"INFO|WARNING|Traceback|absl|Warning", again.screen)


def test_the_end_says_where_everything_is(again: PenguinsRun) -> None:
    """Verdict, report, log and pushed model are named, and all of them are there."""
    ends = dict(re.findall(r"^(report|log|pushed) +(/.*)$", again.screen, re.MULTILINE))

    assert "PASS  0 of 344 examples differ: under 0.87% at 95% confidence" in again.screen
    assert again.report_path.with_suffix(".html") == Path(ends["report"])
    assert again.pushed[0] == Path(ends["pushed"])
    assert Path(ends["log"]).is_file()


def test_the_commands_that_are_suggested_work(again: PenguinsRun) -> None:
    """The base path that is to be served is the pushed model's, and the request is answered."""
    from tfx_parity.canary.native import NativeBackend

    serve, curl = (
        shlex.split(line)
        for line in again.screen.splitlines()
        if line.startswith(("  tfx-parity serve", "  curl"))
    )
    flags = dict(flag.removeprefix("--").split("=") for flag in serve if "=" in flag)
    request = json.loads(curl[curl.index("-d") + 1])

    assert flags["model_name"] == "penguins"
    assert f":{flags['rest_api_port']}/v1/models/penguins:predict" in curl[1]
    model = max(Path(flags["model_base_path"]).iterdir())
    with NativeBackend().start(model, startup_deadline_s=60) as canary:
        answer = canary.client.predict_rows(request["signature_name"], request["instances"])
    (probabilities,) = answer.values()
    np.testing.assert_allclose([1.0], probabilities.sum(axis=1), rtol=1e-5)


def test_a_step_that_fails_says_why_and_where(
    penguins_demo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run_fn of one's own, in the current folder, that raises: its error, its line, the log."""
    monkeypatch.chdir(tmp_path)
    module = tmp_path / "my_model.py"
    module.write_text("def run_fn(fn_args):\n    raise KeyError('beak')\n", encoding="utf-8")

    with pytest.raises(SystemExit) as left:
        main(["run", "penguins", "--root", str(penguins_demo), "--run-fn", "my_model.run_fn"])

    screen = capsys.readouterr()
    (log,) = re.findall(r"^The full log: (.*)$", screen.err, re.MULTILINE)
    assert left.value.code == 2
    assert re.search(r"^failed Trainer +\d", screen.out, re.MULTILINE)
    assert f"Error: Trainer failed. KeyError: 'beak'\nat {module}:2 in run_fn\n" in screen.err
    assert "Traceback" not in screen.out + screen.err
    assert "KeyError: 'beak'" in Path(log).read_text(encoding="utf-8")


def test_a_changed_run_fn_is_not_served_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source behind an import path is among the Trainer's and the transform's parameters."""
    from tfx_parity.pipelines.penguins.pipeline import create_pipeline

    monkeypatch.syspath_prepend(str(tmp_path))
    parameters = []
    for text in ("1", "2"):
        (tmp_path / "changing.py").write_text(text, encoding="utf-8")
        pipeline = create_pipeline(
            pipeline_root="r",
            data_root="d",
            serving_model_dir="s",
            run_fn="changing.run_fn",
            preprocessing_fn="changing.preprocessing_fn",
        )
        parameters.append(
            {node.id: node.exec_properties.get("custom_config") for node in pipeline.components}
        )

    changed = {name for name in parameters[0] if parameters[0][name] != parameters[1][name]}
    assert {"TransformGraphGen", "Trainer"} == changed
