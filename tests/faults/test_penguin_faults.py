"""Faults planted in a real pipeline: each run succeeds, is not blessed, and names its cause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.tfx, pytest.mark.tensorflow, pytest.mark.native]

# Each with its code, a part of its place, and whether it costs accuracy.
FAULTS = {
    "unscaled": ("PREPROCESSING_SKEW", "_mm_xf (from ", True),
    "through_float16": ("PRECISION_LOSS", "float16", False),
    "over_the_batch": ("BATCH_DEPENDENT", "over_the_batch", False),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_not_pushed_and_is_named(penguins_demo: Path, fault: str) -> None:
    """The pipeline ends, the model is neither blessed nor pushed, the report has code and place."""
    from penguin_runs import run_penguins

    before = tuple(sorted((penguins_demo / "serving_model").iterdir()))
    code, place, costs_accuracy = FAULTS[fault]

    run = run_penguins(penguins_demo, "--run-fn", f"penguin_faults.{fault}")

    assert (run.exit_code, run.report["verdict"]) == (1, "FAIL")
    assert code == run.codes[0], run.report["causes"]
    assert place in run.report["causes"][0]["place"]
    assert (("INFRA_NOT_BLESSED",), before) == (run.blessing, run.pushed)
    lost = _accuracy_lost(run.report)
    assert (costs_accuracy, 4) == (lost[()] > 0.2, len(lost))
    assert costs_accuracy == (len(set(lost.values())) > 1)  # not on every species alike


def _accuracy_lost(report: dict[str, Any]) -> dict[tuple[object, ...], float]:
    """Return by slice how much less accurate the canary is than the trainer was."""
    return {
        tuple(map(tuple, metric["slice"])): -metric["difference"]
        for metric in report["metrics"]["metrics"]
        if metric["name"] == "sparse_categorical_accuracy"
    }


def test_dropout_that_is_exported_rightly_is_blessed(penguins_demo: Path) -> None:
    """A model that only trains with dropout is blessed and leaves no cause."""
    from penguin_runs import run_penguins

    run = run_penguins(penguins_demo, "--run-fn", "penguin_faults.with_dropout")

    assert (run.exit_code, run.report["verdict"], run.codes) == (0, "PASS", [])
    assert run.blessing == ("INFRA_BLESSED",)


def test_a_trainer_that_records_nothing_is_told_the_two_lines(penguins_demo: Path) -> None:
    """The run fails with the lines that run_fn lacks."""
    from penguin_runs import run_penguins

    from tfx_parity.errors import BadInputError

    with pytest.raises(BadInputError, match="import record_predictions\n.*record_predictions"):
        run_penguins(penguins_demo, "--run-fn", "penguin_faults.nothing_recorded")
