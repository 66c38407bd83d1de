"""Tries what would make a served model answer as its trainer did, where nothing else can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

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
from tfx_parity.canary_validator.feature_table import FeatureTable
from tfx_parity.canary_validator.input_changes import input_changes
from tfx_parity.canary_validator.output_changes import explain_output
from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.canary_validator.scaling import fit_scaling
from tfx_parity.comparison.tolerance import TolerancePolicy
from tfx_parity.findings import Cause, CauseCode

_PAIR = ("T", "C")
_CODES = frozenset({CauseCode.WEIGHTS_DIFFER, CauseCode.PREPROCESSING_SKEW})
# A first look at few examples rules nearly every change out.
_FEW = 16
_FITTED = 128


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
    found = (
        _by_outputs(headline, answers, policy, limits)
        or _by_inputs(headline, panel, answers, policy, limits)
        or _by_scaling(headline, panel, answers, policy, limits)
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
            asked = _asked(change.inputs, panel, indices)
            if asked is None or not _agrees(asked, indices, answers, policy, limits):
                break
        else:
            words = f"they agree where {change.place} is {change.words}, as if only the trainer did"
            return change.code, change.place, f"{words} so."
    return None


def _by_scaling(
    headline: Compared,
    panel: Panel,
    answers: Mapping[str, Answers | Missing],
    policy: TolerancePolicy,
    limits: Limits,
) -> tuple[CauseCode, str, str] | None:
    """Return the z-scores by which the canary answers as the trainer did."""
    trainer, table = answers["T"], FeatureTable.of(panel.recorded.inputs)
    indices = list(headline.indices)
    is_whole = len(indices) == panel.recorded.count
    if table is None or isinstance(trainer, Missing) or not is_whole:
        return None
    some = indices[:_FITTED]
    names = sorted(n for n, rows in trainer.rows.items() if rows[0].dtype.kind == "f")
    expected = _flat(trainer.at(some), names)
    if expected is None:
        return None

    def ask(features: NDArray[np.float64]) -> NDArray[np.float64] | None:
        asked = _asked(table.rows(features), panel, range(len(features)))
        return None if asked is None else _flat(asked, names)

    scaling = fit_scaling(ask, table.features[some], expected)
    if scaling is None:
        return None
    asked = _asked(table.rows(scaling.apply(table.features)), panel, indices)
    if asked is None or not _agrees(asked, indices, answers, policy, limits):
        return None
    place = f"input{'s' if len(table.inputs) > 1 else ''} {', '.join(map(repr, table.inputs))}"
    words = f"they agree where {place} is scaled, as if only the trainer did so: "
    return CauseCode.PREPROCESSING_SKEW, place, f"{words}{scaling.words(table.names)}."


def _flat(rows: Rows, names: Sequence[str]) -> NDArray[np.float64] | None:
    """Return some outputs side by side, [examples, numbers]; None where shapes vary."""
    if not names or any(len({row.shape for row in rows[name]}) > 1 for name in names):
        return None
    parts = [np.stack(rows[name]).astype(np.float64) for name in names]
    return np.hstack([part.reshape(len(part), -1) for part in parts])


def _asked(inputs: Rows, panel: Panel, indices: Sequence[int]) -> Rows | None:
    """Ask the canary the changed requests; None where it does not answer them all."""
    rows: dict[str, list[NDArray[np.generic]]] = {}
    try:
        for start in range(0, len(indices), panel.batch_size):
            batch = indices[start : start + panel.batch_size]
            asked = stack_rows(inputs, batch)
            outputs = panel.canary.predict(panel.recorded.signature_name, asked)
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
