"""The retraining job, with a trainer that is quick and everything else real."""

from __future__ import annotations

import random
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from retraining_jobs import BAD_SPAN, job, killed_at, retrain, roll_back, train, tree

from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.pipelines.retraining.job import Job, Trained
from tfx_parity.pipelines.retraining.lease import Lease, Owner
from tfx_parity.pipelines.retraining.ledger import Ledger, State

KILLS = 20
STRIDE = 5
"""Every fifth file operation is a point to be killed at; all of them take half a minute."""


def _states(root: Path) -> list[tuple[int, str, int | None]]:
    return [(each.span, each.state.value, each.version) for each in Ledger.read(root).entries]


def _served(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "serving_model").iterdir())


def _lease(root: Path) -> Lease:
    return Lease(root, Owner.this_process(), lambda: 0.0)


def _never_trained(_run: Path) -> Trained:
    raise AssertionError("trained again")


def test_each_span_becomes_the_next_version_and_the_last_are_kept(tmp_path: Path) -> None:
    """A rejected one has none; older ones than the last two go, and their runs."""
    assert ["pushed", "pushed", "rejected", "pushed"] == [
        retrain(tmp_path, span) for span in (1, 2, BAD_SPAN, 4)
    ]

    assert [
        (1, "retired", 1),
        (2, "pushed", 2),
        (3, "rejected", None),
        (4, "pushed", 3),
    ] == _states(tmp_path)
    assert ["2", "3"] == _served(tmp_path)
    assert {"span-2", "span-3", "span-4"} == {path.name for path in (tmp_path / "runs").iterdir()}


def test_a_pushed_span_is_not_pushed_again(tmp_path: Path) -> None:
    """The job is idempotent: nothing is trained, no file changes."""
    retrain(tmp_path, 1)
    before = tree(tmp_path)
    with _lease(tmp_path).held() as lease:
        entry = job(tmp_path, lease).retrain(1, _never_trained)

    assert State.PUSHED is entry.state
    assert before == tree(tmp_path)


def test_a_rejected_span_is_tried_again(tmp_path: Path) -> None:
    """Once its trainer is mended it is pushed, and has one entry."""
    retrain(tmp_path, BAD_SPAN)
    with _lease(tmp_path).held() as lease:
        job(tmp_path, lease).retrain(BAD_SPAN, lambda run: train(1, run))

    assert [(BAD_SPAN, "pushed", 1)] == _states(tmp_path)


def test_an_older_span_than_a_pushed_one_is_refused(tmp_path: Path) -> None:
    """Its model would be served in the place of a newer one."""
    retrain(tmp_path, 5)

    with pytest.raises(BadInputError, match="span after 5.*found 4"):
        retrain(tmp_path, 4)


def test_a_version_that_answers_wrongly_is_withdrawn(tmp_path: Path) -> None:
    """The server falls back to the one before it, which stays the baseline."""
    retrain(tmp_path, 1)
    with _lease(tmp_path).held() as lease:
        doubting = replace(job(tmp_path, lease), confirm=lambda _version, _run: "another answer")
        entry = doubting.retrain(2, lambda run: train(2, run))

    assert (State.WITHDRAWN, "another answer") == (entry.state, entry.reason)
    assert ["1"] == _served(tmp_path)


def test_a_push_that_no_server_confirmed_is_finished_by_the_next_job(tmp_path: Path) -> None:
    """The push is neither lost nor made twice, even if the next job is of another span."""

    def unreachable(_version: int, _run: Path) -> str:
        raise ServerUnavailableError("no server")

    with _lease(tmp_path).held() as lease, pytest.raises(ServerUnavailableError):
        replace(job(tmp_path, lease), confirm=unreachable).retrain(1, lambda run: train(1, run))
    assert [(1, "pushing", 1)] == _states(tmp_path)

    retrain(tmp_path, 2)

    assert [(1, "pushed", 1), (2, "pushed", 2)] == _states(tmp_path)


