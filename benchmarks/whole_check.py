"""How long a whole check takes beside TFX's BulkInferrer making the same predictions alone.

    python benchmarks/whole_check.py --root FOLDER [--examples 3000] [--rounds 3]

FOLDER is that of a penguins run (`tfx-parity run penguins --root FOLDER`). Its recorded predictions
are repeated up to the number of examples, so every arm has its work and all must agree. The
contestants take turns. BulkInferrer's time is that of its executor on Beam's DirectRunner, from its
call to its last record, with TFX imported before; the check's is told from its call, and from the
moment when its canary has loaded the model.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tfx_parity.canary_validator.check import check_model
from tfx_parity.canary_validator.recorded import read_recorded
from tfx_parity.contract.trainer_predictions import (
    TrainerPredictions,
    find_trainer_predictions,
    read_trainer_predictions,
    write_trainer_predictions,
)
from tfx_parity.errors import BadInputError
from tfx_parity.protos import prediction_log_pb2
from tfx_parity.tfrecord import write_records

BULK_INFERRER = """
import shutil, sys, time
from pathlib import Path
from tfx.components.bulk_inferrer.executor import Executor
from tfx.types import standard_artifacts

folder, saved_model = Path(sys.argv[1]), sys.argv[2]
shutil.copytree(saved_model, folder / "model" / "Format-Serving")
examples, model, result = (
    standard_artifacts.Examples(), standard_artifacts.Model(), standard_artifacts.InferenceResult()
)
examples.uri, model.uri = str(folder / "examples"), str(folder / "model")
examples.split_names, result.uri = '["all"]', str(folder / "result")
started = time.perf_counter()
Executor().Do(
    {"examples": [examples], "model": [model]},
    {"inference_result": [result]},
    {"data_spec": "{}", "model_spec": "{}"},
)
print("seconds", time.perf_counter() - started)
"""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of a penguins run")
    parser.add_argument("--examples", type=int, default=3000, help="how many examples")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    options = parser.parse_args()
    model = max((options.root / "serving_model").iterdir())
    recorded = _repeated(_newest_predictions(options.root), options.examples)
    times: dict[str, list[float]] = {"check": [], "check, model loaded": [], "BulkInferrer": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            whole, loaded = _check_s(model, recorded, Path(folder))
            times["check"].append(whole)
            times["check, model loaded"].append(loaded)
            times["BulkInferrer"].append(_bulk_inferrer_s(model, recorded, Path(folder)))
    print(f"{options.examples} examples, seconds      shortest  longest")
    for name, seconds in times.items():
        print(f"{name:<30} {min(seconds):>7.2f}  {max(seconds):>7.2f}")
    ratio = min(times["check, model loaded"]) / min(times["BulkInferrer"])
    print(f"check, model loaded, to BulkInferrer: {ratio:.2f}")


def _newest_predictions(root: Path) -> TrainerPredictions:
    runs = (root / "artifacts" / "Trainer" / "model_run").iterdir()
    folder = find_trainer_predictions(max(runs, key=lambda path: int(path.name)))
    if folder is None:
        raise BadInputError(f"Expected trainer predictions of a penguins run in {root}.")
    return read_trainer_predictions(folder)


def _repeated(recorded: TrainerPredictions, count: int) -> TrainerPredictions:
    logs = itertools.islice(itertools.cycle(recorded.logs), count)
    transformed = itertools.islice(itertools.cycle(recorded.transformed), count)
    return replace(recorded, logs=tuple(logs), transformed=tuple(transformed))


def _check_s(model: Path, recorded: TrainerPredictions, folder: Path) -> tuple[float, float]:
    """Return the seconds of a check: whole, and since its canary has the model."""
    write_trainer_predictions(folder / "recorded", recorded)
    reported: list[float] = []
    started = time.perf_counter()
    result = check_model(
        model,
        read_recorded(folder / "recorded"),
        progress=lambda _: reported.append(time.perf_counter()),
    )
    ended = time.perf_counter()
    if result.verdict.value != "PASS":
        raise BadInputError(f"Expected a check that passes, found {result.decision.sentence}")
    _, loaded, *_ = reported  # the canary is started, then it has the model
    return ended - started, ended - loaded


def _bulk_inferrer_s(model: Path, recorded: TrainerPredictions, folder: Path) -> float:
    logs = map(prediction_log_pb2.PredictionLog.FromString, recorded.logs)
    rows = (log.predict_log.request.inputs["examples"].string_val[0] for log in logs)
    write_records(folder / "examples" / "Split-all" / "data", rows)
    done = subprocess.run(
        [sys.executable, "-c", BULK_INFERRER, str(folder), str(model)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
