"""Which files hold payloads, and in what form."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import IO, NamedTuple, cast

from google.protobuf.message import DecodeError

from tfx_parity.errors import BadInputError
from tfx_parity.protos import Example, prediction_log_pb2
from tfx_parity.tfrecord import is_record_header, read_records

GZIP_MAGIC = b"\x1f\x8b"
READ_ERRORS = (OSError, EOFError, zlib.error)
_HEAD_BYTES = 1 << 16
_LINE_SUFFIXES = frozenset({".jsonl", ".ndjson"})


class Form(str, Enum):
    """A form of payloads in a file."""

    REST_BODY = "REST body"
    JSON_LINES = "JSON lines"
    PREDICT_REQUEST = "PredictRequest"
    PREDICTION_LOG = "PredictionLog"
    EXAMPLE = "tf.Example"


class FoundFile(NamedTuple):
    """A file that may hold payloads.

    Attributes:
        path: The file.
        damage: Why it cannot be read; empty where nothing is known against it.
    """

    path: Path
    damage: str


def find_files(paths: Iterable[Path]) -> Iterator[FoundFile]:
    """Yield files, and those of folders at any depth in the order of their names.

    Files whose names start with a dot or an underscore, as Beam's temporary ones, are left out
    below a folder.
    """
    for path in paths:
        if not path.is_dir():
            yield _checked(path)
            continue
        found = [child for child in sorted(path.rglob("*")) if not child.is_dir()]
        named = [child for child in found if not child.name.startswith((".", "_"))]
        if not named:
            yield FoundFile(path, "a folder without a file")
        yield from map(_checked, named)


def _checked(path: Path) -> FoundFile:
    if path.is_file():
        return FoundFile(path, "")
    return FoundFile(path, "a link to nothing" if path.is_symlink() else "no such file")


def open_plain(path: Path) -> IO[bytes]:
    """Open a file, through gzip where it is compressed."""
    with path.open("rb") as file:
        is_gzip = file.read(2) == GZIP_MAGIC
    return cast("IO[bytes]", gzip.open(path, "rb")) if is_gzip else path.open("rb")


def form_of(path: Path) -> Form:
    """Return the form of a file's payloads, by its first bytes and its name.

    Raises:
        BadInputError: If it is neither a TFRecord file nor text.
        OSError, EOFError, zlib.error: If it cannot be read.
    """
    with open_plain(path) as file:
        head = file.read(_HEAD_BYTES)
    if is_record_header(head):
        return _form_of_records(path)
    if b"\0" in head:
        raise BadInputError("neither a TFRecord file nor JSON text")
    suffixes = set(path.suffixes)
    return Form.JSON_LINES if suffixes & _LINE_SUFFIXES or _has_lines(head) else Form.REST_BODY


def _has_lines(head: bytes) -> bool:
    """Whether the first two lines that are not blank are objects by themselves, by their ends."""
    lines = [line for line in head.split(b"\n") if line.strip()][:2]
    if len(lines) < 2:  # noqa: PLR2004 - two lines
        return False
    return all(line.lstrip().startswith(b"{") for line in lines) and lines[0].rstrip().endswith(
        b"}"
    )


def _form_of_records(path: Path) -> Form:
    """Return the message that the first record is; what could be several is the likeliest."""
    record = next(read_records(path), b"")
    try:
        log = prediction_log_pb2.PredictionLog.FromString(record)
        if log.HasField("predict_log") and log.predict_log.HasField("request"):
            return Form.PREDICTION_LOG
    except DecodeError:
        pass
    if _is_example(record):
        return Form.EXAMPLE
    return Form.PREDICT_REQUEST


def _is_example(record: bytes) -> bool:
    try:
        features = Example.FromString(record).features.feature
    except DecodeError:
        return False
    return bool(features) and all(value.WhichOneof("kind") for value in features.values())
