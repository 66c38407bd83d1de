"""What a check found: the data of a parity report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tfx_parity.findings.codes import CauseCode


class Verdict(str, Enum):
    """What a check says of a model. Only PASS is blessed."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True)
class WorstElement:
    """One of the elements that differ most.

    Attributes:
        example: The example's number, from 0, in the recorded predictions.
        output: The output's or the transformed feature's name.
        index: The element's index within the example's row.
        reference: The value of the pair's first arm, as text.
        candidate: The value of the pair's second arm, as text.
        ratio: `|a-b| / (atol + rtol*|reference|)`; over 1 is a mismatch. None: not a number.
        ulps: Units in the last place between the two; None where that means nothing.
        raw: The raw example, feature by feature, as text; None where it is left out.
    """

    example: int
    output: str
    index: tuple[int, ...]
    reference: str
    candidate: str
    ratio: float | None
    ulps: int | None
    raw: Mapping[str, str] | None


@dataclass(frozen=True)
class Evidence:
    """What proves a cause.

    Attributes:
        pair: The two arms that differ; None where the cause was seen otherwise.
        examples: How many examples show it.
        of: How many examples were compared.
        detail: What was seen, in one sentence.
        worst: The elements that differ most.
    """

    pair: tuple[str, str] | None
    examples: int
    of: int
    detail: str
    worst: tuple[WorstElement, ...] = ()


@dataclass(frozen=True)
class Cause:
    """A cause with its place and evidence.

    Attributes:
        code: The stable code.
        place: Where: a feature, a variable, an op, a file, an input.
        evidence: What proves it.
    """

    code: CauseCode
    place: str
    evidence: Evidence


@dataclass(frozen=True)
class Arm:
    """A way of asking for the same prediction.

    Attributes:
        name: Its name in the ladder.
        meaning: How the prediction is had.
        answered: How many examples it answered.
        failed: How many it failed.
        missing: Why it could not be asked; None where it was.
    """

    name: str
    meaning: str
    answered: int
    failed: int
    missing: str | None


@dataclass(frozen=True)
class Rung:
    """A pair of arms compared.

    Attributes:
        pair: The two arms; the first is the reference.
        examples: How many examples were compared.
        mismatching: How many of them differ beyond the tolerance.
        upper_bound: One-sided upper confidence bound of the rate of mismatching examples.
        max_ratio: The greatest `|a-b| / (atol + rtol*|reference|)`; None: not a number.
        max_difference: The greatest absolute difference; None where there is none to tell.
        state: `agrees`, `differs`, `undecided` (too few examples) or `not compared`.
        reason: Why it was not compared; empty else.
    """

    pair: tuple[str, str]
    examples: int
    mismatching: int
    upper_bound: float | None
    max_ratio: float | None
    max_difference: float | None
    state: str
    reason: str = ""


@dataclass(frozen=True)
class Decision:
    """How the verdict came about.

    Attributes:
        headline: The pair that the rate is taken of.
        examples: How many examples were compared.
        mismatching: How many differ.
        upper_bound: One-sided upper bound of the rate at `confidence`; None with no examples.
        confidence: Confidence of the bound.
        max_mismatch_rate: The rate allowed.
        noise_ratio: The canary's own noise, as the greatest ratio to the tolerance; None where it
            was not measured.
        sentence: The verdict's reason in one sentence.
    """

    headline: tuple[str, str]
    examples: int
    mismatching: int
    upper_bound: float | None
    confidence: float
    max_mismatch_rate: float
    noise_ratio: float | None
    sentence: str


@dataclass(frozen=True)
class Coverage:
    """The hard check on rare values.

    Attributes:
        rows: How many coverage rows were asked.
        differing: How many answered otherwise than expected.
        detail: One line for each that differs.
        missing: Why there was no coverage check; None where there was.
    """

    rows: int
    differing: int
    detail: tuple[str, ...]
    missing: str | None


@dataclass(frozen=True)
class ParityResult:
    """The result of one check of one model.

    Attributes:
        verdict: PASS, FAIL or INCONCLUSIVE.
        causes: The causes found, the first cause first.
        decision: How the verdict came about.
        arms: Every arm, asked or missing.
        ladder: Every rung, compared or not.
        coverage: The hard check on rare values.
        tolerances: The tolerance of each output, as text.
        environment: Versions and digests that the result holds for.
        not_exercised: What the canary leaves unproven.
        reproduce: The command that gives this result again.
    """

    verdict: Verdict
    causes: tuple[Cause, ...]
    decision: Decision
    arms: tuple[Arm, ...]
    ladder: tuple[Rung, ...]
    coverage: Coverage
    tolerances: Mapping[str, str]
    environment: Mapping[str, str]
    not_exercised: tuple[str, ...]
    reproduce: str
