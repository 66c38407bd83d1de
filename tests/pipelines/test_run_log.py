"""What goes to the log of a run and what to the screen."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from tfx_parity.pipelines.run_log import run_log

NOISY = """
import logging, os, subprocess, sys, warnings
from pathlib import Path
from tfx_parity.pipelines.run_log import run_log
print("before")
try:
    with run_log(Path(sys.argv[1])) as log:
        handler = logging.StreamHandler()
        logging.getLogger("absl").warning("absl")
        print("print")
        warnings.warn("warning")
        handler.handle(logging.makeLogRecord({"msg": "logging"}))
        os.write(1, b"descriptor 1\\n"); os.write(2, b"descriptor 2\\n")
        subprocess.run(["sh", "-c", "echo child out; echo child err >&2"], check=True)
        print("shown", file=log.screen)
        if sys.argv[2:]: raise KeyError
except KeyError:
    pass
print("after"); print("after err", file=sys.stderr)
handler.handle(logging.makeLogRecord({"msg": "late logging"}))
"""
NOISE = ("WARNING absl: absl", "print", "warning", "logging", "descriptor 1", "descriptor 2")


@pytest.mark.system
@pytest.mark.parametrize("raising", [(), ("raise",)], ids=["leaves", "raises"])
def test_all_noise_goes_to_the_log(tmp_path: Path, raising: tuple[str, ...]) -> None:
    """Python's streams, bare descriptors and children write to the file; the screen stays clear."""
    log = tmp_path / "logs" / "run.log"

    done = subprocess.run(
        [sys.executable, "-c", NOISY, str(log), *raising],
        capture_output=True,
        text=True,
        check=True,
    )

    text = log.read_text(encoding="utf-8")
    assert done.stdout == "before\nshown\nafter\n"
    assert done.stderr == "after err\nlate logging\n"
    assert [noise for noise in (*NOISE, "child out", "child err") if noise not in text] == []
    assert "shown" not in text


def test_a_stream_in_memory_is_the_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard output has no descriptor it is written to as it is, and put back."""
    memory = io.StringIO()
    monkeypatch.setattr(sys, "stdout", memory)

    with run_log(tmp_path / "run.log") as log:
        sys.stdout.write("noise\n")
        log.screen.write("shown")

    assert sys.stdout is memory
    assert memory.getvalue() == "shown"
    assert (tmp_path / "run.log").read_text(encoding="utf-8") == "noise\n"


def test_a_second_run_appends(tmp_path: Path) -> None:
    """Nothing that was logged is lost."""
    for number in (1, 2):
        with run_log(tmp_path / "run.log"):
            sys.stderr.write(f"{number}\n")

    assert (tmp_path / "run.log").read_text(encoding="utf-8") == "1\n2\n"
