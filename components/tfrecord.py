"""TFRecord files without TensorFlow.

Format (tensorflow/core/lib/io/record_writer.h): length as little-endian uint64, masked CRC-32C of
those 8 bytes, the record, masked CRC-32C of the record.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

import google_crc32c

from tfx_parity.errors import BadInputError
from tfx_parity.files import written_beside

_GZIP_MAGIC = b"\x1f\x8b"
_HEADER_BYTES = 12
_MASK_DELTA = 0xA282EAD8
# A record longer than this is not one of ours: a damaged length would ask for terabytes.
_MAX_RECORD_BYTES = 1 << 31


def _masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        is_gzip = file.read(2) == _GZIP_MAGIC
    return cast("IO[bytes]", gzip.open(path, "rb")) if is_gzip else path.open("rb")


def _fault(path: Path, index: int, found: str) -> BadInputError:
    return BadInputError(
        f"Expected a TFRecord file (plain or gzip), found {found} at record {index} of {path}. "
        "Give a file that TFRecordWriter, BulkInferrer or record_predictions wrote."
    )


def _checked(path: Path, index: int, data: bytes, crc: bytes, what: str) -> bytes:
    if struct.unpack("<I", crc)[0] != _masked_crc(data):
        raise _fault(path, index, f"a wrong checksum of the {what}")
    return data


def is_record_header(data: bytes) -> bool:
    """Return whether bytes begin with a record's length and its right checksum."""
    header = data[:_HEADER_BYTES]
    if len(header) < _HEADER_BYTES:
        return False
    return bool(struct.unpack("<I", header[8:])[0] == _masked_crc(header[:8]))


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the records of a TFRecord file, plain or gzip, in their order.

    Args:
        path: The file.

    Raises:
        BadInputError: If there is no such file, or it is no TFRecord file, or is cut short.
    """
    if not path.is_file():
        raise BadInputError(f"Expected a TFRecord file, found none at {path}.")
    try:
        with _open(path) as file:
            yield from _records(path, file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadInputError(
            f"Expected a whole gzip file, found damage in {path}: {error}."
        ) from error


def _records(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    index = 0
    while header := file.read(_HEADER_BYTES):
        if len(header) < _HEADER_BYTES:
            raise _fault(path, index, f"{len(header)} stray bytes")
        length_bytes = _checked(path, index, header[:8], header[8:], "length")
        (length,) = struct.unpack("<Q", length_bytes)
        if length > _MAX_RECORD_BYTES:
            raise _fault(path, index, f"a length of {length} bytes")
        record = file.read(length)
        crc = file.read(4)
        if len(record) < length or len(crc) < 4:  # noqa: PLR2004 - the size of a CRC-32C
            raise _fault(path, index, "the end of the file inside a record")
        yield _checked(path, index, record, crc, "record")
        index += 1


def write_records(path: Path, records: Iterable[bytes]) -> int:
    """Write records as a plain TFRecord file, whole or not at all.

    Args:
        path: The file; replaced if it exists.
        records: The records in their order.

    Returns:
        How many records were written.
    """
    count = 0
    with written_beside(path) as file:
        for record in records:
            length = struct.pack("<Q", len(record))
            file.write(length + struct.pack("<I", _masked_crc(length)))
            file.write(record + struct.pack("<I", _masked_crc(record)))
            count += 1
    return count
