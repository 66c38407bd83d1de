"""Whether payloads pass."""

from __future__ import annotations

from collections.abc import Sequence

from tfx_parity.findings import FaultKind, FaultTally, PayloadFile, StaticFinding, Verdict


def decide(
    files: Sequence[PayloadFile],
    tallies: Sequence[FaultTally],
    statics: Sequence[StaticFinding],
    fail_on: FaultKind,
) -> tuple[Verdict, str]:
    """Return the verdict, and why in one sentence.

    Args:
        files: The files, as far as they were read.
        tallies: The faults that were counted.
        statics: What the model itself says.
        fail_on: The mildest kind of fault that fails.
    """
    payloads = sum(file.payloads for file in files)
    kinds = list(FaultKind)
    fails = kinds[: kinds.index(fail_on) + 1]
    counts = {kind: sum(t.count for t in tallies if t.kind is kind) for kind in kinds}
    said = [f"{count:,} {kind.value}" for kind, count in counts.items() if count]
    blocking = sum(finding.blocking for finding in statics)
    damaged = sum(bool(file.damage) for file in files)
    if blocking:
        said.append(f"{_counted(blocking, 'disagreement')} within the model")
    if damaged:
        said.append(f"{_counted(damaged, 'file')} not read, or not wholly")
    found = ", ".join(said) if said else "no fault"
    sentence = f"{found}; {_counted(payloads, 'payload')} validated"
    if blocking or damaged or any(counts[kind] for kind in fails):
        return Verdict.FAIL, sentence
    if payloads == 0:
        return Verdict.INCONCLUSIVE, "there was no payload to validate"
    return Verdict.PASS, sentence


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
