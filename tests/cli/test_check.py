"""`tfx-parity check` on real models: verdicts, codes, exit codes, files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tfx_parity import schemas

pytestmark = [pytest.mark.native, pytest.mark.tensorflow, pytest.mark.tfx]
SCHEMA = json.loads((Path(schemas.__file__).parent / "parity_report.schema.json").read_text())


def _check(model: Path, run: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    code = "import sys; from tfx_parity.cli import main; main(sys.argv[1:])"
    arguments = ["check", str(model), "--predictions", str(run), "--json", *options]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


@pytest.fixture
def copied(trained_models: dict[str, Any], tmp_path: Path) -> Any:
    """Return a copy of a trained Keras 3 model that a test may damage."""
    trained = trained_models["keras 3"]
    shutil.copytree(trained.model, tmp_path / "model")
    shutil.copytree(trained.run, tmp_path / "run")
    return type(trained)(tmp_path / "model", tmp_path / "run")


def test_json_is_the_report_alone_and_fits_the_schema(copied: Any, tmp_path: Path) -> None:
    """Standard output is one JSON document of the published schema; the file holds the same."""
    code, report, _ = _check(copied.model, copied.run, "--report", str(tmp_path / "out"))

    jsonschema_rs.validate(SCHEMA, report)
    assert (code, report["verdict"], report["causes"]) == (0, "PASS", [])
    assert report == json.loads((tmp_path / "out" / "report.json").read_text())
    assert "<strong>PASS</strong>" in (tmp_path / "out" / "report.html").read_text()


def test_a_redacted_report_holds_nothing_that_clients_sent(copied: Any, tmp_path: Path) -> None:
    """With --redact the raw examples are in no file and on no screen; without it they are."""
    _change_vocabulary(copied.model)
    folders = {"open": (), "redacted": ("--redact",)}
    texts = {}
    for name, options in folders.items():
        folder = tmp_path / name
        _, report, screen = _check(copied.model, copied.run, "--report", str(folder), *options)
        files = [path.read_text() for path in folder.glob("report.*")]
        texts[name] = "\n".join([json.dumps(report, ensure_ascii=False), screen, *files])
        jsonschema_rs.validate(SCHEMA, report)

    colours = ("red", "green", "blue", "grün")
    shown = {
        name: [colour for colour in colours if f'"{colour}"' in text or f">{colour}<" in text]
        for name, text in texts.items()
    }
    assert shown["open"]
    assert [] == shown["redacted"]
    assert "repro.zip" not in {path.name for path in (tmp_path / "redacted").iterdir()}


def test_the_same_check_gives_the_same_report(copied: Any) -> None:
    """Two checks of the same model and predictions differ in no byte of their report."""
    assert _check(copied.model, copied.run)[1] == _check(copied.model, copied.run)[1]


def test_a_base_path_with_versions_is_a_model(copied: Any, tmp_path: Path) -> None:
    """The latest numbered version below a base path is checked."""
    base = tmp_path / "base"
    base.mkdir()
    copied.model.rename(base / "7")

    code, report, _ = _check(base, copied.run)

    assert (0, str(base / "7")) == (code, report["environment"]["model"])


def _truncate(model: Path) -> None:
    graph = model / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])


def _lose_vocabulary(model: Path) -> None:
    (model / "assets" / "colour").unlink()


def _change_vocabulary(model: Path) -> None:
    path = model / "assets" / "colour"
    path.write_bytes(b"\n".join(reversed(path.read_bytes().splitlines())) + b"\n")


def _spoil_warmup(model: Path) -> None:
    (model / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no records")


def _lose_variables(model: Path) -> None:
    shutil.rmtree(model / "variables")


@pytest.mark.parametrize(
    ("damage", "code", "place"),
    [
        (_truncate, "LOAD_FAILED", "model"),
        (_lose_variables, "UNINITIALISED", "variables "),
        (_lose_vocabulary, "MISSING_ASSET", "assets/colour"),
        (_spoil_warmup, "WARMUP_FAILED", "tf_serving_warmup_requests"),
        (_change_vocabulary, "TRANSFORM_GRAPH_STALE", "model"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_a_damaged_model_fails_by_its_code(copied: Any, damage: Any, code: str, place: str) -> None:
    """A model that is there and wrong is FAIL, with the code and the file, never an error."""
    damage(copied.model)

    exit_code, report, _ = _check(copied.model, copied.run)

    jsonschema_rs.validate(SCHEMA, report)
    assert (1, "FAIL", code) == (exit_code, report["verdict"], report["causes"][0]["code"])
    assert place in report["causes"][0]["place"]


def test_predictions_of_another_transform_graph_are_stale(copied: Any) -> None:
    """Predictions recorded under another run of the graph fail with its code."""
    folder = copied.run / "trainer_predictions"
    contract = (folder / "serving_contract.json").read_text()
    digest = json.loads(contract)["digests"]["transform_graph"]
    other = contract.replace(digest, "0" * 64).encode()
    (folder / "serving_contract.json").write_bytes(other)
    _renew_digest(folder, "serving_contract.json")

    exit_code, report, _ = _check(copied.model, copied.run)

    assert (exit_code, report["causes"][0]["code"]) == (1, "TRANSFORM_GRAPH_STALE")
    assert "000000000000" in report["causes"][0]["evidence"]["detail"]


def _renew_digest(folder: Path, name: str) -> None:
    from tfx_parity.files import canonical_json, sha256_of_file

    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"][name] = sha256_of_file(folder / name)
    (folder / "manifest.json").write_bytes(canonical_json(manifest))


def test_a_keras_3_model_that_only_eager_python_can_run_is_uninitialised(
    trained_models: dict[str, Any], toy_transform_graph: Path, tmp_path: Path
) -> None:
    """The session fails every request, eager Python answers it: both are told."""
    import tensorflow as tf
    import toy_models

    from tfx_parity.training import ServableModel, ServingModule, TransformGraph

    graph = TransformGraph(str(toy_transform_graph))
    model = toy_models.keras_3()
    module = ServingModule(ServableModel(model, graph.contract), graph)
    module.resources = []
    module.model, module.layer = model, graph.layer
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.signatures())

    exit_code, report, _ = _check(tmp_path / "model", trained_models["keras 3"].run)

    cause = report["causes"][0]
    assert (exit_code, report["verdict"], cause["code"]) == (1, "FAIL", "UNINITIALISED")
    assert "eager Python answers the same request" in cause["evidence"]["detail"]


def test_a_model_of_another_tensorflow_is_told(copied: Any) -> None:
    """A model that another minor version wrote is not proven by this server."""
    from tfx_parity.protos import SavedModel

    graph = copied.model / "saved_model.pb"
    saved = SavedModel.FromString(graph.read_bytes())
    for meta_graph in saved.meta_graphs:
        meta_graph.meta_info_def.tensorflow_version = "2.11.1"
    graph.write_bytes(saved.SerializeToString())

    exit_code, report, _ = _check(copied.model, copied.run)

    assert (1, ["VERSION_MISMATCH"]) == (exit_code, [c["code"] for c in report["causes"]])
    assert "TensorFlow 2.11 in the model" in report["causes"][0]["place"]


def test_predictions_without_the_trainers_folder_are_compared_alone(copied: Any) -> None:
    """A plain file of PredictionLogs is enough; the report names the arms that it lacks."""
    logs = copied.run / "trainer_predictions" / "predictions.tfrecord"

    exit_code, report, _ = _check(copied.model, logs)

    missing = {arm["name"] for arm in report["arms"] if arm["missing"]}
    assert (0, {"M", "A", "Bt", "Ct", "Rr"}) == (exit_code, missing)


def test_too_few_predictions_are_inconclusive(copied: Any, tmp_path: Path) -> None:
    """Twenty examples that agree prove nothing about one percent: exit code 4."""
    from tfx_parity.tfrecord import read_records, write_records

    logs = list(read_records(copied.run / "trainer_predictions" / "predictions.tfrecord"))
    write_records(tmp_path / "few", logs[:20])

    exit_code, report, _ = _check(copied.model, tmp_path / "few")

    assert (exit_code, report["verdict"]) == (4, "INCONCLUSIVE")
    assert "299 examples would be needed" in report["decision"]["sentence"]


@pytest.mark.parametrize("make", [False, True], ids=["missing", "empty"])
def test_no_model_at_the_path_is_bad_input(copied: Any, tmp_path: Path, make: bool) -> None:
    """A missing or empty folder is exit code 2 with the path, and no report is begun."""
    path, out = tmp_path / "nothing", tmp_path / "out"
    if make:
        path.mkdir()

    exit_code, report, error = _check(path, copied.run, "--report", str(out))

    assert (exit_code, report, out.exists()) == (2, {}, False)
    assert str(path) in error
    assert "Traceback" not in error


def test_a_tolerance_for_an_output_that_is_not_there_is_bad_input(copied: Any) -> None:
    """An override that would never apply is refused with the outputs that exist."""
    exit_code, _, error = _check(copied.model, copied.run, "--tolerance", "scores=1e-3,1e-6")

    assert exit_code == 2
    assert "outputs" in error
