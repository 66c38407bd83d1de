"""What a check found: the data of a parity report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tfx_parity.findings.codes import CauseCode
from tfx_parity.findings.metric_sides import MetricSides
from tfx_parity.findings.pair_summary import PairSummary
from tfx_parity.findings.payload_fault import PayloadFault
from tfx_parity.findings.worst_element import WorstElement

PREDICTIONS, FEATURES = "predictions", "transformed features"


class Verdict(str, Enum):
    """What a check says of a model. Only PASS is blessed."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True)
class Evidence:
    """What proves a cause.

    Attributes:
        pair: The two arms that differ; None where the cause was seen otherwise.
        examples: How many examples show it.
        of: How many examples were compared.
        detail: What was seen, in one sentence.
        worst: The elements that differ most.
        message: The server's own words, which may quote what was sent; empty where it said none.
    """

    pair: tuple[str, str] | None
    examples: int
    of: int
    detail: str
    worst: tuple[WorstElement, ...] = ()
    message: str = ""


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
        stage: `training`, `in process`, `canary` (over gRPC) or `REST`.
        gives: `predictions` or `transformed features`.
        answered: How many examples it answered.
        failed: How many it failed.
        missing: Why it could not be asked; None where it was.
    """

    name: str
    meaning: str
    stage: str
    gives: str
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
            was not measured, or lies beyond any tolerance.
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
        messages: The server's own words to rows that it refused, which may quote them.
    """

    rows: int
    differing: int
    detail: tuple[str, ...]
    missing: str | None
    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParityResult:
    """The result of one check of one model.

    Attributes:
        verdict: PASS, FAIL or INCONCLUSIVE.
        causes: The causes found, the first cause first.
        decision: How the verdict came about.
        arms: Every arm, asked or missing.
        ladder: Every rung, compared or not.
        pairs: The pairs that matter most in detail: the one that names the first cause, and the
            one that the verdict's rate is taken of.
        coverage: The hard check on rare values.
        tolerances: The tolerance of each output, as text.
        environment: Versions and digests that the result holds for.
        not_exercised: What the canary leaves unproven.
        reproduce: The command that gives this result again.
        redacted: Whether what clients sent was left out.
        sampling: Which arms were asked for which examples, in one sentence.
        sample_faults: Faults of the requests that the model brings along as samples.
        metrics: The model's metrics on both sides; None where none were asked for.
        warnings: What would be a cause and was allowed by an option: it decides nothing.
    """

    verdict: Verdict
    causes: tuple[Cause, ...]
    decision: Decision
    arms: tuple[Arm, ...]
    ladder: tuple[Rung, ...]
    pairs: tuple[PairSummary, ...]
    coverage: Coverage
    tolerances: Mapping[str, str]
    environment: Mapping[str, str]
    not_exercised: tuple[str, ...]
    reproduce: str
    redacted: bool
    sampling: str
    sample_faults: tuple[PayloadFault, ...] = ()
    metrics: MetricSides | None = None
    warnings: tuple[Cause, ...] = ()
