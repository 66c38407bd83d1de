"""One run at a time in a folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfx_parity.errors import BadInputError

_FILE = ".lock"


@contextmanager
def sole_run(root: Path) -> Iterator[None]:
    """Keep other runs out of a folder while the block runs.

    Two runs at once would write into one metadata store and push into one folder. The lock goes
    with its process, however that ends.

    Args:
        root: The folder of the runs; made if missing.

    Raises:
        BadInputError: If another run is under way there.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / _FILE).open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInputError(
                f"Expected no other run in {root}, found one under way. Wait until it has ended, "
                "or give another --root."
            ) from error
        yield
