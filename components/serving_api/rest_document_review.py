"""What the reviews of all REST bodies have in common: what is dropped, and how values are shown."""

from __future__ import annotations

from collections.abc import Iterator

from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_echo import echo
from tfx_parity.serving_api.json_reader import JsonObject, JsonValue
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.serving_api.review import Path, ValueChange

_SHOWN_CHARACTERS = 60


def key_changes(
    document: JsonObject, rest: bytes, known: frozenset[bytes]
) -> Iterator[ValueChange]:
    """Yield what of a document is dropped: unknown keys, those said before, and what follows it.

    Args:
        document: The document.
        rest: The bytes behind it.
        known: The keys that are read.
    """
    if rest:
        shown = rest[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
        yield dropped(Reason.TRAILING_BYTES, (), shown)
    seen = set()
    for key, _ in document.members:
        name = key_text(key)
        if key not in known:
            yield dropped(Reason.UNKNOWN_NAME, (name,), name)
        elif key in seen:
            yield dropped(Reason.DUPLICATE_KEY, (name,), name)
        seen.add(key)


def dropped(
    reason: Reason, path: Path, sent: str, alias: str = "", row: int | None = None
) -> ValueChange:
    """Return the change of something that the server takes and that nobody gets."""
    return ValueChange(reason, path, row, alias, sent, "nothing")


def key_text(key: bytes) -> str:
    """Return a key as text; bytes that are not UTF-8 can be had back from it."""
    return key.decode("utf-8", "surrogateescape")


def shown_value(value: JsonValue) -> str:
    """Return a value's beginning, to be shown: the echo of 2.18 is cut."""
    return echo(value, Generation.V2_18)[:_SHOWN_CHARACTERS]
