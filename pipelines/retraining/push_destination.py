"""The folder that a model server watches: versions come and go whole.

A model is copied to a name that no server takes for a version, and renamed: the server sees all of
it or nothing (TF Serving's storage_path/file_system_storage_path_source.cc takes whatever has a
number for a name). It goes by a rename as well.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from tfx_parity.errors import BadInputError

_COMING = ".coming"
_GOING = ".going"


def publish(model: Path, destination: Path, version: int) -> Path:
    """Put a model into a push destination; one that is there already is left alone.

    Args:
        model: The model's folder.
        destination: The folder that a model server watches; made if missing.
        version: The number to put it under.

    Returns:
        The version's folder.

    Raises:
        BadInputError: If another model is there under that number.
    """
    target = destination / str(version)
    if not target.exists():
        coming = destination / _COMING
        _remove(coming)
        shutil.copytree(model, coming)
        coming.rename(target)
    elif digest_of_folder(target) != digest_of_folder(model):
        raise BadInputError(
            f"Expected no other model at {target}, found one that was not pushed from {model}. "
            "Move away what was put there by hand."
        )
    return target


def withdraw(destination: Path, version: int) -> None:
    """Take a version out of a push destination; one that is not there is left alone."""
    going = destination / _GOING
    _remove(going)  # Left by one that was killed.
    target = destination / str(version)
    if target.exists():
        target.rename(going)
        _remove(going)


def digest_of_folder(folder: Path) -> str:
    """Return the hexadecimal sha256 of a folder's files, by their names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(folder)} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
