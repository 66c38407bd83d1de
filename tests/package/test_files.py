"""Files that are whole or absent, and canonical JSON."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tfx_parity.errors import BadInputError
from tfx_parity.files import canonical_json, read_json_object, sha256_of_file, write_bytes


def test_canonical_json_does_not_depend_on_the_order_of_keys() -> None:
    """The same value gives the same bytes."""
    assert canonical_json({"b": 1, "a": [2]}) == canonical_json({"a": [2], "b": 1})


def test_a_written_file_can_be_read_by_others(tmp_path: Path) -> None:
    """A file written beside and renamed has ordinary permissions, and its folders are made."""
    path = tmp_path / "made" / "file"
    write_bytes(path, b"data")

    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"data", 0o644)


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    """The digest of a file larger than one read is that of its whole content."""
    data = bytes(range(256)) * 5000
    path = tmp_path / "file"
    path.write_bytes(data)

    assert hashlib.sha256(data).hexdigest() == sha256_of_file(path)


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"[1]", "found a JSON list"), (b"{", "found invalid JSON"), (None, "found no file")],
    ids=["list", "broken", "missing"],
)
def test_what_is_no_json_object_is_told(tmp_path: Path, content: bytes | None, text: str) -> None:
    """The error says what was expected and what was found."""
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadInputError, match=text):
        read_json_object(path, "a manifest")
