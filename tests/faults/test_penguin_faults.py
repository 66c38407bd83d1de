"""Faults planted in a real pipeline: each run succeeds, is not blessed, and names its cause."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = [pytest.mark.tfx, pytest.mark.tensorflow, pytest.mark.native]

FAULTS = {
    "unscaled": ("PREPROCESSING_SKEW", "_mm_xf (from "),
    "through_float16": ("PRECISION_LOSS", "float16"),
    "over_the_batch": ("BATCH_DEPENDENT", "over_the_batch"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_not_pushed_and_is_named(penguins_demo: Path, fault: str) -> None:
    """The pipeline ends, the model is neither blessed nor pushed, the report has code and place."""
    from penguin_runs import run_penguins

    before = tuple(sorted((penguins_demo / "serving_model").iterdir()))
    code, place = FAULTS[fault]

    run = run_penguins(penguins_demo, "--run-fn", f"penguin_faults.{fault}")

    assert (run.exit_code, run.report["verdict"]) == (1, "FAIL")
    assert code == run.codes[0], run.report["causes"]
    assert place in run.report["causes"][0]["place"]
    assert (("INFRA_NOT_BLESSED",), before) == (run.blessing, run.pushed)


def test_a_fault_that_matters_shows_in_the_metrics_by_slice(penguins_demo: Path) -> None:
    """Unscaled measures cost accuracy overall, and not on every species alike."""
    from penguin_runs import run_penguins

    run = run_penguins(penguins_demo, "--run-fn", "penguin_faults.unscaled")

    accuracy = {
        tuple(map(tuple, metric["slice"])): metric
        for metric in run.report["metrics"]["metrics"]
        if metric["name"] == "sparse_categorical_accuracy"
    }
    assert accuracy[()]["trainer"] > 0.9
    assert accuracy[()]["difference"] < -0.2
    assert len({metric["difference"] for part, metric in accuracy.items() if part}) > 1
    counts = [m for m in run.report["metrics"]["metrics"] if m["name"] == "example_count"]
    assert {metric["difference"] for metric in counts} == {0.0}


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
