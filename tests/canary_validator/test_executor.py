"""CanaryValidator's executor on real artifacts: blessing, report, and errors of wiring."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tfx_parity.errors import BadInputError

pytestmark = [pytest.mark.tfx, pytest.mark.tensorflow, pytest.mark.native]
PROPERTIES = {
    "max_mismatch_rate": 0.01,
    "confidence": 0.95,
    "tolerances": "{}",
    "without_trainer_predictions": 0,
    "redact": 0,
    "allow_version_mismatch": 0,
    "serving_spec": None,
    "eval_config": None,
}


class _Outputs:
    """Blessing and report artifacts in a folder."""

    def __init__(self, folder: Path) -> None:
        from tfx.types import standard_artifacts

        from tfx_parity import ParityReport

        self.blessing = standard_artifacts.InfraBlessing()
        self.blessing.uri = str(folder / "blessing")
        self.report = ParityReport()
        self.report.uri = str(folder / "report")

    @property
    def channels(self) -> dict[str, list[Any]]:
        return {"blessing": [self.blessing], "report": [self.report]}


def _artifact(kind: str, uri: Path) -> Any:
    from tfx.types import standard_artifacts

    artifact = getattr(standard_artifacts, kind)()
    artifact.uri = str(uri)
    return artifact


@pytest.fixture
def inputs(
    trained_models: dict[str, Any], toy_transform_graph: Path, tmp_path: Path
) -> dict[str, list[Any]]:
    """Return the artifacts of a trained model, laid out as TFX's Trainer does."""
    trained = trained_models["keras 3"]
    shutil.copytree(trained.model, tmp_path / "model" / "Format-Serving")
    return {
        "model": [_artifact("Model", tmp_path / "model")],
        "model_run": [_artifact("ModelRun", trained.run)],
        "transform_graph": [_artifact("TransformGraph", toy_transform_graph)],
    }


def _run(inputs: dict[str, list[Any]], folder: Path, **changes: object) -> _Outputs:
    from tfx_parity.canary_validator.executor import Executor

    outputs = _Outputs(folder)
    Executor().Do(inputs, outputs.channels, PROPERTIES | changes)
    return outputs


def test_a_model_that_answers_alike_is_blessed_as_infra_validator_does(
    inputs: dict[str, list[Any]], tmp_path: Path
) -> None:
    """Pusher's own rule accepts the blessing; the report artifact says what was proven."""
    from tfx.components.util import model_utils

    outputs = _run(inputs, tmp_path / "out")

    assert model_utils.is_infra_validated(outputs.blessing)
    assert ["INFRA_BLESSED"] == [path.name for path in Path(outputs.blessing.uri).iterdir()]
    assert ("PASS", 420, 0) == (
        outputs.report.get_string_custom_property("verdict"),
        outputs.report.get_int_custom_property("examples"),
        outputs.report.get_int_custom_property("mismatching"),
    )
    report = json.loads((Path(outputs.report.uri) / "report.json").read_text())
    assert "PASS" == report["verdict"]


def test_a_canary_that_batches_blesses_the_model_and_the_report_says_so(
    inputs: dict[str, list[Any]], tmp_path: Path
) -> None:
    """The parameters reach the server."""
    outputs = _run(inputs, tmp_path / "out", batching_parameters="max_batch_size { value: 32 }")
    report = json.loads((Path(outputs.report.uri) / "report.json").read_text())

    assert "PASS" == outputs.report.get_string_custom_property("verdict")
    assert report["environment"]["request batching"].startswith("batches of at most 32 rows")


@pytest.mark.parametrize("is_blessed", [True, False])
def test_the_payloads_blessing_is_needed_where_it_is_wired(
    inputs: dict[str, list[Any]], tmp_path: Path, is_blessed: bool
) -> None:
    """A model that answers alike is blessed only where what clients send is, too."""
    from tfx.components.util import model_utils

    payloads = _artifact("InfraBlessing", tmp_path / "payloads")
    payloads.set_int_custom_property("blessed", int(is_blessed))

    outputs = _run({**inputs, "payload_blessing": [payloads]}, tmp_path / "out")

    assert is_blessed == model_utils.is_infra_validated(outputs.blessing)
    assert "PASS" == outputs.report.get_string_custom_property("verdict")


