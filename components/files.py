"""Files that are whole or absent, and JSON that is the same for the same value."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import orjson

from tfx_parity.errors import BadInputError


@contextmanager
def written_beside(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` that takes its place once it is written whole.

    Args:
        path: The file to replace; missing folders are made.

    Yields:
        A binary file to write to. If the block raises, `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield cast("IO[bytes]", file)
        beside.chmod(0o644)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    with written_beside(path) as file:
        file.write(data)


def canonical_json(value: object) -> bytes:
    """Return JSON with sorted keys, indent and a final newline: the same value, the same bytes.

    Raises:
        TypeError: If the value holds what JSON cannot (other than dataclasses and enums).
    """
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(value, option=options)


def read_json_object(path: Path, what: str) -> dict[str, object]:
    """Read a JSON object from a file.

    Args:
        path: The file.
        what: What the file should be, for the error's text.

    Raises:
        BadInputError: If there is no such file, or it does not hold a JSON object.
    """
    try:
        value = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise BadInputError(f"Expected {what}, found no file at {path}.") from error
    except orjson.JSONDecodeError as error:
        raise BadInputError(f"Expected {what}, found invalid JSON in {path}: {error}.") from error
    if not isinstance(value, dict):
        raise BadInputError(
            f"Expected {what}, found a JSON {type(value).__name__} instead of an object in {path}."
        )
    return cast("dict[str, object]", value)


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file's bytes."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
