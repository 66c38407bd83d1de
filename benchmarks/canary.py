"""How long the native canary takes: to its first answer, for one request, and of a whole run.

    python benchmarks/canary.py [--root FOLDER]

Runs the penguins pipeline once (into a temporary folder, or an existing run's), then measures on
the model that it pushed. Every figure is of this machine and this run.
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
from tfx_parity.canary_validator.recorded import Recorded, read_recorded

STARTS, ROUND_TRIPS, HELPS = 7, 2000, 11
COMMAND = [sys.executable, "-c", "from tfx_parity.cli import main; main()"]
STEP = re.compile(r"^done (?P<step>\S.*?)\s+(?P<seconds>[\d.]+) s", re.MULTILINE)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="folder of a penguins run; by default a new one")
    root = parser.parse_args().root
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'what':<44} {'median':>9} {'min':>9} {'max':>9}")
        if root is None:
            root = Path(folder) / "run"
            _parity_share(root)
        model = max((root / "serving_model").iterdir())
        run = max((root / "artifacts/Trainer/model_run").iterdir(), key=lambda p: int(p.name))
        recorded = read_recorded(run)
        _row("tfx-parity --help", "s", [_timed(_help) for _ in range(HELPS)])
        starts = [_first_answer_s(model, recorded) for _ in range(STARTS)]
        _row("start of the canary to its first answer", "s", starts)
        _round_trips(model, recorded)
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
    print(f"{'CanaryValidator, of the run of':<36} {sum(seconds.values()):5.1f} s {share:>9.1%}")


def _help() -> None:
    subprocess.run([*COMMAND, "--help"], capture_output=True, check=True)


def _first_answer_s(model: Path, recorded: Recorded) -> float:
    """Return the seconds from before the start to the first answer; the end is not counted."""
    one = _one(recorded)
    started = time.perf_counter()
    with NativeBackend().start(model) as canary:
        canary.client.predict("serving_default", one)
        return time.perf_counter() - started


def _round_trips(model: Path, recorded: Recorded) -> None:
    one = _one(recorded)
    with NativeBackend().start(model) as canary:
        for _ in range(100):
            canary.client.predict("serving_default", one)
        times = [
            _timed(lambda: canary.client.predict("serving_default", one)) * 1000
            for _ in range(ROUND_TRIPS)
        ]
    _row("gRPC round trip, one example", "ms", times)


def _one(recorded: Recorded) -> dict[str, np.ndarray]:
    return {name: np.stack(rows[:1]) for name, rows in recorded.inputs.items()}


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
    print(f"{what:<44}" + "".join(f" {figure:>6.2f} {unit:<2}" for figure in figures))


if __name__ == "__main__":
    main()
