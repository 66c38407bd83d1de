"""The usage of `tfx-parity kubeflow`; what it does is tested with its modules."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from compiled_specs import two_steps

from tfx_parity.cli.command import cli
from tfx_parity.errors import BadInputError
from tfx_parity.kubeflow.spec import read_spec, write_spec


def _invoke(*arguments: str) -> None:
    done = CliRunner().invoke(cli, ["kubeflow", *arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception


@pytest.mark.parametrize("option", ["--set", "--env"])
def test_a_setting_without_a_value_is_wrong_usage(option: str) -> None:
    """Before TFX is loaded."""
    with pytest.raises(click.BadParameter, match="Expected NAME=VALUE, found 'seed'"):
        _invoke("compile", option, "seed")


def test_a_run_does_not_write_among_other_files(tmp_path: Path) -> None:
    """What an earlier run left could pass for this one's."""
    (tmp_path / "file").touch()

    with pytest.raises(BadInputError, match="Expected an empty folder"):
        _invoke("run", "pipeline.yaml", "--root", str(tmp_path))


def test_the_same_pipeline_gives_the_same_bytes_and_is_read_back(tmp_path: Path) -> None:
    """Whatever the order of its keys."""
    spec = two_steps()
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"

    write_spec(first, spec, "a comment")
    write_spec(second, dict(reversed(spec.items())), "a comment")

    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"# a comment\n")
    assert spec == read_spec(first)