def test_a_damaged_model_is_not_blessed_and_the_component_succeeds(
    inputs: dict[str, list[Any]], tmp_path: Path
) -> None:
    """A failed check is a result: the blessing is written, and says no."""
    from tfx.components.util import model_utils

    (tmp_path / "model" / "Format-Serving" / "assets" / "colour").unlink()

    outputs = _run(inputs, tmp_path / "out")

    assert not model_utils.is_infra_validated(outputs.blessing)
    assert ["INFRA_NOT_BLESSED"] == [path.name for path in Path(outputs.blessing.uri).iterdir()]
    assert "FAIL" == outputs.report.get_string_custom_property("verdict")


def test_a_model_run_of_another_transform_graph_is_an_error_of_wiring(
    inputs: dict[str, list[Any]], toy_transform_graph: Path, tmp_path: Path
) -> None:
    """Artifacts that do not belong together are refused before a server starts."""
    other = tmp_path / "other"
    shutil.copytree(toy_transform_graph, other)
    contract = other / "serving_contract.json"
    digest = json.loads(contract.read_text())["digests"]["transform_graph"]
    contract.write_text(contract.read_text().replace(digest, "f" * 64))
    inputs["transform_graph"] = [_artifact("TransformGraph", other)]

    with pytest.raises(BadInputError, match="Wire CanaryValidator to the very TransformGraphGen"):
        _run(inputs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_trainer_predictions_are_an_error_that_says_the_two_lines(
    inputs: dict[str, list[Any]], tmp_path: Path
) -> None:
    """The error shows the import and the call that run_fn lacks."""
    (tmp_path / "empty").mkdir()
    inputs["model_run"] = [_artifact("ModelRun", tmp_path / "empty")]

    with pytest.raises(BadInputError, match="import record_predictions\n    record_predictions"):
        _run(inputs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_going_on_without_them_is_explicit_and_told(
    inputs: dict[str, list[Any]], toy_transform_graph: Path, tmp_path: Path
) -> None:
    """With examples and the option the canary is compared in process, and the report says so."""
    from tfx.types import artifact_utils

    (folder,) = (toy_transform_graph.parents[2] / "ImportExampleGen" / "examples").iterdir()
    examples = _artifact("Examples", folder)
    examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
    inputs["examples"] = [examples]
    del inputs["model_run"]

    outputs = _run(inputs, tmp_path / "out", without_trainer_predictions=1)

    report = json.loads((Path(outputs.report.uri) / "report.json").read_text())
    assert ("PASS", ["B", "C"]) == (report["verdict"], report["decision"]["headline"])
    assert "without trainer predictions" in report["decision"]["sentence"]


def test_the_binary_is_the_canary_where_it_is_asked_for(
    inputs: dict[str, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report names it: the one of the environment, as the image for Kubeflow says it."""
    import tensorflow as tf
    from model_server_stand_in import write_stand_in

    program = write_stand_in(tmp_path / "tensorflow_model_server", tf.__version__)
    monkeypatch.setenv("TENSORFLOW_MODEL_SERVER", str(program))

    outputs = _run(inputs, tmp_path / "out", server="binary")

    report = json.loads((Path(outputs.report.uri) / "report.json").read_text())
    assert "PASS" == report["verdict"]
    assert report["environment"]["canary"].startswith("binary, TensorFlow ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"server": "docker"}, "Expected server 'native' or 'binary', found 'docker'"),
        ({"server": "binary", "batching_parameters": ""}, "beside server 'binary'"),
        ({"server": "binary", "serving_spec": True}, "'binary' beside a serving_spec"),
    ],
)
def test_two_servers_are_refused(changes: dict[str, Any], message: str) -> None:
    """Whatever cannot be meant together is told before the pipeline runs."""
    from tfx import types
    from tfx.proto import infra_validator_pb2
    from tfx.types import standard_artifacts

    from tfx_parity import CanaryValidator

    if "serving_spec" in changes:
        changes = {**changes, "serving_spec": infra_validator_pb2.ServingSpec()}

    with pytest.raises(ValueError, match=message):
        CanaryValidator(
            model=types.Channel(type=standard_artifacts.Model),
            model_run=types.Channel(type=standard_artifacts.ModelRun),
            **changes,
        )
