"""The parity sample: raw examples, each with the transformed record that Beam made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from tfx_parity.errors import BadInputError
from tfx_parity.files import canonical_json, read_json_object, sha256_of_file, write_bytes
from tfx_parity.tfrecord import read_records, write_records

FOLDER_NAME = "parity_sample"
KEY_BYTES = 16
MANIFEST = "manifest.json"
FILES = ("raw.tfrecord", "transformed.tfrecord", "coverage_raw.tfrecord", "coverage.tfrecord")


@dataclass(frozen=True)
class Pair:
    """A raw example and its transformed record, both serialized `tf.Example`s."""

    raw: bytes
    transformed: bytes


@dataclass(frozen=True)
class CoverageRow:
    """A raw example made to reach a rare value, and what the transform graph makes of it.

    Attributes:
        feature: The raw feature that holds the rare value.
        value: Which: missing, empty, minimum, maximum, out_of_vocabulary, unicode, very_long.
        raw: The serialized raw example.
        transformed: The serialized transformed record, None where the graph raises.
        error: What the graph raised, None where it answers.
    """

    feature: str
    value: str
    raw: bytes
    transformed: bytes | None
    error: str | None


@dataclass(frozen=True)
class ParitySample:
    """Pairs and coverage rows of one run of a transform graph.

    Attributes:
        pairs: In the order of their keyed hashes.
        coverage: By feature and value.
        seed: What keyed the hashes.
        splits: The splits that the pairs were drawn from.
        available: How many raw examples there were to draw from.
    """

    pairs: tuple[Pair, ...]
    coverage: tuple[CoverageRow, ...]
    seed: int
    splits: tuple[str, ...]
    available: int


def sample_key(record: bytes, seed: int) -> bytes:
    """Return the keyed hash by which raw examples are drawn: the smallest are taken.

    Args:
        record: A serialized raw example in canonical order (`examples.in_canonical_order`).
        seed: Any integer of 64 bits.

    Returns:
        `KEY_BYTES` bytes.
    """
    key = seed.to_bytes(8, "big", signed=True)
    return hashlib.blake2b(record, key=key, digest_size=KEY_BYTES).digest()


def write_sample(folder: Path, sample: ParitySample) -> str:
    """Write a parity sample; the same sample gives the same bytes.

    Args:
        folder: Where to write; made if missing.
        sample: The sample.

    Returns:
        The sample's digest: hexadecimal sha256 over its manifest, which holds those of its files.
    """
    write_records(folder / FILES[0], (pair.raw for pair in sample.pairs))
    write_records(folder / FILES[1], (pair.transformed for pair in sample.pairs))
    write_records(folder / FILES[2], (row.raw for row in sample.coverage))
    write_records(folder / FILES[3], (row.transformed or b"" for row in sample.coverage))
    manifest = canonical_json(
        {
            "count": len(sample.pairs),
            "available": sample.available,
            "seed": sample.seed,
            "splits": list(sample.splits),
            "coverage": [_outcome(row) for row in sample.coverage],
            "sha256": {name: sha256_of_file(folder / name) for name in FILES},
        }
    )
    write_bytes(folder / MANIFEST, manifest)
    return hashlib.sha256(manifest).hexdigest()


def _outcome(row: CoverageRow) -> dict[str, object]:
    fields = asdict(row)
    del fields["raw"], fields["transformed"]
    return fields


def read_sample(folder: Path) -> ParitySample:
    """Read the parity sample that `write_sample` wrote.

    Raises:
        BadInputError: If a file is missing, damaged, or not the one that the manifest names.
    """
    manifest = read_json_object(folder / MANIFEST, "a parity sample's manifest")
    check_digests(folder, cast("dict[str, str]", manifest["sha256"]))
    raw, transformed, coverage_raw, coverage = (list(read_records(folder / n)) for n in FILES)
    return ParitySample(
        pairs=tuple(Pair(r, t) for r, t in zip(raw, transformed, strict=True)),
        coverage=tuple(
            coverage_rows(
                cast("list[dict[str, str]]", manifest["coverage"]), coverage_raw, coverage
            )
        ),
        seed=cast("int", manifest["seed"]),
        splits=tuple(cast("list[str]", manifest["splits"])),
        available=cast("int", manifest["available"]),
    )


def check_digests(folder: Path, sha256: dict[str, str]) -> None:
    """Check that a folder's files are the ones that its manifest names.

    Raises:
        BadInputError: If a file is missing or has another digest.
    """
    for name, digest in sha256.items():
        path = folder / name
        found = sha256_of_file(path) if path.is_file() else None
        if found != digest:
            raise BadInputError(
                f"Expected {path} with the sha256 {digest} that the manifest beside it names, "
                f"found {found or 'no such file'}. The folder was changed after it was written."
            )


def coverage_rows(
    outcomes: Sequence[dict[str, str]], raw: Sequence[bytes], transformed: Sequence[bytes]
) -> Iterable[CoverageRow]:
    """Yield coverage rows from their outcomes, as a manifest holds them, and their records."""
    for outcome, raw_record, record in zip(outcomes, raw, transformed, strict=True):
        yield CoverageRow(
            feature=outcome["feature"],
            value=outcome["value"],
            raw=raw_record,
            transformed=None if outcome["error"] is not None else record,
            error=outcome["error"],
        )
