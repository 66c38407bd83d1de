"""Curated data schemas and the JSON Schemas of the files that tfx-parity writes."""

from __future__ import annotations

from pathlib import Path

from tfx_parity.errors import BadInputError

_FOLDER = Path(__file__).resolve().parent


def schema_path(name: str) -> Path:
    """Return the path of a curated data schema (a text TensorFlow Metadata `Schema`).

    Args:
        name: What the schema is of, such as `penguins`.

    Raises:
        BadInputError: If there is no such schema.
    """
    path = _FOLDER / f"{name}.pbtxt"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in _FOLDER.glob("*.pbtxt")))
        raise BadInputError(f"Expected the name of a curated schema ({known}), found {name!r}.")
    return path