def test_files_that_changed_on_their_way_are_not_confirmed(tmp_path: Path) -> None:
    """What is served must be what was blessed, to the byte."""
    with _lease(tmp_path).held() as lease:
        real = job(tmp_path, lease)

        def tampered(version: int, _run: Path) -> str:
            (real.destination / str(version) / "saved_model.pb").write_text("x", encoding="utf-8")
            raise ServerUnavailableError("no server")

        with pytest.raises(ServerUnavailableError):
            replace(real, confirm=tampered).retrain(1, lambda run: train(1, run))
        with pytest.raises(BadInputError, match="found one that was not pushed from"):
            real.retrain(1, _never_trained)


def test_a_rollback_serves_the_version_before(tmp_path: Path) -> None:
    """The number that was rolled back is never used again."""
    for span in (1, 2):
        retrain(tmp_path, span)
    roll_back(tmp_path)
    assert ["1"] == _served(tmp_path)

    retrain(tmp_path, 4)

    assert [(1, "pushed", 1), (2, "rolled back", 2), (4, "pushed", 3)] == _states(tmp_path)
    assert ["1", "3"] == _served(tmp_path)


def test_a_rollback_with_nothing_before_it_is_refused(tmp_path: Path) -> None:
    """The only version stays."""
    retrain(tmp_path, 1)

    with pytest.raises(BadInputError, match="an earlier version.*found 1"):
        roll_back(tmp_path)
    assert ["1"] == _served(tmp_path)


def test_a_job_that_lost_its_lease_changes_nothing_more(tmp_path: Path) -> None:
    """A process that slept through its lease finds another's, and stops before the ledger."""
    now = 0.0
    slow = Lease(tmp_path, Owner("here", 1, 1), lambda: now, duration_s=10)
    slow.take()

    def overtaken(run: Path) -> Trained:
        nonlocal now
        now = 11.0
        Lease(tmp_path, Owner("there", 2, 2), lambda: now).take()
        return train(1, run)

    with pytest.raises(BadInputError, match="taken over by process 2 on there"):
        Job(tmp_path, slow, lambda *_: "", lambda _name: nullcontext(), 2).retrain(1, overtaken)
    assert () == Ledger.read(tmp_path).entries


@pytest.mark.system
@pytest.mark.parametrize("span", [4, BAD_SPAN, None], ids=["a push", "a rejection", "a rollback"])
def test_a_job_that_is_killed_anywhere_ends_as_if_it_had_not_been(
    tmp_path: Path, span: int | None
) -> None:
    """SIGKILL right before a file operation, and a restart: the same end state."""
    start = tmp_path / "start"
    for earlier in (1, 2):
        retrain(start, earlier)
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(start, undisturbed)
    assert not killed_at(undisturbed, 10_000, span)
    expected = tree(undisturbed)
    assert expected != tree(start)

    event = 0
    root = tmp_path / "killed"
    while killed_at(_copy(start, root), event, span):
        if span is not None or Ledger.read(root) == Ledger.read(start):
            assert not killed_at(root, 10_000, span)
        else:  # The rollback is in the ledger: the next job finishes it.
            retrain(root, 2)
        assert expected == tree(root), f"killed before file operation {event}"
        assert not list((root / "serving_model").glob(".*"))
        event += STRIDE
    assert event > 5 * STRIDE


@pytest.mark.system
def test_a_job_that_is_killed_again_and_again_comes_to_the_same_end(tmp_path: Path) -> None:
    """Twenty kills at random points of one and the same job, each followed by a restart."""
    expected = tmp_path / "undisturbed"
    for span in (1, 2, BAD_SPAN, 4):
        retrain(expected, span)
    chance = random.Random(20)  # noqa: S311 - a test's, seeded
    root = tmp_path / "killed"
    kills = 0
    for span in (1, 2, BAD_SPAN, 4):
        for _ in range(KILLS // 4):
            kills += killed_at(root, chance.randrange(20), span)
        assert not killed_at(root, 10_000, span)

    assert tree(expected) == tree(root)
    assert kills >= KILLS // 2


def _copy(source: Path, target: Path) -> Path:
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target)
    return target
