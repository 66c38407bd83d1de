"""TFRecord files without TensorFlow."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.errors import BadInputError
from tfx_parity.tfrecord import read_records, write_records

# As tf.io.TFRecordWriter wrote the records b"a" and b"".
TENSORFLOW_WROTE = bytes.fromhex(
    "01000000000000000175de4161786ee428000000000000000029039807d8ea82a2"
)


def test_reads_what_tensorflow_wrote(tmp_path: Path) -> None:
    """A file of TensorFlow's own writer gives its records."""
    path = tmp_path / "records"
    path.write_bytes(TENSORFLOW_WROTE)

    assert list(read_records(path)) == [b"a", b""]


def test_writes_what_tensorflow_writes(tmp_path: Path) -> None:
    """The bytes are those of TensorFlow's own writer."""
    path = tmp_path / "records"

    assert write_records(path, [b"a", b""]) == 2
    assert path.read_bytes() == TENSORFLOW_WROTE


@given(records=st.lists(st.binary(max_size=300), max_size=8), zipped=st.booleans())
def test_reads_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], zipped: bool
) -> None:
    """Any records come back in their order, from a plain and from a gzip file."""
    path = tmp_path_factory.mktemp("records") / "file"
    write_records(path, records)
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))

    assert records == list(read_records(path))


@given(data=st.data())
def test_damage_is_told_and_never_passed_on(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A file with any one byte changed gives a clear error, or is no longer a gzip of the same."""
    path = tmp_path_factory.mktemp("records") / "file"
    write_records(path, [b"first", b"second"])
    good = path.read_bytes()
    position = data.draw(st.integers(0, len(good) - 1))
    flip = data.draw(st.integers(1, 255))
    path.write_bytes(good[:position] + bytes([good[position] ^ flip]) + good[position + 1 :])

    with pytest.raises(BadInputError, match="file"):
        list(read_records(path))


@pytest.mark.parametrize("cut", [1, 3, 11, 12, 15, 20])
def test_a_file_cut_short_is_told(tmp_path: Path, cut: int) -> None:
    """The end of the file inside a record is an error, not the end of the records."""
    path = tmp_path / "records"
    write_records(path, [b"record"])
    path.write_bytes(path.read_bytes()[:-cut])

    with pytest.raises(BadInputError, match="record 0 of"):
        list(read_records(path))


def test_a_damaged_length_does_not_ask_for_terabytes(tmp_path: Path) -> None:
    """A length with a right checksum that no record has is refused before anything is read."""
    path = tmp_path / "records"
    write_records(path, [])
    from tfx_parity.tfrecord import _masked_crc

    length = struct.pack("<Q", 1 << 50)
    path.write_bytes(length + struct.pack("<I", _masked_crc(length)))

    with pytest.raises(BadInputError, match="a length of"):
        list(read_records(path))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """The error names the path at which nothing was found."""
    with pytest.raises(BadInputError, match="found none at .*nothing"):
        list(read_records(tmp_path / "nothing"))


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """A writer that raises half way leaves neither a half file nor a temporary one."""
    path = tmp_path / "records"
    write_records(path, [b"old"])

    def broken() -> object:
        yield b"new"
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_records(path, broken())
    assert list(read_records(path)) == [b"old"]
    assert [path] == list(tmp_path.iterdir())
