"""Tries what would make a served model answer as its trainer did, where nothing else can tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.comparing import Compared, Limits
from tfx_parity.canary_validator.feature_table import FeatureTable
from tfx_parity.canary_validator.input_changes import input_changes, input_losses
from tfx_parity.canary_validator.missing_values import shared_absence
from tfx_parity.canary_validator.output_changes import explain_output
from tfx_parity.canary_validator.panel import Panel
from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.canary_validator.row_order import find_row_order
from tfx_parity.canary_validator.scaling import fit_scaling
from tfx_parity.canary_validator.trials import PAIR, Trial
from tfx_parity.comparison.tolerance import TolerancePolicy
from tfx_parity.findings import Cause, CauseCode

_CODES = frozenset({CauseCode.WEIGHTS_DIFFER, CauseCode.PREPROCESSING_SKEW})
# A first look at few examples rules nearly every change out.
_FEW = 16
_FITTED = 128
_DEADLINE_S = 30.0


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
    an inverse scaling). A change by which every example agrees is the cause; so is one that only
    the served model makes, which its answers then do not notice.

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
    doubtful = [c for c in causes if c.code in _CODES and c.evidence.pair == PAIR]
    is_proven = any(c.code is CauseCode.WEIGHTS_DIFFER for c in doubtful) and bool(
        panel.recorded.variables
    )
    if not doubtful or is_proven or panel.recorded.contract is not None:
        return list(causes)
    progress("trying what would make the canary answer as the trainer did")
    deadline = time.monotonic() + _DEADLINE_S
    found = _Search(Trial(headline, panel, answers, policy, limits, deadline)).find()
    if found is None:
        return list(causes)
    cause = doubtful[0]
    counts = f"{headline.rung.mismatching} of {headline.rung.examples} examples differ"
    evidence = replace(cause.evidence, detail=f"{counts} between T and C: {found.words}")
    explained = replace(cause, code=found.code, place=found.place, evidence=evidence)
    return [explained if other is cause else other for other in causes]


@dataclass(frozen=True)
class _Explanation:
    """What a difference comes from, where, and how that was seen."""

    code: CauseCode
    place: str
    words: str


@dataclass(frozen=True)
class _Search:
    """Searches for an explanation."""

    trial: Trial

    def find(self) -> _Explanation | None:
        """Return the first explanation, what costs no request first."""
        return (
            self._by_missing_values()
            or self._by_outputs()
            or self._by_row_order()
            or self._by_losses()
            or self._by_inputs()
            or self._by_scaling()
        )

    def _by_outputs(self) -> _Explanation | None:
        """Return what turns every output that differs into the trainer's."""
        found = self.trial.both_sides()
        if found is None or self.trial.headline.outputs is None:
            return None
        outputs = self.trial.headline.outputs.outputs
        names = [name for name, output in outputs.items() if output.mismatching.any()]
        rate = self.trial.limits.max_mismatch_rate
        texts = [explain_output(name, *found, self.trial.policy, rate) for name in names]
        if None in texts:
            return None
        words = [f"of output {n!r} {text}" for n, text in zip(names, texts, strict=True)]
        place = f"output{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"
        return _Explanation(CauseCode.SIGNATURE_GLUE, place, f"{'; '.join(words)}.")

    def _by_row_order(self) -> _Explanation | None:
        """Return which requests the recorded answers are of, where they are not of their own."""
        found = self.trial.both_sides()
        if found is None:
            return None
        words = find_row_order(*found, self.trial.policy, self.trial.limits.max_mismatch_rate)
        place = f"recorded predictions {self.trial.panel.recorded.source}"
        return _Explanation(CauseCode.SIGNATURE_GLUE, place, f"{words}.") if words else None

    def _by_missing_values(self) -> _Explanation | None:
        """Return the raw feature that every example lacks which differs, and few of the others."""
        headline, examples = self.trial.headline, self.trial.panel.recorded.examples
        if headline.outputs is None or examples is None:
            return None
        rows = np.flatnonzero(headline.outputs.mismatching)
        differing = {headline.indices[row] for row in rows}
        if (name := shared_absence(examples, differing)) is None:
            return None
        place = f"raw feature {name!r}"
        words = f"only where {place} has no value."
        return _Explanation(CauseCode.MISSING_VALUE_SKEW, place, words)

    def _by_losses(self) -> _Explanation | None:
        """Return what only the served model loses of its requests.

        Only examples that lose something differ, most of those do, and the canary answers them as
        it answers what is left of them.
        """
        headline, inputs = self.trial.headline, self.trial.panel.recorded.inputs
        if headline.outputs is None:
            return None
        rows = np.flatnonzero(headline.outputs.mismatching)
        differing = {headline.indices[row] for row in rows}
        for change in input_losses(inputs):
            lost = _changed(change.apply(inputs), inputs).intersection(headline.indices)
            is_all = len(lost) == len(headline.indices)
            if is_all or not differing <= lost or len(differing) <= len(lost) / 2:
                continue
            if self.trial.is_blind_to(change.apply, lost):
                words = f"only where {change.place} is another once it is {change.words}, which "
                words += "changes no answer of the canary, as if only the served model did so."
                return _Explanation(change.code, change.place, words)
        return None

    def _by_inputs(self) -> _Explanation | None:
        """Return the first change of the requests by which every example agrees."""
        if self.trial.headline.outputs is None:
            return None
        indices = self.trial.headline.indices
        differing = np.flatnonzero(self.trial.headline.outputs.mismatching)
        few = [indices[row] for row in differing[:_FEW]]
        for change in input_changes(self.trial.panel.recorded.inputs):
            if self.trial.agrees(few, change.apply) and self.trial.agrees(indices, change.apply):
                words = f"they agree where {change.place} is {change.words}, as if only the trainer"
                return _Explanation(change.code, change.place, f"{words} did so.")
        return None

    def _by_scaling(self) -> _Explanation | None:
        """Return the z-scores by which every example agrees."""
        trainer, table = self.trial.answers["T"], FeatureTable.of(self.trial.panel.recorded.inputs)
        is_whole = len(self.trial.headline.indices) == self.trial.panel.recorded.count
        if table is None or isinstance(trainer, Missing) or not is_whole:
            return None
        some = range(min(_FITTED, self.trial.panel.recorded.count))
        names = sorted(n for n, rows in trainer.rows.items() if rows[0].dtype.kind == "f")
        expected = _flat(trainer.at(some), names)
        if expected is None:
            return None

        def ask(features: NDArray[np.float64]) -> NDArray[np.float64] | None:
            asked = self.trial.asked(table.rows(features))
            return None if asked is None else _flat(asked, names)

        scaling = fit_scaling(ask, table.features[some], expected)
        if scaling is None:
            return None
        scaled = table.rows(scaling.apply(table.features))
        if not self.trial.agrees(self.trial.headline.indices, lambda _: scaled):
            return None
        place = f"input{'s' if len(table.inputs) > 1 else ''} {', '.join(map(repr, table.inputs))}"
        words = f"they agree where {place} is scaled, as if only the trainer did so"
        text = f"{words}: {scaling.words(table.names)}."
        return _Explanation(CauseCode.PREPROCESSING_SKEW, place, text)


def _changed(changed: Rows, inputs: Rows) -> set[int]:
    """Return the examples that a change of their requests changes."""
    return {
        number
        for name, rows in inputs.items()
        for number, (one, other) in enumerate(zip(rows, changed[name], strict=True))
        if not np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    }


def _flat(rows: Rows, names: Sequence[str]) -> NDArray[np.float64] | None:
    """Return some outputs side by side, [examples, numbers]; None where shapes vary."""
    if not names or any(len({row.shape for row in rows[name]}) > 1 for name in names):
        return None
    parts = [np.stack(rows[name]).astype(np.float64) for name in names]
    return np.hstack([part.reshape(len(part), -1) for part in parts])
