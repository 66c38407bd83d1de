"""Tries what would make a served model answer as its trainer did, where nothing else can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tfx_parity.canary.client import RequestError
from tfx_parity.canary_validator.answers import (
    Answers,
    Missing,
    RowCountError,
    UnevenRowsError,
    split_rows,
    stack_rows,
)
from tfx_parity.canary_validator.arms import Panel
from tfx_parity.canary_validator.comparing import Compared, Limits, compare_arms
from tfx_parity.canary_validator.input_changes import InputChange, input_changes
from tfx_parity.canary_validator.output_changes import explain_output
from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.comparison.tolerance import TolerancePolicy
from tfx_parity.findings import Cause, CauseCode

_PAIR = ("T", "C")
_CODES = frozenset({CauseCode.WEIGHTS_DIFFER, CauseCode.PREPROCESSING_SKEW})
# A first look at few examples rules nearly every change out.
_FEW = 16


def explain_difference(
    causes: Sequence[Cause],
    headline: Compared,
    panel: Panel,
    answers: Mapping[str, Answers | Missing],
    policy: TolerancePolicy,
    limits: Limits,
    progress: Callable[[str], None],
) -> list[Cause]:
    """Return the causes, one that only T and C prove with what explains it, if that is found.

    Where the arms between trainer and canary are missing, changed weights and another preprocessing
    look alike. What people get wrong most can be tried: the recorded requests are sent changed
    (other channels, another scale, rounded), and the answers are changed (another order, softmax,
    an inverse scaling). A change by which every example agrees is the cause.

    Args:
        causes: The causes, first cause first.
        headline: The rung of T and C.
        panel: What arms are asked with.
        answers: Every arm's answers.
        policy: The tolerance of each output.
        limits: What decides over a count.
        progress: Told that the search begins.

    Raises:
        CanaryDied: If the server is dead.
    """
    doubtful = [c for c in causes if c.code in _CODES and c.evidence.pair == _PAIR]
    is_proven = any(c.code is CauseCode.WEIGHTS_DIFFER for c in doubtful) and bool(
        panel.recorded.variables
    )
    if not doubtful or is_proven or panel.recorded.contract is not None:
        return list(causes)
    progress("trying what would make the canary answer as the trainer did")
    found = _by_outputs(headline, answers, policy, limits) or _by_inputs(
        headline, panel, answers, policy, limits
    )
    if found is None:
        return list(causes)
    code, place, words = found
    cause = doubtful[0]
    counts = f"{headline.rung.mismatching} of {headline.rung.examples} examples differ"
    evidence = replace(cause.evidence, detail=f"{counts} between T and C: {words}")
    explained = replace(cause, code=code, place=place, evidence=evidence)
    return [explained if other is cause else other for other in causes]


def _by_outputs(
    headline: Compared,
    answers: Mapping[str, Answers | Missing],
    policy: TolerancePolicy,
    limits: Limits,
) -> tuple[CauseCode, str, str] | None:
    """Return what turns every output that differs into the trainer's."""
    trainer, served = (answers[arm] for arm in _PAIR)
    if headline.outputs is None or isinstance(trainer, Missing) or isinstance(served, Missing):
        return None
    mine, theirs = trainer.at(headline.indices), served.at(headline.indices)
    differing = [n for n, output in headline.outputs.outputs.items() if output.mismatching.any()]
    rate = limits.max_mismatch_rate
    explained = {name: explain_output(name, mine, theirs, policy, rate) for name in differing}
    words = [f"of output {name!r} {text}" for name, text in explained.items() if text is not None]
    if len(words) < len(differing):
        return None
    names = ", ".join(repr(name) for name in explained)
    place = f"output{'s' if len(explained) > 1 else ''} {names}"
    return CauseCode.SIGNATURE_GLUE, place, f"{'; '.join(words)}."


def _by_inputs(
    headline: Compared,
    panel: Panel,
    answers: Mapping[str, Answers | Missing],
    policy: TolerancePolicy,
    limits: Limits,
) -> tuple[CauseCode, str, str] | None:
    """Return the first change of the requests by which the canary answers as the trainer did."""
    if headline.outputs is None:
        return None
    differing = np.flatnonzero(headline.outputs.mismatching)
    few = [headline.indices[row] for row in differing[:_FEW]]
    for change in input_changes(panel.recorded.inputs):
        for indices in (few, list(headline.indices)):
            asked = _asked(change, panel, indices)
            if asked is None or not _agrees(asked, indices, answers, policy, limits):
                break
        else:
            words = f"they agree where {change.place} is {change.words}, as if only the trainer did"
            return change.code, change.place, f"{words} so."
    return None


def _asked(change: InputChange, panel: Panel, indices: Sequence[int]) -> Rows | None:
    """Ask the canary the changed requests; None where it does not answer them all."""
    rows: dict[str, list[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]] = {}
    try:
        for start in range(0, len(indices), panel.batch_size):
            batch = indices[start : start + panel.batch_size]
            inputs = stack_rows(change.inputs, batch)
            outputs = panel.canary.predict(panel.recorded.signature_name, inputs)
            for name, found in split_rows(outputs, len(batch)).items():
                rows.setdefault(name, []).extend(found)
    except (RequestError, RowCountError, UnevenRowsError):
        return None
    return rows


def _agrees(
    asked: Rows,
    indices: Sequence[int],
    answers: Mapping[str, Answers | Missing],
    policy: TolerancePolicy,
    limits: Limits,
) -> bool:
    changed = {**answers, "C": Answers(tuple(indices), asked, {})}
    rung = compare_arms(_PAIR, changed, policy, limits).rung
    return rung.examples > 0 and rung.mismatching <= limits.max_mismatch_rate * rung.examples
