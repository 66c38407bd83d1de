"""The repro bundle of a failed check, and its script run with TensorFlow alone."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.native, pytest.mark.tensorflow, pytest.mark.tfx]


def _check(model: Path, predictions: Path, folder: Path, *options: str) -> int:
    code = "import sys; from tfx_parity.cli import main; main(sys.argv[1:])"
    arguments = ["check", str(model), "--predictions", str(predictions), "--report", str(folder)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, *options], capture_output=True, check=False
    )
    return done.returncode


@pytest.fixture
def predictions(trained_models: dict[str, Any], tmp_path: Path) -> Path:
    """Return predictions of which every first probability was changed."""
    from tfx_parity.protos import prediction_log_pb2
    from tfx_parity.serving_api.tensors import from_proto, to_proto
    from tfx_parity.tfrecord import read_records, write_records

    source = trained_models["keras 3"].run / "trainer_predictions" / "predictions.tfrecord"
    changed = []
    for record in read_records(source):
        log = prediction_log_pb2.PredictionLog.FromString(record)
        output = log.predict_log.response.outputs["outputs"]
        shift = np.array([[0.5, 0, 0]], dtype=np.float32)
        output.CopyFrom(to_proto(from_proto(output) + shift))
        changed.append(log.SerializeToString())
    write_records(tmp_path / "changed.tfrecord", changed)
    return tmp_path / "changed.tfrecord"


def test_the_script_shows_the_difference_without_this_package(
    trained_models: dict[str, Any], predictions: Path, tmp_path: Path
) -> None:
    """The bundle's script prints the trainer's answer, the canary's and a session's own."""
    model = trained_models["keras 3"].model

    assert 1 == _check(model, predictions, tmp_path / "out")

    with zipfile.ZipFile(tmp_path / "out" / "repro.zip") as archive:
        archive.extractall(tmp_path / "bundle")
    about = json.loads((tmp_path / "bundle" / "about.json").read_text())
    assert "saved_model.pb" in about["model_sha256"]
    done = subprocess.run(
        [sys.executable, str(tmp_path / "bundle" / "reproduce.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    shown = dict(line.split(" {", 1) for line in done.stdout.splitlines() if " {" in line)
    trained = shown["T, what the trainer recorded"]
    assert trained != shown["C, the canary over gRPC, in batches"]
    assert shown["a session, now"][:22] == shown["C, the canary over gRPC, in batches"][:22]


def test_nothing_is_bundled_where_nothing_differs_or_values_are_to_be_left_out(
    trained_models: dict[str, Any], predictions: Path, tmp_path: Path
) -> None:
    """A PASS needs no bundle, a redacted report must carry no request, and old bundles go."""
    trained = trained_models["keras 3"]
    for folder in ("pass", "redacted"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "repro.zip").write_bytes(b"of an earlier check")

    assert 0 == _check(trained.model, trained.run, tmp_path / "pass")
    assert 1 == _check(trained.model, predictions, tmp_path / "redacted", "--redact")

    assert not (tmp_path / "pass" / "repro.zip").exists()
    assert not (tmp_path / "redacted" / "repro.zip").exists()
