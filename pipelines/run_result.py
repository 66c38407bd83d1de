"""What a run came to: the verdict on its model, and whether it was pushed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx_parity.errors import BadInputError
from tfx_parity.files import read_json_object
from tfx_parity.findings import Verdict
from tfx_parity.pipelines.step_outcome import StepOutcome, StepOutput
from tfx_parity.reporting.html_page import FILE_NAME as PAGE_FILE
from tfx_parity.reporting.report_json import FILE_NAME as REPORT_FILE


@dataclass(frozen=True)
class RunResult:
    """What a run came to.

    Attributes:
        verdict: CanaryValidator's verdict.
        sentence: What the verdict rests on, in one sentence.
        causes: Of each cause what it means, with its code and place; the first cause first.
        report: The parity report's page; `report.json` lies beside it.
        reproduce: The command that makes the same check again.
        pushed: The folder of the pushed model; None where nothing was pushed.
        not_pushed: Why nothing was pushed; empty where something was.
    """

    verdict: Verdict
    sentence: str
    causes: Sequence[str]
    report: Path
    reproduce: str
    pushed: Path | None
    not_pushed: str


def read_result(outcomes: Mapping[str, StepOutcome]) -> RunResult:
    """Read what a run came to from the outputs of its steps.

    Args:
        outcomes: What became of PayloadValidator, CanaryValidator, Evaluator and Pusher, by these
                names.

    Raises:
        BadInputError: If one of the three did not run, or the report cannot be read.
    """
    folder = _output(outcomes, "CanaryValidator", "report").path
    report: dict[str, Any] = read_json_object(folder / REPORT_FILE, "a parity report")
    pushed, not_pushed = _push(outcomes)
    return RunResult(
        verdict=Verdict(report["verdict"]),
        sentence=report["decision"]["sentence"],
        causes=[
            f"{cause['code']}: {cause['summary']}, {cause['place']}" for cause in report["causes"]
        ],
        report=folder / PAGE_FILE,
        reproduce=report["reproduce"],
        pushed=pushed,
        not_pushed=not_pushed,
    )


def _push(outcomes: Mapping[str, StepOutcome]) -> tuple[Path | None, str]:
    """Return where the model was pushed, or why it was not."""
    destination = _output(outcomes, "Pusher", "pushed_model").properties.get("pushed_destination")
    if destination is None:
        judges = {
            "PayloadValidator": "PayloadValidator found fault with what clients send",
            "Evaluator": "Evaluator found it not good enough",
            "CanaryValidator": "CanaryValidator did not bless it",
        }
        reasons = [
            reason
            for step, reason in judges.items()
            if not _output(outcomes, step, "blessing").properties.get("blessed")
        ]
        return None, " and ".join(reasons)
    folder = Path(str(destination))
    if not folder.is_dir():
        return None, f"an earlier run pushed it to {folder}, where it is no longer"
    return folder, ""


def _output(outcomes: Mapping[str, StepOutcome], step: str, key: str) -> StepOutput:
    """Return a step's output."""
    if step not in outcomes or key not in outcomes[step].outputs:
        raise BadInputError(
            f"Expected the output {key!r} of {step}, found none among the steps that ran: "
            f"{', '.join(outcomes) or 'no step'}."
        )
    return outcomes[step].outputs[key]
