"""The lock with a lease on a folder that is retrained."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tfx_parity.errors import BadInputError
from tfx_parity.pipelines.retraining.lease import Lease, Owner

THERE = Owner("there", 7, 1)
ELSEWHERE = Owner("elsewhere", 8, 1)


def test_a_second_owner_is_refused_until_the_lease_runs_out(tmp_path: Path) -> None:
    """The message says who holds it and for how long."""
    now = 100.0
    Lease(tmp_path, THERE, lambda: now, duration_s=60).take()
    other = Lease(tmp_path, ELSEWHERE, lambda: now, duration_s=60)

    now = 159.0
    with pytest.raises(BadInputError, match="process 7 on there, whose lease runs out in 1 s"):
        other.take()
    now = 160.0
    other.take()

    with pytest.raises(BadInputError, match="taken over by process 8 on elsewhere"):
        Lease(tmp_path, THERE, lambda: now).require()


def test_every_requirement_renews_the_lease(tmp_path: Path) -> None:
    """Whoever works keeps it."""
    now = 0.0
    lease = Lease(tmp_path, THERE, lambda: now, duration_s=60)
    lease.take()
    now = 59.0
    lease.require()
    now = 118.0

    with pytest.raises(BadInputError, match="runs out in 1 s"):
        Lease(tmp_path, ELSEWHERE, lambda: now).take()


def test_a_dead_owner_on_this_machine_is_succeeded_at_once(tmp_path: Path) -> None:
    """A job that was killed does not keep its restart waiting."""
    me = Owner.this_process()
    pid = os.fork()
    if pid == 0:
        try:
            Lease(tmp_path, Owner.this_process(), lambda: 0.0).take()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)

    Lease(tmp_path, me, lambda: 0.0).take()

    Lease(tmp_path, me, lambda: 0.0).require()


def test_a_pid_that_is_used_again_is_no_owner(tmp_path: Path) -> None:
    """A process of the same number that started at another time is another."""
    me = Owner.this_process()
    Lease(tmp_path, Owner(me.host, me.pid, me.started - 1), lambda: 0.0).take()

    Lease(tmp_path, me, lambda: 0.0).take()

    Lease(tmp_path, me, lambda: 0.0).require()


def test_a_lease_is_given_back_and_renewed_in_between(tmp_path: Path) -> None:
    """After the block another takes it; the thread that renews it has ended."""
    with Lease(tmp_path, THERE, lambda: 0.0, duration_s=60).held() as lease:
        lease.require()

    Lease(tmp_path, ELSEWHERE, lambda: 0.0).take()


def test_a_lease_of_another_is_not_given_back(tmp_path: Path) -> None:
    """One that was taken over belongs to the one who took it."""
    now = 0.0
    slow = Lease(tmp_path, THERE, lambda: now, duration_s=1)
    slow.take()
    now = 2.0
    taken = Lease(tmp_path, ELSEWHERE, lambda: now)
    taken.take()

    slow.release()

    taken.require()


def test_a_file_that_is_no_lease_is_told(tmp_path: Path) -> None:
    """Nothing is taken over by mistake."""
    (tmp_path / ".lease.json").write_text('{"host": "there"}', encoding="utf-8")

    with pytest.raises(BadInputError, match="host, pid, started and expires"):
        Lease(tmp_path, THERE, lambda: 0.0).take()
