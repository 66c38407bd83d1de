"""A recurring run as a file says it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from kubeflow_server import KubeflowServer, kubeflow_server
from tfx_line import needs_kfp

from tfx_parity.cli.command import cli
from tfx_parity.errors import BadInputError
from tfx_parity.kubeflow.schedule import read_schedule

PIPELINE = """
pipelineInfo: {name: flights}
root:
  dag: {tasks: {}}
  inputDefinitions:
    parameters:
      span: {parameterType: STRING}
      rows: {parameterType: NUMBER_INTEGER, defaultValue: 3000}
schemaVersion: 2.1.0
sdkVersion: tfx-1.16.0
"""
SCHEDULE = """
name: flights-monthly
experiment: flights
pipeline: pipeline.yaml
cron: 0 0 3 2 * *
parameters: {span: '7'}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file of a schedule, beside its pipeline."""
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    path = tmp_path / "schedule.yaml"
    path.write_text(SCHEDULE, encoding="utf-8")
    return path


@pytest.fixture
def server() -> Iterator[KubeflowServer]:
    """Return a running stand-in of the server."""
    with kubeflow_server() as running:
        yield running


def _schedule(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["kubeflow", "schedule", *arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.output


def test_a_dry_run_prints_what_would_be_asked_for(file: Path) -> None:
    """Missed runs are never made up for, and no two overlap."""
    asked = json.loads(_schedule("apply", str(file), "--dry-run"))

    assert ("flights-monthly", "0 0 3 2 * *") == (asked["job_name"], asked["cron_expression"])
    assert (True, 1, {"span": "7"}) == (
        asked["no_catchup"],
        asked["max_concurrency"],
        asked["params"],
    )


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("0 0 3 2 * *", "0 3 2 * *", "six fields.*found 5"),
        ("span: '7'", "", "span without a value"),
        ("span: '7'", "span: '7', month: 1", "found month unknown"),
        ("experiment: flights", "", "found no experiment"),
        ("experiment: flights", "experiment: 7", "a int as experiment"),
        ("name: flights", "no_catchup: false\nname: flights", "the unknown key 'no_catchup'"),
        ("'7'", "'[[ScheduledTime.20060102]]'", "2.16.0 or later.*macros in span.*not given"),
        ("pipeline.yaml", "nowhere.yaml", "compiled pipeline at"),
    ],
)
def test_what_no_server_should_get_is_refused(
    file: Path, before: str, after: str, message: str
) -> None:
    """With what was expected, before any server is asked."""
    file.write_text(SCHEDULE.replace(before, after), encoding="utf-8")

    with pytest.raises(BadInputError, match=message):
        read_schedule(file)


@pytest.mark.parametrize(("version", "is_taken"), [("2.15.9", False), ("2.16.0", True)])
def test_macros_need_a_server_that_replaces_them(file: Path, version: str, is_taken: bool) -> None:
    """An older one would hand them to the pipeline as they are written."""
    macro = "[[ScheduledTime.20060102]]"
    file.write_text(SCHEDULE.replace("'7'", f"'{macro}'"), encoding="utf-8")

    if is_taken:
        assert {"span": macro} == read_schedule(file, version).parameters
    else:
        with pytest.raises(BadInputError, match=f"and the version {version}"):
            read_schedule(file, version)


@pytest.mark.system
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@needs_kfp
def test_a_schedule_is_created_kept_replaced_and_deleted(
    file: Path, server: KubeflowServer
) -> None:
    """Of its name the server holds one; others are left alone."""
    server.experiments["experiment-0"] = "flights"
    others = [{"display_name": name, "recurring_run_id": name} for name in ("a", "b")]
    server.runs = [*others]
    host = ("--host", server.host)

    assert "was created: 0 0 3 2 * *" in _schedule("apply", str(file), *host)
    created = server.runs[-1]
    assert (True, "1", "0 0 3 2 * *") == (
        created["no_catchup"],
        str(created["max_concurrency"]),
        created["trigger"]["cron_schedule"]["cron"],
    )
    assert {"span": "7"} == created["runtime_config"]["parameters"]
    assert "nothing was changed" in _schedule("apply", str(file), *host)
    assert created is server.runs[-1]

    file.write_text(SCHEDULE.replace("'7'", "'8'"), encoding="utf-8")
    assert "not as the file says" in _schedule("show", str(file), *host)
    assert "was replaced" in _schedule("apply", str(file), *host)
    assert [{"span": "8"}] == [run["runtime_config"]["parameters"] for run in server.runs[2:]]
    assert "as the file says" in _schedule("show", str(file), *host)

    assert "was deleted" in _schedule("delete", str(file), *host)
    assert others == server.runs
    assert "is not there" in _schedule("show", str(file), *host)
