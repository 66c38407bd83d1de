"""A stand-in for the binary `tensorflow_model_server`: the native canary under its name.

It takes the same flags, prints a version as the binary does, and ends with the binary's words where
the model cannot be loaded. What it was started with is appended to `<its own path>.argv`.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

VERSION = "TensorFlow ModelServer: 0.0.0+dev.sha.0123456\nTensorFlow Library: {library}\n"
_ONLY_THE_BINARY_KNOWS = ("--max_num_load_retries=", "--file_system_poll_wait_seconds=")
_NATIVE_REFUSAL = re.compile(r"Failed to start server\. Error: (.*)\n", re.DOTALL)


def write_stand_in(path: Path, library: str) -> Path:
    """Write an executable stand-in that says it holds a version of TensorFlow."""
    path.write_text(
        f"#!{sys.executable}\n"
        f"import sys\nsys.path[:] = {sys.path!r}\n"
        "import model_server_stand_in\n"
        f"model_server_stand_in.main({str(path)!r}, {library!r})\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


class _BinaryWords:
    """Standard error, on which the native canary's refusal is said in the binary's words."""

    def write(self, text: str) -> None:
        refusal = _NATIVE_REFUSAL.fullmatch(text)
        if refusal is not None and "did not become available" not in text:
            text = (
                "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available: "
                f"{{{{{{name: canary version: 1}} due to error: {refusal[1]}}}, }}\n"
            )
        sys.__stderr__.write(text)

    def flush(self) -> None:
        sys.__stderr__.flush()


def main(path: str, library: str) -> None:
    """Be the binary."""
    with Path(f"{path}.argv").open("a", encoding="utf-8") as file:
        file.write(" ".join(sys.argv[1:]) + "\n")
    if "--version" in sys.argv:
        sys.stdout.write(VERSION.format(library=library))
        sys.exit(0)
    # The binary logs when it begins to load.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
    from tfx_parity.canary.server import serve_main

    sys.stderr = _BinaryWords()
    flags = [flag for flag in sys.argv[1:] if not flag.startswith(_ONLY_THE_BINARY_KNOWS)]
    sys.exit(serve_main(flags))
