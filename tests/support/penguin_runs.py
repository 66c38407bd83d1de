"""Runs of the penguins pipeline through the command, in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from tfx_parity.cli.command import cli


@dataclass(frozen=True)
class PenguinsRun:
    """What a run left.

    Attributes:
        exit_code: The command's exit code.
        screen: What was shown.
        root: The folder of the run.
        report: The newest parity report.
        report_path: Its file.
        blessing: The names of the files in the newest InfraBlessing.
        pushed: The folders of pushed models, oldest first.
    """

    exit_code: int
    screen: str
    root: Path
    report: dict[str, Any]
    report_path: Path
    blessing: tuple[str, ...]
    pushed: tuple[Path, ...]

    @property
    def codes(self) -> list[str]:
        """The codes of the report's causes, first cause first."""
        return [cause["code"] for cause in self.report["causes"]]


def run_penguins(root: Path, *options: str) -> PenguinsRun:
    """Run the pipeline and read what it left."""
    arguments = ["run", "penguins", "--root", str(root), *options]
    done = CliRunner().invoke(cli, arguments, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    validator = root / "artifacts" / "CanaryValidator"
    report_path = _newest(validator / "report") / "report.json"
    serving = root / "serving_model"
    return PenguinsRun(
        exit_code=done.return_value,
        screen=done.output,
        root=root,
        report=json.loads(report_path.read_bytes()),
        report_path=report_path,
        blessing=tuple(path.name for path in _newest(validator / "blessing").iterdir()),
        pushed=tuple(sorted(serving.iterdir())) if serving.is_dir() else (),
    )


def _newest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: int(path.name))
