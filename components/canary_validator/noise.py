"""The canary's own noise: what differs though the same was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tfx_parity.canary.inspection import ModelInspection, OpUse
from tfx_parity.canary_validator.arms import Pair
from tfx_parity.canary_validator.comparing import not_compared
from tfx_parity.canary_validator.rungs import Rungs
from tfx_parity.findings import Cause, CauseCode

# Each arm here is C asked again, otherwise: a difference is the canary's own noise.
NOISE: Mapping[Pair, CauseCode] = {
    ("C", "C again"): CauseCode.NONDETERMINISTIC,
    ("C", "C'"): CauseCode.REINITIALISED,
    ("C", "C1"): CauseCode.BATCH_DEPENDENT,
    ("C", "Cs"): CauseCode.BATCH_DEPENDENT,
    ("C", "Cp"): CauseCode.CONCURRENCY,
}
_OF_TRAINING = frozenset(
    {CauseCode.NONDETERMINISTIC, CauseCode.REINITIALISED, CauseCode.BATCH_DEPENDENT}
)
# Needs no answers of the canary, or is what the verdict is about.
_NEVER_SHADOWED = frozenset({*NOISE, ("T", "C"), ("M", "Bt")})


def find_noise(rungs: Rungs, inspection: ModelInspection) -> list[Cause]:
    """Return what the canary's own noise is; what a first finding brings with it is left out.

    Answers that change from request to request differ on every other noise rung as well, and a
    batch-dependent model differs where threads make other batches.

    Args:
        rungs: The pairs, compared.
        inspection: What the model shows without a request.
    """
    symptoms: dict[CauseCode, Cause] = {}
    for pair, code in NOISE.items():
        is_news = CauseCode.NONDETERMINISTIC not in symptoms and code not in symptoms
        if code is CauseCode.CONCURRENCY and symptoms:
            is_news = False
        if is_news and rungs[pair].is_different:
            detail = f"{rungs[pair].counts} between {pair[0]} and {pair[1]}."
            symptoms[code] = rungs.cause(code, rungs.signature_place, rungs[pair], detail)
    found = list(symptoms.values())
    if found and found[0].code in _OF_TRAINING:
        return [*_training_mode(found[0], inspection), *found]
    return found


def _training_mode(symptom: Cause, inspection: ModelInspection) -> list[Cause]:
    """Return a cause where the graph holds dropout or statistics of a batch.

    The same batch has the same statistics: they explain what depends on it, and not what changes
    from one request to its like, which is a state that requests leave behind.
    """
    uses: list[OpUse] = [use for use in inspection.random_ops if use.masks]
    if symptom.code is CauseCode.BATCH_DEPENDENT:
        uses += inspection.batch_statistics_ops
    if not uses:
        return []
    place = f"op {uses[0].op} (node {uses[0].node})"
    detail = f"{symptom.evidence.detail} The graph holds {place}."
    evidence = replace(symptom.evidence, detail=detail)
    return [Cause(CauseCode.TRAINING_MODE, place, evidence)]


def shadowed(rungs: Rungs, noise: Sequence[Cause]) -> Rungs:
    """Return the rungs without those that noise makes differ: they would prove nothing."""
    reason = f"the canary's own answers vary ({noise[0].code.value})"
    compared = {
        pair: rung if pair in _NEVER_SHADOWED else not_compared(pair, reason)
        for pair, rung in rungs.compared.items()
    }
    return replace(rungs, compared=compared)
