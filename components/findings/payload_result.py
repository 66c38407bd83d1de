"""What a validation of payloads found: the data of a payload report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfx_parity.findings.parity_result import Verdict
from tfx_parity.findings.payload_fault import FaultCode, FaultKind, PayloadFault


@dataclass(frozen=True)
class StaticFinding:
    """Something that schema, contract, transform graph and signatures say without any payload.

    Attributes:
        code: A stable code, such as `LABEL_REQUIRED`.
        blocking: Whether no client can ask rightly; else it is a limit that clients should know.
        signature: The signature it is about; empty where it is about none.
        name: The input, output or feature.
        expected: What was expected.
        found: What was found.
        cure: What to do, in one sentence.
    """

    code: str
    blocking: bool
    signature: str
    name: str
    expected: str
    found: str
    cure: str


@dataclass(frozen=True)
class PayloadFile:
    """A file of payloads as it was read.

    Attributes:
        path: The file.
        form: What it holds, such as `REST body` or `PredictionLog`.
        payloads: How many payloads were validated.
        rows: How many examples they hold, as far as they could be told.
        faulty: How many payloads have a fault.
        damage: What kept the rest from being read; empty where all of it was.
    """

    path: str
    form: str
    payloads: int
    rows: int
    faulty: int
    damage: str


@dataclass(frozen=True)
class FaultTally:
    """How often one fault was found in one input.

    Attributes:
        kind: The fault's kind.
        code: The fault's code.
        input: The input or feature.
        count: How often.
    """

    kind: FaultKind
    code: FaultCode
    input: str
    count: int


@dataclass(frozen=True)
class PayloadResult:
    """All that a validation found.

    Attributes:
        verdict: PASS, FAIL, or INCONCLUSIVE where there was no payload to validate.
        sentence: Why, in one sentence.
        model: The SavedModel.
        statics: What is wrong, or limited, without any payload.
        files: The files that were read, in their order.
        tallies: Every fault that was counted, the worst kind first.
        faults: The faults themselves, in their order; the first ones of each tally.
        environment: Versions and settings that the result depends on.
        reproduce: The command that does this again.
    """

    verdict: Verdict
    sentence: str
    model: str
    statics: tuple[StaticFinding, ...]
    files: tuple[PayloadFile, ...]
    tallies: tuple[FaultTally, ...]
    faults: tuple[PayloadFault, ...]
    environment: Mapping[str, str]
    reproduce: str

    @property
    def payloads(self) -> int:
        """How many payloads were validated."""
        return sum(file.payloads for file in self.files)

    def count(self, kind: FaultKind) -> int:
        """Return how many faults of a kind there are."""
        return sum(tally.count for tally in self.tallies if tally.kind is kind)

    @property
    def first_faults(self) -> tuple[PayloadFault, ...]:
        """The first fault of each tally that has one kept, in the tallies' order."""
        first: dict[tuple[FaultKind, FaultCode, str], PayloadFault] = {}
        for fault in self.faults:
            first.setdefault((fault.kind, fault.code, fault.input), fault)
        keys = [(tally.kind, tally.code, tally.input) for tally in self.tallies]
        return tuple(first[key] for key in keys if key in first)
