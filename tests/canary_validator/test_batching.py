"""`tfx-parity check --enable_batching`: a model's fate where production batches requests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfx_parity.canary.native import NativeBackend
from tfx_parity.protos import prediction_log_pb2
from tfx_parity.serving_api.tensors import to_proto
from tfx_parity.tfrecord import write_records

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]
COUNT = 300
PARAMETERS = """
max_batch_size { value: 64 }
batch_timeout_micros { value: 500 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
allowed_batch_sizes: 8
allowed_batch_sizes: 64
"""


def _recorded(model: Path, file: Path) -> Path:
    """Write what a model answers to each row by itself, as a client's log holds it."""
    rows = np.random.default_rng(1).normal(size=(COUNT, 1, 4)).astype(np.float32)
    records = []
    with NativeBackend().start(model) as canary:
        for row in rows:
            log = prediction_log_pb2.PredictionLog().predict_log
            log.request.model_spec.signature_name = "serving_default"
            log.request.inputs["x"].CopyFrom(to_proto(row))
            for name, answer in canary.client.predict("serving_default", {"x": row}).items():
                log.response.outputs[name].CopyFrom(to_proto(answer))
            records.append(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())
    write_records(file, records)
    return file


def _check(model: Path, predictions: Path, *options: str) -> tuple[int, dict[str, Any]]:
    code = "import sys; from tfx_parity.cli import main; main(sys.argv[1:])"
    arguments = ["check", str(model), "--predictions", str(predictions), "--json", *options]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def batching(tmp_path: Path) -> tuple[str, ...]:
    """The options of a check with batching."""
    file = tmp_path / "batching.txt"
    file.write_text(PARAMETERS)
    return "--enable_batching", f"--batching_parameters_file={file}"


def test_a_model_whose_answer_padding_changes_fails(
    graph_models: Path, tmp_path: Path, batching: tuple[str, ...]
) -> None:
    """Alone it passes; where one row becomes a batch of eight it does not, and the code says so.

    Requests of more rows than a batch holds are not sent: the server would refuse them.
    """
    model = graph_models / "counting_rows"
    predictions = _recorded(model, tmp_path / "log.tfrecord")
    alone, report_alone = _check(model, predictions)
    batched, report = _check(model, predictions, "--batch-size=100", *batching)

    assert (0, "PASS") == (alone, report_alone["verdict"])
    assert "request batching" in report_alone["not_exercised"]
    assert (1, "FAIL") == (batched, report["verdict"])
    assert "BATCH_DEPENDENT" == report["causes"][0]["code"]


def test_a_clean_model_passes_and_the_report_says_that_batching_was_on(
    graph_models: Path, tmp_path: Path, batching: tuple[str, ...]
) -> None:
    """The reference is asked without batching, the canary with it; the command repeats it."""
    model = graph_models / "keras2_plain"
    predictions = _recorded(model, tmp_path / "log.tfrecord")
    code, report = _check(model, predictions, *batching)

    assert (0, "PASS", []) == (code, report["verdict"], report["causes"])
    assert "request batching" not in report["not_exercised"]
    assert (
        "batches of at most 64 rows, padded to 8, 64 rows; waits 0.5 ms for more, 2 threads"
        == (report["environment"]["request batching"])
    )
    assert all(option.split("=")[0] in report["reproduce"] for option in batching)
