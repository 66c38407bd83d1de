"""Which TFX line and which Python `make` sets up, by the machine and by wish."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
CHOOSE = ROOT / "constraints" / "choose"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
Machine = Callable[[str, tuple[str, ...]], dict[str, str]]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return what makes a machine: its environment, by its C library and its Pythons."""

    def make(libc: str, pythons: tuple[str, ...]) -> dict[str, str]:
        for name in ("sh", "sed"):
            (tmp_path / name).symlink_to(str(shutil.which(name)))
        _program(tmp_path / "getconf", f"echo {libc}")
        for version in pythons:
            _program(tmp_path / f"python{version}", f"echo {version}")
        return {"PATH": str(tmp_path)}

    return make


def _program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)


def _choose(environment: dict[str, str], *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [CHOOSE, *words], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.strip(), done.stderr


@pytest.mark.parametrize(
    ("libc", "line"),
    [("glibc 2.36", "1.16"), ("glibc 2.39", "1.21"), ("glibc 2.41.9000", "1.21")],
)
def test_the_line_is_the_newest_for_the_machines_glibc(
    machine: Machine, libc: str, line: str
) -> None:
    """TFX 1.21's wheels need glibc 2.39."""
    assert (0, line, "") == _choose(machine(libc, ()), "line")


@pytest.mark.parametrize(
    ("line", "pythons", "expected"),
    [
        ("1.16", PYTHONS, "python3.11"),
        ("1.16", ("3.10", "3.12"), "python3.10"),
        ("1.21", PYTHONS, "python3.11"),
        ("1.21", ("3.13",), "python3.13"),
    ],
)
def test_the_python_is_the_first_that_the_line_takes(
    machine: Machine, line: str, pythons: tuple[str, ...], expected: str
) -> None:
    """3.11 before the others: every extra is there."""
    code, chosen, error = _choose(machine("glibc 2.41", pythons), "python", line)

    assert (0, expected, "") == (code, Path(chosen).name, error)


@pytest.mark.parametrize(
    ("libc", "words", "told"),
    [
        ("glibc 2.36", ("python", "1.21"), "TFX 1.21 needs glibc 2.39.*this machine has 2.36"),
        ("glibc 2.41", ("line", "1.17"), "expected TFX=1.16 or TFX=1.21, found TFX=1.17"),
        ("glibc 2.41", ("python", "1.16", "python3.12"), "takes Python 3.11, 3.10.*python3.12"),
        ("musl", ("line",), "expected glibc.*'musl'"),
    ],
)
def test_a_wrong_choice_is_told(
    machine: Machine, libc: str, words: tuple[str, ...], told: str
) -> None:
    """What was expected, what was found, and nothing on standard output."""
    code, chosen, error = _choose(machine(libc, ("3.12",)), *words)

    assert (2, "") == (code, chosen)
    assert re.search(told, error), error


def test_make_refuses_before_anything_is_made(tmp_path: Path) -> None:
    """Neither an environment nor a download precedes the error."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "constraints", tmp_path / "constraints")
    before = sorted(os.listdir(tmp_path))

    done = subprocess.run(
        ["make", "TFX=1.17", "demo"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (2, before) == (done.returncode, sorted(os.listdir(tmp_path)))
    assert "expected TFX=1.16 or TFX=1.21, found TFX=1.17" in done.stderr
