"""Build the corpus: `python corpus_build.py FOLDER TRANSFORM_GRAPH [CASE...]`, each in FOLDER/CASE.

All of it in one process, because importing TensorFlow takes longer than building a case.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import corpus_clean  # noqa: F401 - registers its builders
import corpus_damage  # noqa: F401
import corpus_habits  # noqa: F401
import corpus_numbers  # noqa: F401
import corpus_requests  # noqa: F401
import corpus_run_time  # noqa: F401
import corpus_serving  # noqa: F401
import corpus_starts  # noqa: F401
from corpus_folder import BUILDERS, Toy


def main(arguments: Sequence[str]) -> None:
    """Build the cases named, all of them where none is."""
    root = Path(arguments[0])
    toy = Toy(Path(arguments[1]), root / "toy")
    for name in arguments[2:] or BUILDERS:
        started = time.monotonic()
        (root / name).mkdir(parents=True)
        BUILDERS[name](root / name, toy)
        print(f"{name}: {time.monotonic() - started:.1f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
