"""Records again what RapidJSON answers to the texts of rapidjson_golden.jsonl.

usage: python record_rapidjson.py INCLUDE_DIR

INCLUDE_DIR holds rapidjson/document.h of version 1.1.0 (Debian: rapidjson-dev). Needs g++.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
GOLDEN = HERE / "rapidjson_golden.jsonl"


def main() -> None:
    """Compile the recorder, ask it, and write the file anew."""
    texts = [json.loads(line)["text"] for line in GOLDEN.read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        recorder = Path(folder) / "record"
        source = HERE / "record_rapidjson.cc"
        command = ["g++", "-O2", "-w", "-std=c++17", f"-I{sys.argv[1]}", source, "-o", recorder]
        subprocess.run(command, check=True)
        sent = b"".join(framed(text.encode("latin-1")) for text in texts)
        answers = unframed(
            subprocess.run([recorder], input=sent, capture_output=True, check=True).stdout
        )
    with GOLDEN.open("w", encoding="utf-8") as file:
        for text in texts:
            entry = {"text": text, "recursive": next(answers), "iterative": next(answers)}
            file.write(json.dumps(entry) + "\n")


def framed(message: bytes) -> bytes:
    """Return a message behind its length."""
    return struct.pack("<I", len(message)) + message


def unframed(stream: bytes) -> Iterator[str]:
    """Yield the messages of a stream; each byte is one character."""
    position = 0
    while position < len(stream):
        (size,) = struct.unpack_from("<I", stream, position)
        position += 4
        yield stream[position : position + size].decode("latin-1")
        position += size


if __name__ == "__main__":
    main()
