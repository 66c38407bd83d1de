"""The rungs of the ladder: the pairs of arms, in order, compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.arms import FEATURE_ARMS, Pair
from tfx_parity.canary_validator.comparing import Compared, Limits, compare_arms
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.comparison.tolerance import TRANSFORMED_FEATURES, TolerancePolicy
from tfx_parity.findings import Cause, CauseCode

PAIRS: tuple[Pair, ...] = (
    ("C", "C again"),
    ("C", "C'"),
    ("C", "C1"),
    ("C", "Cs"),
    ("C", "Cp"),
    ("T", "C"),
    ("M", "Bt"),
    ("T", "A"),
    ("A", "B"),
    ("Bt", "Ct"),
    ("B", "C"),
    ("C", "R"),
    ("C", "Rc"),
    ("C", "Rr"),
)


@dataclass(frozen=True)
class Rungs:
    """Every pair of arms compared, and by what.

    Attributes:
        recorded: The requests, and what was recorded beside them.
        answers: Every arm's answers.
        policy: The tolerance of each output.
        limits: What decides over a count.
        compared: The pairs, in order, compared or not.
    """

    recorded: Recorded
    answers: Mapping[str, Answers | Missing]
    policy: TolerancePolicy
    limits: Limits
    compared: Mapping[Pair, Compared]

    def __getitem__(self, pair: Pair) -> Compared:
        return self.compared[pair]

    @property
    def signature_place(self) -> str:
        """The recorded signature as the place of a cause."""
        return f"signature {self.recorded.signature_name!r}"

    def cause(self, code: CauseCode, place: str, rung: Compared, detail: str) -> Cause:
        """Return a cause that a rung proves."""
        return Cause(code, place, rung.evidence(detail, self.recorded.examples))

    def compare_others(self, pair: Pair) -> Compared:
        """Compare two arms of predictions that are no rung."""
        return compare_arms(pair, self.answers, self.policy, self.limits)


def compare_all(
    recorded: Recorded,
    answers: Mapping[str, Answers | Missing],
    policy: TolerancePolicy,
    limits: Limits,
) -> Rungs:
    """Compare every pair.

    Args:
        recorded: The requests, and what was recorded beside them.
        answers: Every arm's answers.
        policy: The tolerance of each output.
        limits: What decides over a count.
    """
    compared = {pair: compare_pair(pair, answers, policy, limits) for pair in PAIRS}
    return Rungs(recorded, answers, policy, limits, compared)


def compare_pair(
    pair: Pair,
    answers: Mapping[str, Answers | Missing],
    policy: TolerancePolicy,
    limits: Limits,
) -> Compared:
    """Compare one pair of the ladder; arguments as for `compare_all`."""
    if set(pair) <= FEATURE_ARMS:
        return compare_arms(pair, _shared_features(pair, answers), TRANSFORMED_FEATURES, limits)
    return compare_arms(pair, answers, policy, limits)


def _shared_features(
    pair: Pair, answers: Mapping[str, Answers | Missing]
) -> Mapping[str, Answers | Missing]:
    """Return two arms with the transformed features that both give: their sets may differ."""
    found = {name: answers[name] for name in pair}
    names = [set(arm.rows) for arm in found.values() if isinstance(arm, Answers)]
    shared = set.intersection(*names) if names else set()
    return {
        name: replace(arm, rows={n: rows for n, rows in arm.rows.items() if n in shared})
        if isinstance(arm, Answers)
        else arm
        for name, arm in found.items()
    }
