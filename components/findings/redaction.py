"""A parity result without what clients sent."""

from __future__ import annotations

from dataclasses import replace

from tfx_parity.findings.metric_sides import MetricSides
from tfx_parity.findings.pair_summary import PairSummary
from tfx_parity.findings.parity_result import FEATURES, Cause, ParityResult
from tfx_parity.findings.worst_element import WorstElement

LEFT_OUT = "(left out)"


def redacted(result: ParityResult) -> ParityResult:
    """Return a result that holds no raw feature value.

    Raw examples, the values of transformed features (they may be raw values, or lead back to
    them), strings that the model answers (it may repeat what it was sent), the values that slices
    are made by and the server's own words (they quote requests) are left out. Numbers that the
    model predicts stay, and so do counts, metrics and the greatest differences.
    """
    features = {arm.name for arm in result.arms if arm.gives == FEATURES}
    return replace(
        result,
        causes=tuple(_cause(cause, features) for cause in result.causes),
        pairs=tuple(_pair(pair, features) for pair in result.pairs),
        coverage=replace(result.coverage, messages=()),
        sample_faults=tuple(
            replace(fault, found=LEFT_OUT, server="") for fault in result.sample_faults
        ),
        redacted=True,
        metrics=None if result.metrics is None else _metrics(result.metrics),
    )


def _cause(cause: Cause, features: set[str]) -> Cause:
    evidence = cause.evidence
    is_feature = evidence.pair is not None and bool(features & set(evidence.pair))
    worst = tuple(_worst(element, is_feature) for element in evidence.worst)
    return replace(cause, evidence=replace(evidence, message="", worst=worst))


def _pair(pair: PairSummary, features: set[str]) -> PairSummary:
    is_feature = bool(features & set(pair.pair))
    worst = tuple(_worst(element, is_feature) for element in pair.worst)
    outputs = pair.outputs
    if is_feature:
        outputs = tuple(replace(o, scatter=None) for o in outputs)
    return replace(pair, worst=worst, outputs=outputs)


def _metrics(sides: MetricSides) -> MetricSides:
    metrics = tuple(
        replace(metric, slice=tuple((name, LEFT_OUT) for name, _ in metric.slice))
        for metric in sides.metrics
    )
    return replace(sides, metrics=metrics)


def _worst(element: WorstElement, is_feature: bool) -> WorstElement:
    if is_feature or element.is_string:
        return replace(element, reference=LEFT_OUT, candidate=LEFT_OUT, raw=None)
    return replace(element, raw=None)
