"""LocalDagRunner with an eye on every step, on a pipeline that takes no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tfx_parity.pipelines.step_outcome import StepOutcome

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

pytestmark = pytest.mark.tfx


@dataclass
class _Shown:
    """Notes what a runner shows: of each step its name, its remarks and how it ended."""

    lines: list[tuple[str, list[str], str]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Note a step."""
        remarks: list[str] = []
        try:
            yield remarks.append
        except Exception:
            self.lines.append((name, remarks, "failed"))
            raise
        self.lines.append((name, remarks, "done"))


def _pipeline(root: Path, *components: object) -> Pipeline:
    from tfx.orchestration.metadata import sqlite_metadata_connection_config
    from tfx.orchestration.pipeline import Pipeline

    return Pipeline(
        pipeline_name="toy",
        pipeline_root=str(root / "artifacts"),
        components=list(components),
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(str(root / "mlmd.sqlite")),
    )


def _make_and_take(root: Path, text: str) -> Pipeline:
    import toy_steps

    make = toy_steps.Make(text=text)
    return _pipeline(root, make, toy_steps.Take(taken=make.outputs["made"]))


def _run(pipeline: Pipeline, shown: _Shown) -> dict[str, StepOutcome]:
    from tfx_parity.pipelines.step_runner import StepRunner

    return dict(StepRunner(pipeline, shown.step).run_all())


def test_each_step_is_shown_and_its_outputs_are_told(tmp_path: Path) -> None:
    """Steps come in their order; an output has its folder and its properties."""
    shown = _Shown()

    outcomes = _run(_make_and_take(tmp_path, "good"), shown)

    assert shown.lines == [("Make", [], "done"), ("Take", [], "done")]
    assert list(outcomes) == ["Make", "Take"]
    made = outcomes["Make"].outputs["made"]
    assert (made.path / "text").read_text(encoding="utf-8") == "good"
    assert made.properties["text"] == "good"
    assert not any(outcome.cached for outcome in outcomes.values())


def test_a_second_run_says_that_it_comes_from_the_cache(tmp_path: Path) -> None:
    """Cached steps are told as such, with the outputs of the first run."""
    first = _run(_make_and_take(tmp_path, "good"), _Shown())
    shown = _Shown()

    second = _run(_make_and_take(tmp_path, "good"), shown)

    cached = ["from the cache"]
    assert [("Make", cached, "done"), ("Take", cached, "done")] == shown.lines
    assert [outcome.cached for outcome in second.values()] == [True, True]
    assert first["Make"].outputs == second["Make"].outputs


def test_only_what_changed_runs_again(tmp_path: Path) -> None:
    """Another parameter is another input of all that follows."""
    _run(_make_and_take(tmp_path, "good"), _Shown())

    second = _run(_make_and_take(tmp_path, "better"), _Shown())

    assert [outcome.cached for outcome in second.values()] == [False, False]


def test_a_failed_step_ends_the_run_with_its_own_error(tmp_path: Path) -> None:
    """The step is named, what it raised is the cause, nothing follows."""
    from tfx_parity.pipelines.step_runner import StepFailedError

    shown = _Shown()

    with pytest.raises(StepFailedError, match="Take failed: found bad") as raised:
        _run(_make_and_take(tmp_path, "bad"), shown)

    assert raised.value.step == "Take"
    assert isinstance(raised.value.__cause__, ValueError)
    assert shown.lines == [("Make", [], "done"), ("Take", [], "failed")]


def test_a_step_without_its_inputs_is_a_failure(tmp_path: Path) -> None:
    """LocalDagRunner logs it and goes on; here it ends the run."""
    import toy_steps
    from tfx.types import Channel
    from tfx.types.standard_artifacts import Model

    from tfx_parity.pipelines.step_runner import StepFailedError

    pipeline = _pipeline(tmp_path, toy_steps.Take(taken=Channel(type=Model)))

    with pytest.raises(StepFailedError, match="Take failed: its inputs could not be resolved"):
        _run(pipeline, _Shown())
