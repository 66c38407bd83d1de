"""Retraining jobs with a trainer that is quick: it writes a folder, as a real one does."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path

from tfx_parity.pipelines.retraining.job import Job, Trained
from tfx_parity.pipelines.retraining.lease import Lease, Owner

FILE_EVENTS = frozenset(
    {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "shutil.copytree"}
)
BAD_SPAN = 3


def train(span: int, run: Path) -> Trained:
    """Write a model of two files, as Pusher leaves one; that of BAD_SPAN is not blessed."""
    if span == BAD_SPAN:
        return Trained(None, "Evaluator found it not good enough")
    model = run / "pushed" / "1795370336"
    (model / "variables").mkdir(parents=True)
    (model / "variables" / "variables.index").write_text(f"weights {span}", encoding="utf-8")
    (model / "saved_model.pb").write_text("graph", encoding="utf-8")
    return Trained(model)


def job(root: Path, lease: Lease, keep: int = 2) -> Job:
    """Return a job whose pushed versions are right where their files are there."""

    def confirm(version: int, _run: Path) -> str:
        there = (root / "serving_model" / str(version) / "saved_model.pb").is_file()
        return "" if there else "no graph"

    return Job(root, lease, confirm, lambda _name: nullcontext(), keep)


def retrain(root: Path, span: int, keep: int = 2) -> str:
    """Retrain on a span under a lease, and return what became of it."""
    with Lease(root, Owner.this_process(), lambda: 0.0).held() as lease:
        return job(root, lease, keep).retrain(span, lambda run: train(span, run)).state.value


def roll_back(root: Path) -> None:
    """Roll the newest version back under a lease."""
    with Lease(root, Owner.this_process(), lambda: 0.0).held() as lease:
        job(root, lease).roll_back()


def killed_at(root: Path, event: int, span: int | None) -> bool:
    """Run a job in a process that kills itself right before a file operation.

    Args:
        root: The job's folder.
        event: The number of the file operation in `root`, from 0.
        span: The span to retrain on; None to roll back.

    Returns:
        Whether the job came so far that it was killed.
    """
    pid = os.fork()
    if pid == 0:
        try:
            _kill_before(root, event)
            roll_back(root) if span is None else retrain(root, span)
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _kill_before(root: Path, event: int) -> None:
    seen = 0

    def hook(name: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        # Paths below a folder that is being removed are relative to its descriptor.
        if name not in FILE_EVENTS or "/proc/" in str(arguments[0]):
            return
        if seen == event:
            os.kill(os.getpid(), signal.SIGKILL)
        seen += 1

    sys.addaudithook(hook)


def tree(root: Path) -> dict[str, bytes]:
    """Return a folder's files by their names; what begins with a dot is for the job alone."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
