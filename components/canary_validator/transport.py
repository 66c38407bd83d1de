"""Where REST and gRPC part, and the rule of TensorFlow Serving's JSON that parts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.canary_validator.rungs import Rungs
from tfx_parity.findings import Cause, CauseCode

_FORMS = {"R": "rows", "Rc": "columns", "Rr": "rows"}


def find_transport_skew(rungs: Rungs) -> list[Cause]:
    """Return a cause for each signature that answers otherwise over REST than over gRPC."""
    causes = []
    for signature, arms in ((rungs.recorded.signature_name, ("R", "Rc")), ("serve_raw", ("Rr",))):
        differing = [
            arm
            for arm in arms
            if rungs["C", arm].is_different and not _is_right(arm, signature, rungs)
        ]
        if differing:
            rung = rungs["C", differing[0]]
            place, words = _words(differing, signature, rungs)
            detail = f"{rung.counts} between gRPC and {words}"
            causes.append(rungs.cause(CauseCode.TRANSPORT_SKEW, place, rung, detail))
    return causes


def _is_right(arm: str, signature: str, rungs: Rungs) -> bool:
    """Whether another signature answers as the trainer did where the recorded one does not."""
    if signature == rungs.recorded.signature_name or not rungs["T", "C"].is_different:
        return False
    found = rungs.compare_others(("T", arm))
    return found.outputs is not None and not found.is_different


def _words(arms: Sequence[str], signature: str, rungs: Rungs) -> tuple[str, str]:
    """Return the place of a difference over REST, and what is known of it."""
    requests = rest_requests(arms, signature)
    is_recorded = signature == rungs.recorded.signature_name
    rule = json_rule(rungs.recorded.inputs) if is_recorded else None
    if rule is None:
        return requests, f"{requests}."
    return f"{rule[0]} in {requests}", f"{requests}: {rule[0]} {rule[1]}."


def rest_requests(arms: Sequence[str], signature: str) -> str:
    """Return the requests of REST arms in words.

    Args:
        arms: Of R, Rc and Rr.
        signature: The signature that they ask.
    """
    return f"REST {' and '.join(_FORMS[arm] for arm in arms)} of signature {signature!r}"


def json_rule(inputs: Rows) -> tuple[str, str] | None:
    """Return the input that JSON cannot carry faithfully, and why; None where there is none.

    Args:
        inputs: What is asked, row by row.
    """
    for name, rows in sorted(inputs.items()):
        if rows[0].dtype == np.float64:
            rule = (
                "is a double: RapidJSON reads doubles to some units in the last place, as "
                "TensorFlow Serving does not ask it for full precision (json_tensor.cc)"
            )
            return f"input {name!r}", rule
    return None
