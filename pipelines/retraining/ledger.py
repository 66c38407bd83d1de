"""The ledger of a served model: which span became which version, and what became of that.

One file, written beside and renamed: a retraining that is killed leaves the ledger before a step or
after it, never between. It holds no times, so that equal histories are equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path

from tfx_parity.errors import BadInputError
from tfx_parity.files import canonical_json, read_json_object, write_bytes

FILE_NAME = "ledger.json"


class State(str, Enum):
    """What became of a span's model."""

    REJECTED = "rejected"
    """A judge did not bless it; it never had a version."""

    PUSHING = "pushing"
    """It was blessed and has a version; whether that is served is not yet known."""

    PUSHED = "pushed"
    """It is in the push destination, and a server answered for it."""

    WITHDRAWN = "withdrawn"
    """It was pushed, and a server answered otherwise than it should."""

    ROLLED_BACK = "rolled back"
    """It was pushed, and taken back by hand."""

    RETIRED = "retired"
    """It was pushed, and later ones have taken its place."""


@dataclass(frozen=True)
class Entry:
    """A span and its model.

    Attributes:
        span: The span.
        state: What became of the model.
        version: Its number in the push destination; None where it was rejected.
        digest: The hexadecimal sha256 of its files; empty where it was rejected.
        reason: Why it is not served; empty where it is.
    """

    span: int
    state: State
    version: int | None = None
    digest: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Ledger:
    """The entries of a served model, oldest first; of each span one.

    Attributes:
        entries: The entries.
    """

    entries: Sequence[Entry] = ()

    @classmethod
    def read(cls, root: Path) -> Ledger:
        """Read the ledger of a folder; an empty one where there is none.

        Raises:
            BadInputError: If the file is no ledger.
        """
        path = root / FILE_NAME
        if not path.exists():
            return cls()
        entries = read_json_object(path, "a ledger of retraining").get("entries")
        try:
            return cls(tuple(_entry(item) for item in entries))  # type: ignore[attr-defined]
        except (TypeError, KeyError, ValueError) as error:
            raise BadInputError(
                f"Expected a ledger of retraining, found an entry that cannot be read in {path}: "
                f"{error}."
            ) from error

    def write(self, root: Path) -> None:
        """Write the ledger of a folder, whole or not at all."""
        entries = [asdict(entry) for entry in self.entries]
        write_bytes(root / FILE_NAME, canonical_json({"entries": entries}))

    def of_span(self, span: int) -> Entry | None:
        """Return a span's entry, if it has one."""
        return next((entry for entry in self.entries if entry.span == span), None)

    def served(self) -> Sequence[Entry]:
        """Return the entries whose models are in the push destination, the newest last."""
        pushed = [entry for entry in self.entries if entry.state is State.PUSHED]
        return sorted(pushed, key=lambda entry: entry.version or 0)

    def next_version(self) -> int:
        """Return the number of the next version: none is ever used twice."""
        return 1 + max((entry.version or 0 for entry in self.entries), default=0)

    def with_entry(self, entry: Entry) -> Ledger:
        """Return the ledger with a span's entry put last, in the place of an earlier one."""
        return Ledger((*(each for each in self.entries if each.span != entry.span), entry))

    def with_state(self, span: int, state: State, reason: str = "") -> Ledger:
        """Return the ledger with another state of a span's model."""
        return Ledger(
            tuple(
                replace(each, state=state, reason=reason) if each.span == span else each
                for each in self.entries
            )
        )


def _entry(item: Mapping[str, object]) -> Entry:
    version = item["version"]
    return Entry(
        span=int(str(item["span"])),
        state=State(item["state"]),
        version=None if version is None else int(str(version)),
        digest=str(item["digest"]),
        reason=str(item["reason"]),
    )
