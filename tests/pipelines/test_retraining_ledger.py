"""The ledger of a served model."""

from __future__ import annotations

from pathlib import Path

import pytest
from alphabet import ALPHABET
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.errors import BadInputError
from tfx_parity.pipelines.retraining.ledger import FILE_NAME, Entry, Ledger, State
from tfx_parity.pipelines.retraining.push_destination import publish, withdraw

_ENTRIES = st.lists(
    st.builds(
        Entry,
        span=st.integers(0, 10**6),
        state=st.sampled_from(State),
        version=st.none() | st.integers(1, 10**6),
        digest=st.text("0123456789abcdef", max_size=8),
        reason=st.text("".join(filter(str.isprintable, ALPHABET)), max_size=20),
    ),
    unique_by=lambda entry: entry.span,
    max_size=6,
)


@given(_ENTRIES)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]
) -> None:
    """Reading gives what was written, in its order, and equal ledgers are equal bytes."""
    root = tmp_path_factory.mktemp("ledger")
    ledger = Ledger(tuple(entries))
    ledger.write(root)
    data = (root / FILE_NAME).read_bytes()

    read = Ledger.read(root)
    read.write(root)

    assert ledger == read
    assert data == (root / FILE_NAME).read_bytes()


@given(_ENTRIES)
def test_a_version_is_never_used_twice(entries: list[Entry]) -> None:
    """The next is higher than all, whatever became of them."""
    ledger = Ledger(tuple(entries))

    assert all(ledger.next_version() > (entry.version or 0) for entry in entries)


def test_a_damaged_ledger_is_told(tmp_path: Path) -> None:
    """It is never read as an empty one: versions would be used again."""
    (tmp_path / FILE_NAME).write_text('{"entries": [{"span": 1}]}', encoding="utf-8")

    with pytest.raises(BadInputError, match="an entry that cannot be read"):
        Ledger.read(tmp_path)


def test_a_version_comes_and_goes_whole(tmp_path: Path) -> None:
    """Doing either again changes nothing."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "saved_model.pb").write_text("graph", encoding="utf-8")
    served = tmp_path / "serving"
    for _ in range(2):
        assert served / "3" == publish(model, served, 3)
        assert ["3"] == [path.name for path in served.iterdir()]
    for _ in range(2):
        withdraw(served, 3)
        assert [] == list(served.iterdir())
