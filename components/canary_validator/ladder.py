"""The ladder: pairs of arms in order; the first that differs names the cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfx_parity.canary.inspection import ModelInspection
from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.arms import FEATURE_ARMS
from tfx_parity.canary_validator.comparing import Compared, Limits, compare_arms, not_compared
from tfx_parity.canary_validator.coverage_check import CoverageFindings
from tfx_parity.canary_validator.features import find_preprocessing_skew
from tfx_parity.canary_validator.precision import is_slight
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.canary_validator.transport import json_rule, rest_requests
from tfx_parity.canary_validator.weights import (
    compare_weights,
    rounded_by_themselves,
    weights_words,
)
from tfx_parity.comparison.tolerance import TRANSFORMED_FEATURES, TolerancePolicy
from tfx_parity.findings import Cause, CauseCode

PAIRS = (
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
Pair = tuple[str, str]
# Each arm here is C asked again, otherwise: a difference is the canary's own noise.
_NOISE: Mapping[Pair, CauseCode] = {
    ("C", "C again"): CauseCode.NONDETERMINISTIC,
    ("C", "C'"): CauseCode.REINITIALISED,
    ("C", "C1"): CauseCode.BATCH_DEPENDENT,
    ("C", "Cs"): CauseCode.BATCH_DEPENDENT,
    ("C", "Cp"): CauseCode.CONCURRENCY,
}
_OF_TRAINING = frozenset(
    {CauseCode.NONDETERMINISTIC, CauseCode.REINITIALISED, CauseCode.BATCH_DEPENDENT}
)


@dataclass(frozen=True)
class Ladder:
    """Every rung, climbed.

    Attributes:
        rungs: The pairs, in order, compared or not.
        causes: The causes that the rungs prove, first cause first.
    """

    rungs: Mapping[Pair, Compared]
    causes: tuple[Cause, ...]

    @property
    def noise_ratio(self) -> float | None:
        """The greatest ratio of the noise rungs; None: not measured, or beyond any tolerance."""
        found = [self.rungs[pair].rung for pair in _NOISE]
        ratios = [rung.max_ratio for rung in found if rung.examples]
        known = [ratio for ratio in ratios if ratio is not None]
        return max(known, default=None) if len(known) == len(ratios) else None


@dataclass(frozen=True)
class Climb:
    """What the ladder is climbed with.

    Attributes:
        recorded: The requests, and what was recorded beside them.
        answers: Every arm's answers.
        coverage: What the coverage rows showed.
        inspection: What the model shows without a request.
        policy: The tolerance of each output.
        limits: What decides over a count.
        is_native: Whether the canary is the native one, whose only difference from the in-process
            reference is the graph rewriter.
    """

    recorded: Recorded
    answers: Mapping[str, Answers | Missing]
    coverage: CoverageFindings
    inspection: ModelInspection
    policy: TolerancePolicy
    limits: Limits
    is_native: bool

    def ladder(self) -> Ladder:
        """Compare every pair and name the causes."""
        rungs = {pair: self._compare(pair) for pair in PAIRS}
        noise = self._noise(rungs)
        if noise:
            rungs = {
                pair: rung if pair in (*_NOISE, ("T", "C"), ("M", "Bt")) else _shadowed(pair, noise)
                for pair, rung in rungs.items()
            }
        causes = noise + self._non_finite(rungs)
        causes += find_preprocessing_skew(rungs["M", "Bt"], self.coverage, self.recorded)
        if not noise:
            causes += self._trainer(rungs) + self._glue(rungs, causes)
            causes += self._run_time(rungs) + self._transport(rungs)
            causes += self._unexplained(rungs, causes)
        return Ladder(rungs, tuple(causes))

    def _compare(self, pair: Pair) -> Compared:
        is_features = set(pair) <= FEATURE_ARMS
        answers = self._shared_features(pair) if is_features else self.answers
        policy = TRANSFORMED_FEATURES if is_features else self.policy
        return compare_arms(pair, answers, policy, self.limits)

    def _shared_features(self, pair: Pair) -> Mapping[str, Answers | Missing]:
        """Return two arms with the transformed features that both give: their sets may differ."""
        found = {name: self.answers[name] for name in pair}
        names = [set(arm.rows) for arm in found.values() if isinstance(arm, Answers)]
        shared = set.intersection(*names) if names else set()
        return {
            name: replace(arm, rows={n: rows for n, rows in arm.rows.items() if n in shared})
            if isinstance(arm, Answers)
            else arm
            for name, arm in found.items()
        }

    def _cause(self, code: CauseCode, place: str, rung: Compared, detail: str) -> Cause:
        return Cause(code, place, rung.evidence(detail, self.recorded.examples))

    def _noise(self, rungs: Mapping[Pair, Compared]) -> list[Cause]:
        """Return what the canary's own noise is; what a first finding brings with it is left out.

        Answers that change from request to request differ on every other noise rung as well, and
        a batch-dependent model differs where threads make other batches.
        """
        symptoms: dict[CauseCode, Cause] = {}
        for pair, code in _NOISE.items():
            is_news = CauseCode.NONDETERMINISTIC not in symptoms and code not in symptoms
            if code is CauseCode.CONCURRENCY and symptoms:
                is_news = False
            if is_news and rungs[pair].is_different:
                detail = f"{_counts(rungs[pair])} between {pair[0]} and {pair[1]}."
                place = f"signature {self.recorded.signature_name!r}"
                symptoms[code] = self._cause(code, place, rungs[pair], detail)
        found = list(symptoms.values())
        if found and found[0].code in _OF_TRAINING:
            return [*self._training_mode(found[0]), *found]
        return found

    def _training_mode(self, symptom: Cause) -> list[Cause]:
        """Return a cause where the graph holds dropout or statistics of a batch."""
        masks = [use for use in self.inspection.random_ops if use.masks]
        uses = [*masks, *self.inspection.batch_statistics_ops]
        if not uses:
            return []
        place = f"op {uses[0].op} (node {uses[0].node})"
        detail = f"{symptom.evidence.detail} The graph holds {place}."
        evidence = replace(symptom.evidence, detail=detail)
        return [Cause(CauseCode.TRAINING_MODE, place, evidence)]

    def _non_finite(self, rungs: Mapping[Pair, Compared]) -> list[Cause]:
        rung = rungs["T", "C"]
        if rung.outputs is None:
            return []
        counts = {
            name: int(np.count_nonzero(output.non_finite_mismatch))
            for name, output in rung.outputs.outputs.items()
        }
        found = {name: count for name, count in counts.items() if count}
        if not found:
            return []
        place = f"output {', '.join(sorted(found))}"
        detail = f"NaN or infinity on one side only, in {max(found.values())} examples."
        return [self._cause(CauseCode.NON_FINITE, place, rung, detail)]

    def _trainer(self, rungs: Mapping[Pair, Compared]) -> list[Cause]:
        """Return the cause of T and A (or, where A is missing, of T and C) that differ."""
        direct = rungs["T", "A"]
        if direct.outputs is not None:
            return self._weights_cause(direct, "") if direct.is_different else []
        headline = rungs["T", "C"]
        if not headline.is_different or rungs["M", "Bt"].is_different:
            return []
        if not self.recorded.variables and headline.is_infinite_only:
            return []
        in_process = compare_arms(("T", "B"), self.answers, self.policy, self.limits)
        if in_process.outputs is not None and not in_process.is_different:
            return []  # The model itself is the trainer's; what runs it is not.
        missing = sorted(n for n, arm in self.answers.items() if isinstance(arm, Missing))
        return self._weights_cause(headline, f" Arms missing: {', '.join(missing)}.")

    def _weights_cause(self, rung: Compared, missing: str) -> list[Cause]:
        weights = compare_weights(self.recorded.variables, self.inspection.variables)
        is_alone = not weights.is_known and self._is_slight(rung)
        if is_alone:
            weights = rounded_by_themselves(self.inspection.variables)
        code, words = weights_words(weights, is_direct=not missing)
        if is_alone and weights.is_rounded:
            words = "the served variables hold fewer bits than their type."
        asked = self.recorded.signature_name if missing else "predict_transformed"
        place = f"signature {asked!r}" if weights.is_equal else weights.place
        casts = self.inspection.narrowing_casts
        if casts and code is CauseCode.SIGNATURE_GLUE and self._is_slight(rung):
            code, place = CauseCode.PRECISION_LOSS, f"op {casts[0].op} (node {casts[0].node})"
            words = "the weights are equal, and the graph computes in fewer bits."
        detail = f"{_counts(rung)} between {rung.rung.pair[0]} and {rung.rung.pair[1]}: {words}"
        return [self._cause(code, place, rung, detail + missing)]

    def _is_slight(self, rung: Compared) -> bool:
        """Whether every number differs by no more than fewer bits of its arithmetic explain."""
        one, other = (self.answers[name] for name in rung.rung.pair)
        if isinstance(one, Missing) or isinstance(other, Missing):
            return False
        return is_slight(one.at(rung.indices), other.at(rung.indices))

    def _glue(self, rungs: Mapping[Pair, Compared], causes: list[Cause]) -> list[Cause]:
        rung = rungs["A", "B"]
        if not rung.is_different or rungs["M", "Bt"].is_different:
            return []
        if any(cause.code is CauseCode.SIGNATURE_GLUE for cause in causes):
            return []
        place = f"signature {self.recorded.signature_name!r}"
        detail = f"{_counts(rung)} though every transformed feature agrees."
        return [self._cause(CauseCode.SIGNATURE_GLUE, place, rung, detail)]

    def _run_time(self, rungs: Mapping[Pair, Compared]) -> list[Cause]:
        code = CauseCode.GRAPH_OPTIMISATION if self.is_native else CauseCode.RUNTIME_SKEW
        for pair in (("Bt", "Ct"), ("B", "C")):
            rung = rungs[pair]
            if rung.is_different:
                place = f"signature {self.recorded.signature_name!r}"
                detail = f"{_counts(rung)} between in process ({pair[0]}) and canary ({pair[1]})."
                return [self._cause(code, place, rung, detail)]
        return []

    def _transport(self, rungs: Mapping[Pair, Compared]) -> list[Cause]:
        causes = []
        for signature, arms in (
            (self.recorded.signature_name, ("R", "Rc")),
            ("serve_raw", ("Rr",)),
        ):
            differing = [
                arm
                for arm in arms
                if rungs["C", arm].is_different and not self._is_right(arm, signature, rungs)
            ]
            if differing:
                rung = rungs["C", differing[0]]
                place, words = self._transport_words(differing, signature)
                detail = f"{_counts(rung)} between gRPC and {words}"
                causes.append(self._cause(CauseCode.TRANSPORT_SKEW, place, rung, detail))
        return causes

    def _is_right(self, arm: str, signature: str, rungs: Mapping[Pair, Compared]) -> bool:
        """Whether another signature answers as the trainer did where the recorded one does not."""
        if signature == self.recorded.signature_name or not rungs["T", "C"].is_different:
            return False
        found = compare_arms(("T", arm), self.answers, self.policy, self.limits)
        return found.outputs is not None and not found.is_different

    def _transport_words(self, arms: Sequence[str], signature: str) -> tuple[str, str]:
        """Return the place of a difference over REST, and what is known of it."""
        requests = rest_requests(arms, signature)
        is_recorded = signature == self.recorded.signature_name
        rule = json_rule(self.recorded.inputs) if is_recorded else None
        if rule is None:
            return requests, f"{requests}."
        return f"{rule[0]} in {requests}", f"{requests}: {rule[0]} {rule[1]}."

    def _unexplained(self, rungs: Mapping[Pair, Compared], causes: list[Cause]) -> list[Cause]:
        """Return a cause where the headline differs and no single rung does."""
        rung = rungs["T", "C"]
        if causes or not rung.is_different:
            return []
        detail = f"{_counts(rung)} between T and C; each rung between them lies within tolerance."
        place = f"signature {self.recorded.signature_name!r}"
        return [self._cause(CauseCode.RUNTIME_SKEW, place, rung, detail)]


def _shadowed(pair: Pair, noise: list[Cause]) -> Compared:
    return not_compared(pair, f"the canary's own answers vary ({noise[0].code.value})")


def _counts(rung: Compared) -> str:
    return f"{rung.rung.mismatching} of {rung.rung.examples} examples differ"
