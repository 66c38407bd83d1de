"""The Debian 13 in which TFX 1.21 runs on older machines: where it cannot be made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]


def _debian13(folder: Path, user: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a user, by an `id` in a folder that says so."""
    program = folder / "id"
    program.write_text(f"#!/bin/sh\necho {user}\n", encoding="utf-8")
    program.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    return subprocess.run(
        [ROOT / ".ci" / "debian13", "unit"],
        env=os.environ | {"PATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)], ids=["in CI", "elsewhere"])
def test_without_roots_rights_it_is_told_and_fails_in_ci_alone(
    tmp_path: Path, ci: str, code: int
) -> None:
    """A developer without root goes on; CI does not pass what it did not test."""
    done = _debian13(tmp_path, user=1000, CI=ci)

    assert (code, "") == (done.returncode, done.stdout)
    assert "TFX 1.21 was not tested: a Debian 13 root takes root's rights" in done.stderr


def test_a_python_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path) -> None:
    """By its name, and CI does not pass."""
    done = _debian13(tmp_path, user=0, PYTHON="python3.99", CI="true")

    assert (1, "") == (done.returncode, done.stdout)
    assert "TFX 1.21 was not tested: there is no python3.99 on this machine." in done.stderr
