"""Three months of flights retrained one after another, the second by a broken trainer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.tfx, pytest.mark.long_runs]
BROKEN = "flight_faults.other_weights"


@dataclass(frozen=True)
class Month:
    """What a job left: its exit code, what it showed, and the versions that are served after it."""

    exit_code: int
    screen: str
    served: tuple[str, ...]


def _retrain(root: Path, *options: str) -> Month:
    from click.testing import CliRunner

    from tfx_parity.cli.command import cli

    arguments = ["retrain", "flights", "--root", str(root), *options]
    done = CliRunner().invoke(cli, arguments, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    served = tuple(sorted(path.name for path in (root / "serving_model").glob("*")))
    return Month(done.return_value, done.output, served)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the served model."""
    return tmp_path_factory.mktemp("flights")


@pytest.fixture(scope="module")
def months(root: Path) -> list[Month]:
    """Return what January, February with a broken trainer, and March left."""
    small = ("--rows", "900", "--train-steps", "60")
    return [
        _retrain(root, "--span", "1", *small),
        _retrain(root, "--span", "2", "--run-fn", BROKEN, *small),
        _retrain(root, "--span", "3", *small),
    ]


def test_the_broken_one_is_not_pushed_and_the_next_is(months: list[Month]) -> None:
    """The served version never leaves the blessed ones."""
    assert [(0, ("1",)), (1, ("1",)), (0, ("1", "2"))] == [
        (month.exit_code, month.served) for month in months
    ]
    assert "CanaryValidator did not bless it" in months[1].screen


def test_the_drift_is_told_against_the_span_of_the_served_model(months: list[Month]) -> None:
    """There is none to tell of the first."""
    assert [False, True, True] == ["drift against" in month.screen for month in months]


def test_the_weights_start_from_the_served_model(months: list[Month], root: Path) -> None:
    """March starts from January's, not from those of the broken February."""
    (log,) = (root / "logs").glob("span-3-*.log")

    assert f"The weights start from {root}/serving_model/1/" in log.read_text(encoding="utf-8")


def test_a_pushed_span_is_told_and_left_alone(months: list[Month], root: Path) -> None:
    """Nothing is loaded, trained or pushed."""
    again = _retrain(root, "--span", "3", "--rows", "900")

    assert (0, ("1", "2")) == (again.exit_code, again.served)
    assert "span 3: pushed, version 2" in again.screen
    assert "Trainer" not in again.screen


def test_a_rollback_serves_the_version_before(months: list[Month], root: Path) -> None:
    """A server was asked for it."""
    done = _retrain(root, "--rollback")

    assert (0, ("1",)) == (done.exit_code, done.served)
    assert "rolled back  version 2 (span 3)" in done.screen
    assert "confirm" in done.screen
