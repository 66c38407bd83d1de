"""The templates of a scheduler: they start a command of ours, on the month that has ended."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tfx_parity.cli.retrain import flights

FOLDER = Path(__file__).parents[2] / "pipelines" / "retraining" / "templates"
COMMAND = "/opt/tfx-parity/bin/tfx-parity"

pytestmark = pytest.mark.system


def _of_the_crontab() -> str:
    """Return what cron gives to a shell: the line after five fields, an escaped % as %."""
    (line,) = [
        line for line in (FOLDER / "crontab").read_text().splitlines() if not line.startswith("#")
    ]
    assert re.search(r"(?<!\\)%", line) is None  # An end of the line to cron.
    return line.split(" ", 5)[5].replace("\\%", "%").partition(" >>")[0]


def _of_the_service() -> str:
    """Return what systemd gives to a shell: with %% as %."""
    text = (FOLDER / "tfx-parity-retrain.service").read_text(encoding="utf-8")
    found = re.search(r"^ExecStart=/bin/sh -ec '(.*)'$", text, re.MULTILINE)
    assert found is not None
    assert re.search(r"(?<!%)(?:%%)*%(?!%)", found[1]) is None  # A specifier to systemd.
    return found[1].replace("%%", "%").removeprefix("exec ")


@pytest.mark.parametrize("command", [_of_the_crontab, _of_the_service])
def test_the_month_that_has_ended_is_learnt_whole(command: Callable[[], str]) -> None:
    """A shell makes of it arguments that the command takes."""
    words = command()
    assert words.startswith(f"{COMMAND} retrain flights ")
    arguments = words.removeprefix(f"{COMMAND} retrain flights ")
    shown = subprocess.run(
        ["/bin/sh", "-ec", f"printf '%s\\n' {arguments}"],
        capture_output=True,
        text=True,
        check=True,
    )

    taken = flights.make_context("flights", shown.stdout.splitlines()).params

    last_month = dt.date.today().replace(day=1) - dt.timedelta(days=1)
    assert last_month.month == taken["span"]
    assert taken["all_rows"]
    assert Path("/srv/flights") == taken["root"]


def test_a_rejection_is_no_failure_of_the_unit_and_bad_input_is_not_tried_again() -> None:
    """The exit codes are those of the command."""
    text = (FOLDER / "tfx-parity-retrain.service").read_text(encoding="utf-8")

    assert "SuccessExitStatus=1\n" in text
    assert "RestartPreventExitStatus=2 4\n" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
@pytest.mark.parametrize("name", ["tfx-parity-retrain.service", "tfx-parity-retrain.timer"])
def test_systemd_takes_the_units(name: str, tmp_path: Path) -> None:
    """No unknown key, no wrong value; only the paths are to be edited."""
    for path in FOLDER.glob("tfx-parity-retrain.*"):
        shutil.copy(path, tmp_path)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert [] == [line for line in done.stderr.splitlines() if name in line]
