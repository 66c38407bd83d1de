"""Version folders as TF Serving reads them (storage_path/file_system_storage_path_source.cc)."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import NamedTuple

from tfx_parity.errors import BadInputError

# strings::safe_strto64: blanks around, a sign, decimal digits.
_NUMBER = re.compile(r"\s*([+-]?[0-9]+)\s*", re.ASCII)
_INT64 = range(-(1 << 63), 1 << 63)
# Any of these says that somebody meant the folder to be a SavedModel.
_TRACES = (
    "saved_model.pb",
    "saved_model.pbtxt",
    "saved_model.cpb",
    "variables",
    "fingerprint.pb",
)

_LOG = logging.getLogger(__name__)


class ModelVersion(NamedTuple):
    """One version of a model: its number, and the folder of its SavedModel."""

    number: int
    path: Path


def version_number(name: str) -> int | None:
    """Return the version that a folder's name states, None if it states none."""
    match = _NUMBER.fullmatch(name)
    if match is None or int(match[1]) not in _INT64:
        return None
    return int(match[1])


def is_saved_model(path: Path) -> bool:
    """Tell whether a folder is meant to be a SavedModel, even if it is a damaged one."""
    return any((path / trace).exists() for trace in _TRACES)


def versions_below(base_path: Path, model_name: str) -> dict[int, ModelVersion]:
    """Return the versions below a base path, by number, ascending; there may be none.

    As in TF Serving, everything whose name is a number counts, a file too; of two names for one
    number ("1" and "0001") the last in the order of bytes is taken.

    Args:
        base_path: The folder that holds version folders.
        model_name: For the error's text.

    Raises:
        BadInputError: If the path is relative, or is not there.
    """
    if not base_path.is_absolute():
        raise BadInputError(
            f"Expected model {model_name} to have an absolute path or URI; got "
            f"base_path()={base_path}. Give the full path."
        )
    if not base_path.is_dir():
        raise BadInputError(
            f"Expected a folder with numbered versions of model {model_name}, found no folder at "
            f"{base_path}."
        )
    found: dict[int, str] = {}
    for name in sorted(child.name for child in base_path.iterdir()):
        number = version_number(name)
        if number is None:
            continue
        if number in found:
            _LOG.warning("Version %d: %s is loaded, %s ignored.", number, name, found[number])
        found[number] = name
    return {number: ModelVersion(number, base_path / found[number]) for number in sorted(found)}


def found_versions(base_path: Path, model_name: str) -> dict[int, ModelVersion]:
    """Return the versions below a base path as `versions_below`, of which there is one at least.

    Raises:
        BadInputError: If the path is relative, is not there, or holds no version. TF Serving
            waits for a version in the last case; here nobody would be told.
    """
    found = versions_below(base_path, model_name)
    if not found:
        raise no_versions(base_path, model_name)
    return found


def no_versions(base_path: Path, model_name: str) -> BadInputError:
    """Return the error for a base path without a version to serve, in TF Serving's words."""
    return BadInputError(
        f"No versions of servable {model_name} found under base path {base_path}. Did you "
        "forget to name your leaf directory as a number (eg. '/1/')?"
    )


def latest_version(base_path: Path, model_name: str) -> ModelVersion:
    """Return the version below a base path that TF Serving would serve.

    Args:
        base_path: The folder that holds version folders.
        model_name: For the error's text.

    Raises:
        BadInputError: If there is none; see `found_versions`.
    """
    found = found_versions(base_path, model_name)
    return found[max(found)]


def single_version(saved_model: Path) -> ModelVersion:
    """Return a SavedModel's folder as a version: its name's number, or 1."""
    number = version_number(saved_model.name)
    return ModelVersion(1 if number is None else number, saved_model)


def find_version(model_path: Path, model_name: str) -> ModelVersion:
    """Return the version to serve of what a user calls a model.

    Args:
        model_path: A SavedModel, or a base path with numbered versions.
        model_name: For the error's text.

    Raises:
        BadInputError: If neither is there.
    """
    path = model_path.absolute()
    if is_saved_model(path):
        return single_version(path)
    if not path.is_dir():
        raise BadInputError(
            f"Expected a SavedModel or a folder with numbered versions, found no folder at {path}."
        )
    return latest_version(path, model_name)
