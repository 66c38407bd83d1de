"""The Debian 13 in which TFX 1.21 runs on older machines: where it cannot be made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]


def _debian13(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / ".ci" / "debian13", "unit"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)], ids=["in CI", "elsewhere"])
def test_without_roots_rights_it_is_told_and_fails_in_ci_alone(
    tmp_path: Path, ci: str, code: int
) -> None:
    """A developer without root goes on; CI does not pass what it did not test."""
    program = tmp_path / "id"
    program.write_text("#!/bin/sh\necho 1000\n", encoding="utf-8")
    program.chmod(0o755)

    done = _debian13(PATH=f"{tmp_path}:{os.environ['PATH']}", CI=ci)

    assert (code, "") == (done.returncode, done.stdout)
    assert "TFX 1.21 was not tested: a Debian 13 root takes root's rights" in done.stderr


def test_a_python_that_is_not_there_is_told_before_anything_is_made() -> None:
    """By its name, and CI does not pass."""
    done = _debian13(PYTHON="python3.99", CI="true")

    assert (1, "") == (done.returncode, done.stdout)
    assert "TFX 1.21 was not tested: there is no python3.99 on this machine." in done.stderr
