"""Which model a new one is compared with."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from tfx_parity.tfx_lines import FINGERPRINT

pytestmark = pytest.mark.tfx


def _write_model(folder: Path, weights: str) -> None:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text("graph", encoding="utf-8")
    # Each export has another one, TensorFlow 2.21.
    (folder / FINGERPRINT).write_text(uuid.uuid4().hex, encoding="utf-8")
    (folder / "variables" / "variables.index").write_text(weights, encoding="utf-8")


def _compared(root: Path, pushed: Mapping[str, str], candidate: str) -> tuple[str, str]:
    """Return the weights of the baseline and the name of the folder where it was found."""
    from tfx.types.standard_artifacts import Model

    from tfx_parity.pipelines.baseline import Executor

    _write_model(root / "candidate" / "Format-Serving", candidate)
    for version, weights in pushed.items():
        _write_model(root / "pushed" / version, weights)
    model, baseline = Model(), Model()
    model.uri, baseline.uri = str(root / "candidate"), str(root / "baseline")

    Executor().Do(
        {"candidate": [model]},
        {"model": [baseline]},
        {"push_destination": str(root / "pushed")},
    )

    weights = root / "baseline" / "Format-Serving" / "variables" / "variables.index"
    found_at = Path(baseline.get_string_custom_property("found_at"))
    return weights.read_text(encoding="utf-8"), found_at.name


@pytest.mark.parametrize(
    ("pushed", "candidate", "expected"),
    [
        pytest.param({}, "a", ("a", "Format-Serving"), id="the first is compared with itself"),
        pytest.param({"3": "a"}, "a", ("a", "Format-Serving"), id="a pushed candidate as well"),
        pytest.param({"3": "a", "7": "b"}, "b", ("a", "3"), id="a pushed one is not its own"),
        pytest.param({"3": "a", "7": "b"}, "a", ("b", "7"), id="a later one for an older one"),
        pytest.param({"9": "a", "10": "b"}, "c", ("b", "10"), id="the latest by its number"),
    ],
)
def test_the_baseline_is_the_latest_other_pushed_model(
    tmp_path: Path, pushed: dict[str, str], candidate: str, expected: tuple[str, str]
) -> None:
    """The newest version that is not the candidate, which stands in where there is none."""
    assert expected == _compared(tmp_path, pushed, candidate)


def test_a_version_that_is_still_being_pushed_is_passed_over(tmp_path: Path) -> None:
    """Pusher copies saved_model.pb last: a folder without it is no model yet."""
    (tmp_path / "pushed" / "8" / "variables").mkdir(parents=True)

    assert ("a", "7") == _compared(tmp_path, {"7": "a"}, "b")
