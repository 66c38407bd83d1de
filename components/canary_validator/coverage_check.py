"""The coverage set asked: rare values, one row at a time, as a hard check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary.client import RequestError
from tfx_parity.canary_validator.answers import split_rows
from tfx_parity.canary_validator.askers import transform_asker
from tfx_parity.canary_validator.panel import Panel
from tfx_parity.canary_validator.recorded import RecordedCoverage
from tfx_parity.comparison.outputs import compare_outputs
from tfx_parity.comparison.tolerance import TRANSFORMED_FEATURES, TolerancePolicy
from tfx_parity.contract import ServingContract
from tfx_parity.contract.examples import decode_rows
from tfx_parity.contract.trainer_predictions import CoverageOutcome
from tfx_parity.findings import Cause, CauseCode, Coverage, Evidence


@dataclass(frozen=True)
class CoverageFindings:
    """What the coverage rows showed.

    Attributes:
        rows: How many were asked.
        features: By transformed feature, the rows on which serving makes another value.
        refused: Rows that the canary refuses although an answer is expected, with its text.
        answered: Rows that the canary answers although the graph is expected to raise.
        predictions: Rows whose prediction alone differs.
        missing: Why there was no coverage check; None where there was.
    """

    rows: int
    features: Mapping[str, tuple[CoverageOutcome, ...]]
    refused: tuple[tuple[CoverageOutcome, str], ...]
    answered: tuple[CoverageOutcome, ...]
    predictions: tuple[CoverageOutcome, ...]
    missing: str | None

    def summary(self) -> Coverage:
        """Return the findings as the report shows them."""
        lines = [
            f"{outcome.feature} = {outcome.value}: {name} differs"
            for name, outcomes in sorted(self.features.items())
            for outcome in outcomes
        ]
        lines += [f"{o.feature} = {o.value}: refused" for o, _ in self.refused]
        lines += [
            f"{o.feature} = {o.value}: answered, where the graph raises" for o in self.answered
        ]
        lines += [f"{o.feature} = {o.value}: the prediction differs" for o in self.predictions]
        rows = {
            (o.feature, o.value)
            for o in (
                *(o for outcomes in self.features.values() for o in outcomes),
                *(o for o, _ in self.refused),
                *self.answered,
                *self.predictions,
            )
        }
        messages = tuple(dict.fromkeys(text for _, text in self.refused))
        return Coverage(self.rows, len(rows), tuple(lines), self.missing, messages)


def no_coverage(reason: str) -> CoverageFindings:
    """Return findings that say why there was no coverage check."""
    return CoverageFindings(0, {}, (), (), (), reason)


def check_coverage(panel: Panel, policy: TolerancePolicy) -> CoverageFindings:
    """Ask the canary for every coverage row.

    Args:
        panel: What to ask with.
        policy: The tolerance of each output.

    Raises:
        CanaryDied: If the server is dead.
    """
    recorded = panel.recorded
    if recorded.contract is None or not recorded.coverage:
        return no_coverage("no coverage rows were recorded")
    features: dict[str, list[CoverageOutcome]] = {}
    refused, answered, predictions = [], [], []
    for row in recorded.coverage:
        try:
            outputs = _predict(panel, row)
        except RequestError as error:
            if row.outcome.error is None:
                refused.append((row.outcome, str(error)))
            continue
        if row.outcome.error is not None:
            answered.append(row.outcome)
            continue
        for name in _differing_features(panel, row, recorded.contract):
            features.setdefault(name, []).append(row.outcome)
        if _differs(row.outputs, outputs, policy):
            predictions.append(row.outcome)
    return CoverageFindings(
        rows=len(recorded.coverage),
        features={name: tuple(outcomes) for name, outcomes in sorted(features.items())},
        refused=tuple(refused),
        answered=tuple(answered),
        predictions=tuple(predictions),
        missing=None,
    )


def _predict(panel: Panel, row: RecordedCoverage) -> dict[str, NDArray[np.generic]]:
    (name,) = panel.recorded.inputs
    inputs = {name: np.array([row.raw], dtype=object)}
    outputs = panel.canary.predict(panel.recorded.signature_name, inputs)
    return {name: rows[0] for name, rows in split_rows(outputs, 1).items()}


def _differing_features(
    panel: Panel, row: RecordedCoverage, contract: ServingContract
) -> tuple[str, ...]:
    asked = "transform_features" in panel.signatures and not panel.batched
    if not asked or row.transformed is None:
        return ()
    ask = transform_asker(panel.canary, contract, [row.raw], panel.signatures)
    served = ask([0])
    made = {
        f.name: decode_rows([row.transformed], f)
        for f in contract.serving_features
        if f.name in served
    }
    compared = compare_outputs(made, served, TRANSFORMED_FEATURES, non_finite_agrees=True)
    return tuple(n for n, output in compared.outputs.items() if output.mismatching.any())


def _differs(
    reference: Mapping[str, NDArray[np.generic]],
    candidate: Mapping[str, NDArray[np.generic]],
    policy: TolerancePolicy,
) -> bool:
    compared = compare_outputs(
        {name: [row] for name, row in reference.items()},
        {name: [row] for name, row in candidate.items()},
        policy,
        non_finite_agrees=True,
    )
    return bool(compared.mismatching.any())


def coverage_causes(coverage: CoverageFindings, causes: Sequence[Cause]) -> list[Cause]:
    """Return the causes that only the coverage set shows."""
    found: list[Cause] = []
    rows = coverage.rows
    if coverage.refused:
        outcome, text = coverage.refused[0]
        detail = f"{len(coverage.refused)} of {rows} rare values are refused."
        place = f"raw feature {outcome.feature!r}, value {outcome.value}"
        found.append(_coverage_cause(CauseCode.REQUEST_FAILED, place, detail, rows, text))
    if coverage.answered:
        first = coverage.answered[0]
        code = (
            CauseCode.MISSING_VALUE_SKEW
            if first.value in ("missing", "empty")
            else CauseCode.PREPROCESSING_SKEW
        )
        detail = f"{len(coverage.answered)} of {rows} rare values are answered; the graph raises."
        place = f"raw feature {first.feature!r}, value {first.value}"
        found.append(_coverage_cause(code, place, detail, rows))
    if coverage.predictions and not causes and not found:
        first = coverage.predictions[0]
        detail = f"{len(coverage.predictions)} of {rows} rare values get another prediction."
        place = f"raw feature {first.feature!r}, value {first.value}"
        found.append(_coverage_cause(CauseCode.SIGNATURE_GLUE, place, detail, rows))
    return found


def _coverage_cause(
    code: CauseCode, place: str, detail: str, rows: int, message: str = ""
) -> Cause:
    return Cause(code, place, Evidence(("T", "C"), 0, rows, detail, message=message))
