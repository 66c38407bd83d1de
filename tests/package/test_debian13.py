"""The Debian 13 in which TFX 1.21 runs on older machines: where it cannot be made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)], ids=["in CI", "elsewhere"])
def test_without_roots_rights_it_is_told_and_fails_in_ci_alone(
    tmp_path: Path, ci: str, code: int
) -> None:
    """A developer without root goes on; CI does not pass what it did not test."""
    program = tmp_path / "id"
    program.write_text("#!/bin/sh\necho 1000\n", encoding="utf-8")
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CI": ci}

    done = subprocess.run(
        [ROOT / ".ci" / "debian13", "unit"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (code, "") == (done.returncode, done.stdout)
    assert "TFX 1.21 was not tested" in done.stderr
