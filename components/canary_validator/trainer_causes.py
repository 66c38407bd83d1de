"""What sets the model apart from its trainer where preprocessing does not: weights, glue."""

from __future__ import annotations

from tfx_parity.canary.inspection import ModelInspection
from tfx_parity.canary.op_uses import CLOCKS
from tfx_parity.canary_validator.answers import Missing
from tfx_parity.canary_validator.comparing import Compared
from tfx_parity.canary_validator.precision import is_slight
from tfx_parity.canary_validator.rungs import Rungs
from tfx_parity.canary_validator.weights import (
    compare_weights,
    rounded_by_themselves,
    weights_words,
)
from tfx_parity.findings import Cause, CauseCode


def find_trainer_causes(rungs: Rungs, inspection: ModelInspection) -> list[Cause]:
    """Return the cause of T and A (or, where A is missing, of T and C) that differ.

    Args:
        rungs: The pairs, compared.
        inspection: What the model shows without a request.
    """
    direct = rungs["T", "A"]
    if direct.outputs is not None:
        return _weights_cause(rungs, direct, inspection, "") if direct.is_different else []
    headline = rungs["T", "C"]
    if not headline.is_different or rungs["M", "Bt"].is_different:
        return []
    if not rungs.recorded.variables and headline.is_infinite_only:
        return []
    in_process = rungs.compare_others(("T", "B"))
    if in_process.outputs is not None and not in_process.is_different:
        return []  # The model itself is the trainer's; what runs it is not.
    missing = sorted(n for n, arm in rungs.answers.items() if isinstance(arm, Missing))
    return _weights_cause(rungs, headline, inspection, f" Arms missing: {', '.join(missing)}.")


def find_glue(rungs: Rungs, causes: list[Cause]) -> list[Cause]:
    """Return a cause where the recorded signature does more than transform and predict.

    Args:
        rungs: The pairs, compared.
        causes: Those found so far.
    """
    rung = rungs["A", "B"]
    if not rung.is_different or rungs["M", "Bt"].is_different:
        return []
    if any(cause.code is CauseCode.SIGNATURE_GLUE for cause in causes):
        return []
    detail = f"{rung.counts} though every transformed feature agrees."
    return [rungs.cause(CauseCode.SIGNATURE_GLUE, rungs.signature_place, rung, detail)]


def _weights_cause(
    rungs: Rungs, rung: Compared, inspection: ModelInspection, missing: str
) -> list[Cause]:
    weights = compare_weights(rungs.recorded.variables, inspection.variables)
    is_alone = not weights.is_known and _is_slight(rungs, rung)
    if is_alone:
        weights = rounded_by_themselves(inspection.variables)
    code, words = weights_words(weights, is_direct=not missing)
    if is_alone and weights.is_rounded:
        words = "the served variables hold fewer bits than their type."
    asked = rungs.recorded.signature_name if missing else "predict_transformed"
    place = f"signature {asked!r}" if weights.is_equal else weights.place
    if not weights.rounded and not weights.changed:
        known = "the weights are equal, and " if weights.is_known else ""
        is_glue = code is CauseCode.SIGNATURE_GLUE or not weights.is_known
        clocks = [use for use in inspection.random_ops if use.op in CLOCKS]
        casts = inspection.narrowing_casts
        if clocks:
            code, place = CauseCode.NONDETERMINISTIC, f"op {clocks[0].op} (node {clocks[0].node})"
            words = f"{known}the graph reads the clock."
        elif casts and is_glue and _is_slight(rungs, rung):
            code, place = CauseCode.PRECISION_LOSS, f"op {casts[0].op} (node {casts[0].node})"
            words = f"{known}the graph computes in fewer bits."
    detail = f"{rung.counts} between {rung.rung.pair[0]} and {rung.rung.pair[1]}: {words}"
    return [rungs.cause(code, place, rung, detail + missing)]


def _is_slight(rungs: Rungs, rung: Compared) -> bool:
    """Whether every number differs by no more than fewer bits of its arithmetic explain."""
    one, other = (rungs.answers[name] for name in rung.rung.pair)
    if isinstance(one, Missing) or isinstance(other, Missing):
        return False
    return is_slight(one.at(rung.indices), other.at(rung.indices))
