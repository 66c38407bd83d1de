"""What `tfx-parity retrain flights` refuses before anything is loaded or changed."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tfx_parity.cli.command import cli
from tfx_parity.errors import BadInputError


def _run(root: Path, *options: str) -> None:
    arguments = ["retrain", "flights", "--root", str(root), *options]
    done = CliRunner().invoke(cli, arguments, standalone_mode=False)
    if done.exception is not None:
        raise done.exception


@pytest.mark.parametrize("options", [[], ["--span", "3", "--rollback"]])
def test_the_span_is_given_or_a_rollback_asked_for(tmp_path: Path, options: list[str]) -> None:
    """The span is never guessed."""
    with pytest.raises(click.UsageError, match="either the span to learn"):
        _run(tmp_path / "root", *options)
    assert not (tmp_path / "root").exists()


def test_a_span_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    """No ledger, no data and no lease are left behind."""
    with pytest.raises(BadInputError, match="from 1 to 12.*found 13"):
        _run(tmp_path, "--span", "13")
    assert [] == list(tmp_path.iterdir())


def test_a_rollback_with_nothing_pushed_is_bad_input(tmp_path: Path) -> None:
    """There is nothing to serve instead."""
    with pytest.raises(BadInputError, match="an earlier version to roll back to.*found none"):
        _run(tmp_path, "--rollback")


def test_a_trainer_that_is_nowhere_is_bad_input(tmp_path: Path) -> None:
    """It is told before TFX is loaded."""
    with pytest.raises(BadInputError, match="no_such_module"):
        _run(tmp_path, "--span", "1", "--run-fn", "no_such_module.run_fn")
