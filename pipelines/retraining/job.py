"""One retraining job: from a span of data to a version that a server answers for.

The ledger is changed at three points: a model was judged (its version is allotted, or it is
rejected), the version was confirmed (or withdrawn), older ones were retired. All between two points
can be done again: what trained without reaching the ledger is thrown away and begun anew, a push
that the ledger knows of is finished before anything else. So a job that is killed anywhere and
started again ends as if it had never been.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tfx_parity.errors import BadInputError
from tfx_parity.pipelines.retraining.lease import Lease
from tfx_parity.pipelines.retraining.ledger import Entry, Ledger, State
from tfx_parity.pipelines.retraining.push_destination import digest_of_folder, publish, withdraw

SERVING_FOLDER = "serving_model"
RUNS_FOLDER = "runs"
_MODEL_FOLDER = "model"
_GONE = (State.WITHDRAWN, State.ROLLED_BACK, State.RETIRED)

ShowStep = Callable[[str], AbstractContextManager[object]]
"""Shows that a step runs while its context is open."""


class Trained(NamedTuple):
    """What training on a span came to.

    Attributes:
        model: The folder of the blessed model, in the run's folder; None where it was not blessed.
        reason: Why it was not blessed.
    """

    model: Path | None
    reason: str = ""


Train = Callable[[Path], Trained]
"""Trains and judges a model; is given an empty folder for the run."""

Confirm = Callable[[int, Path], str]
"""Asks a server for a version, given that and the folder of its run; returns what is wrong with its
answers, nothing where they are right. Raises ServerUnavailableError where none can be asked."""


@dataclass(frozen=True)
class Job:
    """What retrains a served model.

    Attributes:
        root: The folder of the served model: ledger, runs, push destination.
        lease: The lease on the folder, held while the job runs.
        confirm: Asks a server for a pushed version.
        show: Shows the steps.
        keep: How many versions stay in the push destination.
    """

    root: Path
    lease: Lease
    confirm: Confirm
    show: ShowStep
    keep: int

    def retrain(self, span: int, train: Train) -> Entry:
        """Train on a span and push what is blessed; a span that has a version is left alone.

        Args:
            span: The span.
            train: Trains and judges.

        Returns:
            What became of the span's model.

        Raises:
            BadInputError: If a later span was pushed already, or another took over the lease.
            ServerUnavailableError: If no server could be asked for the pushed version; the push is
                finished by the next job.
        """
        self._finish()
        ledger = Ledger.read(self.root)
        found = ledger.of_span(span)
        if found is not None and found.state is not State.REJECTED:
            return found
        _require_newest(ledger, span)
        self._judge(span, train)
        self._finish()
        return self._entry(span)

    def roll_back(self) -> tuple[Entry, Entry]:
        """Take the newest version back, so that the server answers for the one before it.

        Returns:
            The entry that was rolled back, and the one that is served now.

        Raises:
            BadInputError: If there is no earlier version to serve.
            ServerUnavailableError: If no server could be asked for the earlier version; run again.
        """
        undone = self._rollback_under_way()
        self._finish()
        if undone is None:
            undone = self._newest_but_not_last()
            self._set_state(undone.span, State.ROLLED_BACK, "rolled back by hand")
            self._tidy()
        served = Ledger.read(self.root).served()[-1]
        with self.show("confirm"):
            wrong = self._confirm(served)
        if wrong:
            raise BadInputError(
                f"Version {undone.version} was rolled back, and version {served.version}, which "
                f"should be served now, is not: {wrong}. Roll back once more."
            )
        return self._entry(undone.span), served

    @property
    def destination(self) -> Path:
        """The push destination: the folder that a model server watches."""
        return self.root / SERVING_FOLDER

    def run_folder(self, span: int) -> Path:
        """Return the folder of a span's run."""
        return self.root / RUNS_FOLDER / f"span-{span}"

    def _judge(self, span: int, train: Train) -> None:
        """Train, and enter into the ledger what the judges said."""
        run = self.run_folder(span)
        if run.exists():
            shutil.rmtree(run)
        run.mkdir(parents=True)
        trained = train(run)
        if trained.model is None:
            self._enter(Entry(span, State.REJECTED, reason=trained.reason))
            return
        model = trained.model.rename(run / _MODEL_FOLDER)
        version = Ledger.read(self.root).next_version()
        self._enter(Entry(span, State.PUSHING, version, digest_of_folder(model)))

    def _finish(self) -> None:
        """Finish what the ledger says is under way: pushes, retirements, withdrawals."""
        for entry in Ledger.read(self.root).entries:
            if entry.state is State.PUSHING:
                self._push(entry)
        for entry in Ledger.read(self.root).served()[: -self.keep]:
            self._set_state(entry.span, State.RETIRED, f"more than {self.keep} later ones")
        self._tidy()

    def _push(self, entry: Entry) -> None:
        """Put a blessed model into the push destination, and ask a server for it."""
        self.lease.require()
        with self.show("publish"):
            publish(self.run_folder(entry.span) / _MODEL_FOLDER, self.destination, _number(entry))
        with self.show("confirm"):
            wrong = self._confirm(entry)
        self._set_state(entry.span, State.WITHDRAWN if wrong else State.PUSHED, wrong)

    def _confirm(self, entry: Entry) -> str:
        """Return what is wrong with a version that was pushed; nothing where it is right."""
        version = _number(entry)
        if digest_of_folder(self.destination / str(version)) != entry.digest:
            return "its files are not those that were blessed"
        return self.confirm(version, self.run_folder(entry.span))

    def _tidy(self) -> None:
        """Take what the ledger says is gone out of the push destination; drop retired runs."""
        self.lease.require()
        for entry in Ledger.read(self.root).entries:
            if entry.state in _GONE:
                withdraw(self.destination, _number(entry))
            run = self.run_folder(entry.span)
            if entry.state is State.RETIRED and run.exists():
                shutil.rmtree(run)

    def _rollback_under_way(self) -> Entry | None:
        """Return the entry of a rollback that was killed before the version was gone."""
        entries = Ledger.read(self.root).entries
        rolled_back = [entry for entry in entries if entry.state is State.ROLLED_BACK]
        there = [each for each in rolled_back if (self.destination / str(each.version)).exists()]
        return there[-1] if there else None

    def _newest_but_not_last(self) -> Entry:
        """Return the newest version where there is another to serve."""
        served = Ledger.read(self.root).served()
        if len(served) <= 1:
            versions = ", ".join(str(entry.version) for entry in served) or "none"
            raise BadInputError(
                f"Expected an earlier version to roll back to in {self.destination}, found "
                f"{versions}. Keep more versions (--keep)."
            )
        return served[-1]

    def _entry(self, span: int) -> Entry:
        entry = Ledger.read(self.root).of_span(span)
        if entry is None:
            raise BadInputError(f"Expected span {span} in the ledger of {self.root}, found none.")
        return entry

    def _enter(self, entry: Entry) -> None:
        self.lease.require()
        Ledger.read(self.root).with_entry(entry).write(self.root)

    def _set_state(self, span: int, state: State, reason: str) -> None:
        self.lease.require()
        Ledger.read(self.root).with_state(span, state, reason).write(self.root)


def _require_newest(ledger: Ledger, span: int) -> None:
    """Refuse a span that is older than one that was pushed: its model would be served instead."""
    later = [each.span for each in ledger.entries if each.version and each.span > span]
    if later:
        raise BadInputError(
            f"Expected a span after {max(later)}, which was pushed already, found {span}. A model "
            "of older data would take the newer one's place."
        )


def _number(entry: Entry) -> int:
    """Return the version of an entry that has one."""
    if entry.version is None:
        raise BadInputError(f"Expected a version of span {entry.span}, found none in the ledger.")
    return entry.version
