"""Trials: the canary is asked changed requests, and its answers are held against the trainer's."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary.client import RequestError
from tfx_parity.canary_validator.answers import (
    Answers,
    Missing,
    RowCountError,
    UnevenRowsError,
    split_rows,
    stack_rows,
)
from tfx_parity.canary_validator.comparing import Compared, Limits, compare_arms
from tfx_parity.canary_validator.panel import Panel
from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.comparison.tolerance import TolerancePolicy

PAIR = ("T", "C")
Change = Callable[[Rows], Rows]


@dataclass(frozen=True)
class Trial:
    """What changes are tried with.

    Attributes:
        headline: The rung of T and C.
        panel: What arms are asked with.
        answers: Every arm's answers.
        policy: The tolerance of each output.
        limits: What decides over a count.
        deadline: When to ask no more, by the monotonic clock, in seconds.
    """

    headline: Compared
    panel: Panel
    answers: Mapping[str, Answers | Missing]
    policy: TolerancePolicy
    limits: Limits
    deadline: float

    def both_sides(self) -> tuple[Rows, Rows] | None:
        """Return the trainer's and the canary's answers of the examples that were compared."""
        trainer, served = (self.answers[arm] for arm in PAIR)
        if isinstance(trainer, Missing) or isinstance(served, Missing):
            return None
        indices = self.headline.indices
        return trainer.at(indices), served.at(indices)

    def agrees(self, indices: Sequence[int], change: Change) -> bool:
        """Whether examples agree once their requests are changed, but for what is allowed."""
        recorded = self.panel.recorded.inputs
        asked = self.asked(change({n: [rows[i] for i in indices] for n, rows in recorded.items()}))
        if asked is None:
            return False
        changed = {**self.answers, "C": Answers(tuple(indices), asked, {})}
        rung = compare_arms(PAIR, changed, self.policy, self.limits).rung
        return rung.examples > 0 and rung.mismatching <= (
            self.limits.max_mismatch_rate * rung.examples
        )

    def is_blind_to(self, change: Change, examples: Collection[int]) -> bool:
        """Whether the canary answers changed requests as it did the recorded ones."""
        served = self.answers["C"]
        if isinstance(served, Missing):
            return False
        indices = sorted(examples)
        itself = {**self.answers, "T": Answers(tuple(indices), served.at(indices), {})}
        return replace(self, answers=itself).agrees(indices, change)

    def asked(self, inputs: Rows) -> Rows | None:
        """Ask the canary; None where it does not answer every request, or time is up."""
        count = len(next(iter(inputs.values())))
        size, name = self.panel.batch_size, self.panel.recorded.signature_name
        rows: dict[str, list[NDArray[np.generic]]] = {}
        try:
            for start in range(0, count, size):
                if time.monotonic() > self.deadline:
                    return None
                batch = range(start, min(start + size, count))
                outputs = self.panel.canary.predict(name, stack_rows(inputs, batch))
                for output, found in split_rows(outputs, len(batch)).items():
                    rows.setdefault(output, []).extend(found)
        except (RequestError, RowCountError, UnevenRowsError):
            return None
        return rows
