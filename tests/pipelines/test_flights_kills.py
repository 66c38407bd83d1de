"""The real retraining job, killed at random moments and started again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.tfx, pytest.mark.long_runs]
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill_retraining.py"


def test_a_job_that_is_killed_and_started_again_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """Killed twice, the second time while it makes good for the first; the script does it often."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--kills=2", "--in-a-row=2", f"--root={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "2 of 2 kills changed nothing in the end" in done.stdout
