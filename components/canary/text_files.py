"""The files in text form that flags name."""

from __future__ import annotations

from pathlib import Path

from tfx_parity.errors import BadInputError


def read_text(file: str) -> str:
    """Return what a file holds.

    Raises:
        BadInputError: If it cannot be read, with the words that tensorflow_model_server logs.
    """
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"Invalid protobuf file: '{file}': {error}") from error
