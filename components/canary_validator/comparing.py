"""Two arms compared: a rung of the ladder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.arms import Pair
from tfx_parity.comparison.bounds import upper_bound
from tfx_parity.comparison.outputs import OutputsComparison, compare_outputs
from tfx_parity.comparison.statistics import WorstElement as FoundElement
from tfx_parity.comparison.tolerance import Tolerance, TolerancePolicy
from tfx_parity.findings import Evidence, Rung, WorstElement
from tfx_parity.protos import Example
from tfx_parity.tfx_lines import number_text

WORST_SHOWN = 5
_TEXT_LIMIT = 200
_VALUES_SHOWN = 20


@dataclass(frozen=True)
class Limits:
    """What decides over a count of mismatching examples.

    Attributes:
        max_mismatch_rate: The rate of mismatching examples allowed, a fraction.
        confidence: Confidence of the bound on it.
    """

    max_mismatch_rate: float
    confidence: float

    def state(self, mismatching: int, examples: int) -> str:
        """Return `agrees`, `differs`, `undecided` or `not compared`."""
        if examples == 0:
            return "not compared"
        if mismatching / examples > self.max_mismatch_rate:
            return "differs"
        bound = upper_bound(mismatching, examples, self.confidence)
        return "agrees" if bound <= self.max_mismatch_rate else "undecided"


@dataclass(frozen=True)
class Compared:
    """A rung with what was compared on it.

    Attributes:
        rung: What the report shows of it.
        indices: The examples that both arms answered.
        outputs: The comparison of their rows; None where nothing was compared.
    """

    rung: Rung
    indices: tuple[int, ...]
    outputs: OutputsComparison | None

    @property
    def is_different(self) -> bool:
        """Whether examples differ that the limits do not excuse."""
        return self.rung.mismatching > 0 and self.rung.state != "agrees"

    @property
    def counts(self) -> str:
        """How many examples differ, in words."""
        return f"{self.rung.mismatching} of {self.rung.examples} examples differ"

    @property
    def is_infinite_only(self) -> bool:
        """Whether every example that differs holds a NaN or an infinity on one side only."""
        if self.outputs is None:
            return False
        infinite = [output.non_finite_mismatch for output in self.outputs.outputs.values()]
        return not (self.outputs.mismatching & ~np.logical_or.reduce(infinite)).any()

    def evidence(self, detail: str, examples: Sequence[bytes] | None) -> Evidence:
        """Return the rung as evidence of a cause.

        Args:
            detail: What was seen, in one sentence.
            examples: The serialized raw examples, None where there are none to show.
        """
        return Evidence(
            pair=self.rung.pair,
            examples=self.rung.mismatching,
            of=self.rung.examples,
            detail=detail,
            worst=self.worst(examples),
        )

    def worst(self, examples: Sequence[bytes] | None) -> tuple[WorstElement, ...]:
        """Return the elements that differ most: the worst of each output, then the second worst.

        Args:
            examples: The serialized raw examples, None where there are none to show.
        """
        if self.outputs is None:
            return ()
        found = [
            (rank, name, element)
            for name, output in self.outputs.outputs.items()
            for rank, element in enumerate(output.worst(WORST_SHOWN))
        ]
        found.sort(key=lambda ranked: (ranked[0], -ranked[2].ratio))
        return tuple(
            self._worst_element(name, element, examples) for _, name, element in found[:WORST_SHOWN]
        )

    def _worst_element(
        self, name: str, element: FoundElement, examples: Sequence[bytes] | None
    ) -> WorstElement:
        assert self.outputs is not None  # noqa: S101 - what the caller has shown, for mypy
        dtype = self.outputs.outputs[name].dtype
        example = self.indices[element.row]
        return WorstElement(
            example=example,
            output=name,
            index=element.index,
            reference=value_text(element.reference, dtype),
            candidate=value_text(element.candidate, dtype),
            is_string=isinstance(element.reference, bytes | str),
            ratio=_finite(element.ratio),
            ulps=element.ulps,
            raw=None if examples is None else example_text(examples[example]),
        )


def compare_arms(
    pair: Pair,
    answers: Mapping[str, Answers | Missing],
    policy: TolerancePolicy,
    limits: Limits,
) -> Compared:
    """Compare two arms on the examples that both answered.

    Args:
        pair: The arms' names; the first is the reference.
        answers: Every arm's answers.
        policy: The tolerance of each output.
        limits: What decides over the count.
    """
    reference, candidate = (answers[name] for name in pair)
    for name, arm in zip(pair, (reference, candidate), strict=True):
        if isinstance(arm, Missing):
            return not_compared(pair, f"{name}: {arm.reason}")
    assert isinstance(reference, Answers)  # noqa: S101 - what the loop has shown, for mypy
    assert isinstance(candidate, Answers)  # noqa: S101
    indices = tuple(sorted(set(reference.indices) & set(candidate.indices)))
    if not indices:
        return not_compared(pair, "no example was answered by both arms")
    outputs = compare_outputs(reference.at(indices), candidate.at(indices), policy)
    mismatching = int(np.count_nonzero(outputs.mismatching))
    rung = Rung(
        pair=pair,
        examples=len(indices),
        mismatching=mismatching,
        upper_bound=upper_bound(mismatching, len(indices), limits.confidence),
        max_ratio=_finite(max_ratio(outputs)),
        max_difference=_finite(_max_difference(outputs)),
        state=limits.state(mismatching, len(indices)),
    )
    return Compared(rung, indices, outputs)


def not_compared(pair: Pair, reason: str) -> Compared:
    """Return a rung that says why its arms were not compared."""
    return Compared(Rung(pair, 0, 0, None, None, None, "not compared", reason), (), None)


def max_ratio(outputs: OutputsComparison) -> float:
    """Return the greatest ratio of a difference to its tolerance over all outputs."""
    return max((o.statistics.max_ratio for o in outputs.outputs.values()), default=0.0)


def _max_difference(outputs: OutputsComparison) -> float:
    return max(
        (o.statistics.max_absolute_difference for o in outputs.outputs.values()), default=0.0
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def tolerance_text(tolerance: Tolerance) -> str:
    """Return what agrees as text."""
    if tolerance.is_exact:
        return "exact"
    return f"|a-b| <= {tolerance.atol:g} + {tolerance.rtol:g} * |reference|"


def value_text(value: object, dtype: str) -> str:
    """Return a value as text that a person can read: bytes as the text they hold, floats short.

    Args:
        value: A plain Python value.
        dtype: The name of the numpy dtype that it came from: 16.7 as a float32 is 16.7, and not
            16.700000762939453.
    """
    if isinstance(value, bytes):
        text = value.decode("utf-8", "backslashreplace")
    elif isinstance(value, float):
        text = number_text(np.dtype(dtype).type(value))
    else:
        text = str(value)
    return text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]}... ({len(text)} characters)"


def example_text(record: bytes) -> dict[str, str]:
    """Return a serialized `tf.Example`'s features as text, sorted by name."""
    features = Example.FromString(record).features.feature
    return {name: _feature_text(features[name]) for name in sorted(features)}


def _feature_text(feature: object) -> str:
    kind = feature.WhichOneof("kind")  # type: ignore[attr-defined]
    if kind is None:
        return "(no value)"
    values = getattr(feature, kind).value
    shown = [value_text(value, "float32") for value in values[:_VALUES_SHOWN]]
    more = f", ... ({len(values)} values)" if len(values) > _VALUES_SHOWN else ""
    return ", ".join(shown) + more if shown else "(no value)"
