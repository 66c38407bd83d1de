"""Gives the first cause its place in the graph, where its two arms run the same graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tfx_parity.canary_validator.arms import Pair
from tfx_parity.canary_validator.comparing import Compared
from tfx_parity.canary_validator.localisation import Located, locate
from tfx_parity.canary_validator.observation import PairKind, Question
from tfx_parity.canary_validator.panel import Panel
from tfx_parity.comparison.tolerance import TRANSFORMED_FEATURES, TolerancePolicy
from tfx_parity.findings import Cause, CauseCode

DEFAULT_DEADLINE_S = 60.0
_CODES = frozenset(
    {
        CauseCode.TRAINING_MODE,
        CauseCode.NONDETERMINISTIC,
        CauseCode.REINITIALISED,
        CauseCode.BATCH_DEPENDENT,
        CauseCode.GRAPH_OPTIMISATION,
    }
)
_KINDS: Mapping[Pair, PairKind] = {
    ("C", "C again"): PairKind.REPEAT,
    ("C", "C'"): PairKind.RESTART,
    ("C", "C1"): PairKind.GROUPING,
    ("C", "Cs"): PairKind.GROUPING,
    ("B", "C"): PairKind.REWRITER,
    ("Bt", "Ct"): PairKind.REWRITER,
}
_FEATURES_SIGNATURE = "transform_features"
_EXAMPLES = 5


def place_first_cause(
    causes: Sequence[Cause],
    rungs: Mapping[Pair, Compared],
    panel: Panel,
    model: Path,
    policy: TolerancePolicy,
    progress: Callable[[str], None],
    deadline_s: float = DEFAULT_DEADLINE_S,
) -> list[Cause]:
    """Return the causes, the first with its place if its two arms run the same graph.

    Whatever the search for it runs into is told in the evidence: the verdict stands without it.

    Args:
        causes: The causes, first cause first.
        rungs: The ladder's rungs.
        panel: What the arms were asked with.
        model: The folder of the SavedModel.
        policy: The tolerance of each output.
        progress: Told that the search begins.
        deadline_s: How long the search may take.
    """
    first = causes[0] if causes else None
    pair = first.evidence.pair if first is not None else None
    if first is None or pair is None or first.code not in _CODES or pair not in _KINDS:
        return list(causes)
    progress(f"looking for the place of {first.code.value} in the graph")
    try:
        found = locate(_question(first, rungs[pair], panel, model, policy), deadline_s)
    except Exception as error:  # noqa: BLE001 - a place is an extra; no verdict may depend on it
        words = f"{type(error).__name__}: {error}"
        found = Located((), "No place was found: the search itself failed.", words)
    evidence = replace(
        first.evidence,
        detail=f"{first.evidence.detail} {found.detail}",
        message=found.message or first.evidence.message,
    )
    place = found.places[0].sentence if found.places else first.place
    return [replace(first, place=place, evidence=evidence), *causes[1:]]


def _question(
    cause: Cause, rung: Compared, panel: Panel, model: Path, policy: TolerancePolicy
) -> Question:
    signature, inputs = panel.recorded.signature_name, panel.recorded.inputs
    if rung.rung.pair == ("Bt", "Ct"):
        signature, policy = _FEATURES_SIGNATURE, TRANSFORMED_FEATURES
        (input_name,), (examples_rows,) = panel.signatures[signature].inputs, inputs.values()
        inputs = {input_name: examples_rows}
    examples = _examples(cause, rung)
    return Question(
        model=model,
        signature_name=signature,
        inputs={name: [rows[example] for example in examples] for name, rows in inputs.items()},
        kind=_KINDS[rung.rung.pair],
        policy=policy,
    )


def _examples(cause: Cause, rung: Compared) -> list[int]:
    """Return the worst examples, and as many that agree and stood near the worst of all.

    Neighbours among the examples asked were in one batch with it: what it differs by may lie in
    them.
    """
    if rung.outputs is None:
        return []
    mismatching = np.flatnonzero(rung.outputs.mismatching)
    differing = [rung.indices[row] for row in mismatching]
    worst = [element.example for element in cause.evidence.worst]
    chosen = list(dict.fromkeys([*worst, *differing]))[:_EXAMPLES]
    first = rung.indices.index(chosen[0])
    agreeing = sorted(np.flatnonzero(~rung.outputs.mismatching), key=lambda row: abs(row - first))
    return [*chosen, *(rung.indices[row] for row in agreeing[: len(chosen)])]
