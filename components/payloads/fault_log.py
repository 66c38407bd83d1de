"""Faults counted without end, and kept up to a number: memory does not grow with the payloads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from tfx_parity.findings import FaultCode, FaultKind, FaultTally, PayloadFault

KEPT_PER_TALLY = 100
MAX_INPUTS_PER_CODE = 500
OTHER_NAMES = "(other names)"
_LONGEST_TEXT = 1_000
_KINDS = {kind: place for place, kind in enumerate(FaultKind)}

_Key = tuple[FaultKind, FaultCode, str]


class FaultLog:
    """Counts faults by kind, code and input, and keeps the first ones of each."""

    def __init__(self) -> None:
        self._counts: Counter[_Key] = Counter()
        self._inputs: Counter[FaultCode] = Counter()
        self._kept: list[PayloadFault] = []

    def add(self, fault: PayloadFault, file: str, record: int) -> None:
        """Count a fault.

        Args:
            fault: The fault.
            file: The payload's file.
            record: The payload's number in it.
        """
        key = self._count(fault.kind, fault.code, fault.input, 1)
        if self._counts[key] <= KEPT_PER_TALLY:
            placed = replace(fault, file=file, record=record)
            self._kept.append(replace(placed, found=_cut(placed.found), server=_cut(placed.server)))

    def merge(self, tallies: Iterable[FaultTally], faults: Iterable[PayloadFault]) -> None:
        """Add what another log has counted and kept."""
        kept = Counter((fault.kind, fault.code, fault.input) for fault in self._kept)
        for fault in faults:
            key = (fault.kind, fault.code, fault.input)
            kept[key] += 1
            if kept[key] <= KEPT_PER_TALLY:
                self._kept.append(fault)
        for tally in tallies:
            self._count(tally.kind, tally.code, tally.input, tally.count)

    def _count(self, kind: FaultKind, code: FaultCode, name: str, count: int) -> _Key:
        key = (kind, code, name)
        if key not in self._counts:
            self._inputs[code] += 1
            if self._inputs[code] > MAX_INPUTS_PER_CODE:
                key = (kind, code, OTHER_NAMES)  # clients choose names without end
        self._counts[key] += count
        return key

    @property
    def faults(self) -> tuple[PayloadFault, ...]:
        """The faults that were kept, in their order."""
        return tuple(self._kept)

    @property
    def tallies(self) -> tuple[FaultTally, ...]:
        """The counts, the worst kind first, then the most frequent."""
        order = sorted(
            self._counts.items(), key=lambda item: (_KINDS[item[0][0]], -item[1], item[0][1:])
        )
        return tuple(FaultTally(*key, count) for key, count in order)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
