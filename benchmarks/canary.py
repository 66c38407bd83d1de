"""How long the native canary takes: to its first answer, for one request, and of a whole run.

    python benchmarks/canary.py [--root FOLDER]

Runs the penguins pipeline once (into a temporary folder, or an existing run's), then measures on
the model that it pushed, and on a model of one multiplication, whose figures are the canary's own:
what a larger model takes beyond them is TensorFlow loading, optimising and running its graph.
Every figure is of this machine and this run.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary_validator.recorded import read_recorded

Request = dict[str, np.ndarray]
STARTS, ROUND_TRIPS, HELPS = 7, 2000, 11
LINEAR_MODEL = """
import sys, tensorflow as tf
module = tf.Module()
module.weights = tf.Variable(tf.ones([8, 3]))
spec = tf.TensorSpec([None, 8], tf.float32, name="x")
module.serve = tf.function(lambda x: {"y": tf.matmul(x, module.weights)}, input_signature=[spec])
tf.saved_model.save(module, sys.argv[1], signatures={"serving_default": module.serve})
"""
COMMAND = [sys.executable, "-c", "from tfx_parity.cli import main; main()"]
STEP = re.compile(r"^done (?P<step>\S.*?)\s+(?P<seconds>[\d.]+) s", re.MULTILINE)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="folder of a penguins run; by default a new one")
    root = parser.parse_args().root
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'what':<50} {'median':>9} {'min':>9} {'max':>9}")
        if root is None:
            root = Path(folder) / "run"
            _parity_share(root)
        model = max((root / "serving_model").iterdir())
        run = max((root / "artifacts/Trainer/model_run").iterdir(), key=lambda p: int(p.name))
        penguin = {name: np.stack(rows[:1]) for name, rows in read_recorded(run).inputs.items()}
        linear = Path(folder) / "linear" / "1"
        subprocess.run(
            [sys.executable, "-c", LINEAR_MODEL, linear], capture_output=True, check=True
        )
        _row("tfx-parity --help", "s", [_timed(_help) for _ in range(HELPS)])
        for name, path, request in (
            ("a linear model", linear, {"x": np.ones((1, 8), np.float32)}),
            ("the penguins'", model, penguin),
        ):
            starts = [_first_answer_s(path, request) for _ in range(STARTS)]
            _row(f"start to first answer, {name}", "s", starts)
            _row(f"gRPC round trip of one example, {name}", "ms", _round_trips_ms(path, request))
        _row("tfx-parity check, whole", "s", [_timed(lambda: _check(model, run)) for _ in range(3)])


def _parity_share(root: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "run", "penguins", "--root", str(root)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = {found["step"]: float(found["seconds"]) for found in STEP.finditer(done.stdout)}
    share = seconds["CanaryValidator"] / sum(seconds.values())
    print(f"{'CanaryValidator, of the run of':<42} {sum(seconds.values()):5.1f} s {share:>9.1%}")


def _help() -> None:
    subprocess.run([*COMMAND, "--help"], capture_output=True, check=True)


def _first_answer_s(model: Path, request: Request) -> float:
    """Return the seconds from before the start to the first answer; the end is not counted."""
    started = time.perf_counter()
    with NativeBackend().start(model) as canary:
        canary.client.predict("serving_default", request)
        return time.perf_counter() - started


def _round_trips_ms(model: Path, request: Request) -> list[float]:
    with NativeBackend().start(model) as canary:

        def ask() -> None:
            canary.client.predict("serving_default", request)

        for _ in range(100):
            ask()
        return [_timed(ask) * 1000 for _ in range(ROUND_TRIPS)]


def _check(model: Path, run: Path) -> None:
    subprocess.run(
        [*COMMAND, "check", str(model), "--predictions", str(run)], capture_output=True, check=True
    )


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _row(what: str, unit: str, values: list[float]) -> None:
    figures = (statistics.median(values), min(values), max(values))
    print(f"{what:<50}" + "".join(f" {figure:>6.2f} {unit:<2}" for figure in figures))


if __name__ == "__main__":
    main()
