"""One retraining at a time: a lock with a lease.

A lock of the kernel's goes with its process, but holds on one machine only; a file that says who
holds it holds wherever the folder is mounted, but outlives its owner. So the file also says until
when: an owner renews it while it works, and another takes over once it has run out, or at once
where it can see that the owner is dead.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread

from tfx_parity.errors import BadInputError
from tfx_parity.files import canonical_json, read_json_object, write_bytes

DEFAULT_LEASE_S = 60.0
_LEASE_FILE = ".lease.json"
_GUARD_FILE = ".lease.guard"
_RENEWALS_A_LEASE = 3
_START_TIME_FIELD = 22
"""Of /proc/PID/stat, proc(5): when the process started, in clock ticks since the boot."""


@dataclass(frozen=True)
class Owner:
    """Who holds a lease.

    Attributes:
        host: The machine's name.
        pid: The process.
        started: When it started, in clock ticks since the boot: pids are used again.
    """

    host: str
    pid: int
    started: int

    @classmethod
    def this_process(cls) -> Owner:
        """Return this process as an owner."""
        return cls(socket.gethostname(), os.getpid(), _start_time(os.getpid()) or 0)

    def is_seen_dead(self, host: str) -> bool:
        """Tell whether a process on a host can see that the owner is no more."""
        return self.host == host and _start_time(self.pid) != self.started


class Lease:
    """The right to change a folder, for a while.

    Usage:
        with Lease(root, Owner.this_process(), time.time).held() as lease:
            ...
            lease.require()  # before every step that cannot be taken back
    """

    def __init__(
        self,
        root: Path,
        owner: Owner,
        clock: Callable[[], float],
        duration_s: float = DEFAULT_LEASE_S,
    ) -> None:
        """Prepare to take a lease; nothing is written yet.

        Args:
            root: The folder; made if missing.
            owner: Who takes it.
            clock: Seconds since the epoch, alike on all machines that share the folder.
            duration_s: For how long it holds unless it is renewed.
        """
        self._root = root
        self._owner = owner
        self._clock = clock
        self._duration_s = duration_s

    @contextmanager
    def held(self) -> Iterator[Lease]:
        """Hold the lease while the block runs, renewing it in a thread of its own.

        Raises:
            BadInputError: If another holds it.
        """
        self.take()
        ended = Event()
        renewal = Thread(target=self._renew_until, args=(ended,), daemon=True)
        renewal.start()
        try:
            yield self
        finally:
            ended.set()
            renewal.join()
            self.release()

    def take(self) -> None:
        """Take the lease, or renew it.

        Raises:
            BadInputError: If another holds it.
        """
        with self._guard():
            found = self._read()
            if found is not None and self._holds(*found):
                raise self._taken(*found)
            self._write()

    def require(self) -> None:
        """Hold that the lease is still this owner's, whether it has run out or not.

        Raises:
            BadInputError: If another has taken it over meanwhile, or it was removed.
        """
        with self._guard():
            found = self._read()
            if found is None or found[0] != self._owner:
                raise BadInputError(
                    f"Expected to hold the lease on {self._root} until the end, found it "
                    f"{'removed' if found is None else f'taken over by {_name(found[0])}'}. This "
                    "process was stopped for longer than its lease; nothing more was changed."
                )
            self._write()

    def release(self) -> None:
        """Give the lease back, unless another has it by now."""
        with self._guard():
            found = self._read()
            if found is not None and found[0] == self._owner:
                (self._root / _LEASE_FILE).unlink()

    def _renew_until(self, ended: Event) -> None:
        while not ended.wait(self._duration_s / _RENEWALS_A_LEASE):
            with self._guard():
                found = self._read()
                if found is None or found[0] != self._owner:
                    return  # `require` tells the one who works.
                self._write()

    def _holds(self, owner: Owner, expires: float) -> bool:
        """Tell whether a lease keeps this owner out."""
        if owner == self._owner or owner.is_seen_dead(self._owner.host):
            return False
        return expires > self._clock()

    def _taken(self, owner: Owner, expires: float) -> BadInputError:
        return BadInputError(
            f"Expected no other retraining in {self._root}, found one under way: {_name(owner)}, "
            f"whose lease runs out in {expires - self._clock():.0f} s unless it is renewed. Wait "
            "until it has ended."
        )

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Keep others on this machine from reading the lease while it is being changed."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / _GUARD_FILE).open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _read(self) -> tuple[Owner, float] | None:
        path = self._root / _LEASE_FILE
        if not path.exists():
            return None
        found = read_json_object(path, "a lease")
        try:
            owner = Owner(str(found["host"]), int(str(found["pid"])), int(str(found["started"])))
            return owner, float(str(found["expires"]))
        except (KeyError, ValueError) as error:
            raise BadInputError(
                f"Expected a lease with host, pid, started and expires, found {found} in {path}. "
                "Remove the file if no retraining is under way."
            ) from error

    def _write(self) -> None:
        lease = {**asdict(self._owner), "expires": self._clock() + self._duration_s}
        write_bytes(self._root / _LEASE_FILE, canonical_json(lease))


def _name(owner: Owner) -> str:
    return f"process {owner.pid} on {owner.host}"


def _start_time(pid: int) -> int | None:
    """Return when a process of this machine started; None where it is no more."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, the program's name in parentheses, may itself hold blanks and parentheses.
    state, *others = stat.rpartition(")")[2].split()
    return None if state == "Z" else int(others[_START_TIME_FIELD - 4])
