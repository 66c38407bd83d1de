"""What a run came to, read from the outputs of its steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfx_parity.errors import BadInputError
from tfx_parity.findings import Verdict
from tfx_parity.pipelines.run_result import read_result
from tfx_parity.pipelines.step_outcome import StepOutcome, StepOutput

REPORT = {
    "verdict": "FAIL",
    "decision": {"sentence": "9 of 344 examples differ"},
    "causes": [
        {"code": "WEIGHTS_DIFFER", "summary": "the weights differ", "place": "dense/kernel"},
        {"code": "TRANSPORT_SKEW", "summary": "JSON differs", "place": "probabilities"},
    ],
    "reproduce": "tfx-parity check ...",
}


def _outcomes(
    folder: Path, *, good: int, blessed: int, pushed: Path | None, payloads: int = 1
) -> dict[str, StepOutcome]:
    (folder / "report.json").write_text(json.dumps(REPORT), encoding="utf-8")
    destination = {} if pushed is None else {"pushed_destination": str(pushed)}

    def outcome(**outputs: dict[str, str | int]) -> StepOutcome:
        return StepOutcome(False, {key: StepOutput(folder, v) for key, v in outputs.items()})

    return {
        "PayloadValidator": outcome(blessing={"blessed": payloads}),
        "Evaluator": outcome(blessing={"blessed": good}),
        "CanaryValidator": outcome(blessing={"blessed": blessed}, report={}),
        "Pusher": outcome(pushed_model={"pushed": int(pushed is not None), **destination}),
    }


def test_the_report_is_told(tmp_path: Path) -> None:
    """Verdict, sentence and causes are those of the report, in its order."""
    result = read_result(_outcomes(tmp_path, good=1, blessed=0, pushed=None))

    assert Verdict.FAIL is result.verdict
    assert result.sentence == "9 of 344 examples differ"
    assert result.causes == [
        "WEIGHTS_DIFFER: the weights differ, dense/kernel",
        "TRANSPORT_SKEW: JSON differs, probabilities",
    ]
    assert tmp_path / "report.html" == result.report
    assert result.reproduce == "tfx-parity check ..."


@pytest.mark.parametrize(
    ("good", "blessed", "reason"),
    [
        (0, 1, "Evaluator found it not good enough"),
        (1, 0, "CanaryValidator did not bless it"),
        (0, 0, "Evaluator found it not good enough and CanaryValidator did not bless it"),
    ],
)
def test_it_says_why_nothing_was_pushed(
    tmp_path: Path, good: int, blessed: int, reason: str
) -> None:
    """Every judge that said no is named."""
    result = read_result(_outcomes(tmp_path, good=good, blessed=blessed, pushed=None))

    assert (None, reason) == (result.pushed, result.not_pushed)


def test_it_says_where_the_model_was_pushed(tmp_path: Path) -> None:
    """The folder is the pushed version's own."""
    folder = tmp_path / "serving_model" / "17"
    folder.mkdir(parents=True)

    result = read_result(_outcomes(tmp_path, good=1, blessed=1, pushed=folder))

    assert (folder, "") == (result.pushed, result.not_pushed)


def test_a_push_from_the_cache_that_was_taken_away_is_no_push(tmp_path: Path) -> None:
    """TFX takes the Pusher from the cache even where its model was deleted since."""
    result = read_result(_outcomes(tmp_path, good=1, blessed=1, pushed=tmp_path / "gone"))

    assert result.pushed is None
    assert "where it is no longer" in result.not_pushed


def test_payloads_that_are_not_blessed_are_a_reason_of_their_own(tmp_path: Path) -> None:
    """CanaryValidator then blesses nothing either, and both are named."""
    result = read_result(_outcomes(tmp_path, good=1, blessed=0, pushed=None, payloads=0))

    expected = (
        "PayloadValidator found fault with what clients send and CanaryValidator did not bless it"
    )
    assert expected == result.not_pushed


@pytest.mark.parametrize("step", ["PayloadValidator", "Evaluator", "CanaryValidator", "Pusher"])
def test_a_step_that_did_not_run_is_an_error(tmp_path: Path, step: str) -> None:
    """Without one of the four there is nothing to say of a push."""
    outcomes = _outcomes(tmp_path, good=0, blessed=0, pushed=None)
    del outcomes[step]

    with pytest.raises(BadInputError, match=f"of {step}, found none among the steps"):
        read_result(outcomes)
