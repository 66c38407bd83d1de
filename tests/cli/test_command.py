"""The command: help, usage errors and bad input, without a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from tfx_parity.cli import main
from tfx_parity.version import VERSION

Run: TypeAlias = "Callable[..., _Done]"


class _Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., _Done]:
    """Return what runs the command in this process and says how it ended."""

    def run_command(*arguments: str) -> _Done:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return _Done(int(ended.value.code or 0), *capfd.readouterr())

    return run_command


def test_help_names_every_subcommand(run: Run) -> None:
    """The subcommands are listed with what they do."""
    done = run("--help")

    assert done.returncode == 0
    for name in ("check", "run", "serve"):
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize("command", ["check", "run", "serve"])
def test_every_subcommand_has_help(run: Run, command: str) -> None:
    """Each says its options and ends well."""
    done = run(command, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "--" in done.stdout


def test_the_version_is_the_packages(run: Run) -> None:
    """--version prints the version of the package."""
    assert f"tfx-parity, version {VERSION}\n" == run("--version").stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["check"], "Missing argument 'MODEL'"),
        (["check", "m"], "Missing option '--predictions'"),
        (["check", "m", "--predictions", "p", "--max-mismatch-rate", "1"], "0<x<1"),
        (["check", "m", "--predictions", "p", "--tolerance", "scores"], "OUTPUT=RTOL,ATOL"),
        (["check", "m", "--predictions", "p", "--tolerance", "s=-1,0"], "zero or more"),
        (["check", "m", "--predictions", "missing"], "found nothing there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_exit_2_and_says_what_was_expected(
    run: Run, tmp_path: Path, arguments: list[str], text: str
) -> None:
    """The message is on standard error, and nothing is written."""
    done = run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_records_that_are_no_tfrecord_are_exit_2(run: Run, tmp_path: Path) -> None:
    """A text file in the place of predictions is told with its path; no report is begun."""
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("not a TFRecord file, by far")
    report = tmp_path / "report"

    done = run("check", "model", "--predictions", str(wrong), "--report", str(report))

    assert done.returncode == 2
    assert f"found a wrong checksum of the length at record 0 of {wrong}" in done.stderr
    assert not report.exists()
