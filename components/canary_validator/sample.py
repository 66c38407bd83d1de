"""The sample: which examples every arm is asked for, and in which batches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from tfx_parity.canary_validator.comparing import Limits
from tfx_parity.canary_validator.panel import Batches, in_batches
from tfx_parity.comparison.bounds import examples_needed

SEED = 0
# An agreeing sample proves this part of the rate that is allowed: at the defaults 598 examples,
# in which a rate over 1 % would hide with a chance of a quarter percent.
_SHARE_PROVEN = 0.5


@dataclass(frozen=True)
class Sample:
    """Every example in batches, and those of them for every arm.

    An arm's batches are the canary's own, whole: its answers then lie apart for no other reason
    than its way of asking.

    Attributes:
        every: The batches that every arm is asked for.
        rest: The others.
    """

    every: Batches
    rest: Batches

    @property
    def all(self) -> Batches:
        """Every example."""
        return [*self.every, *self.rest]

    def holding(self, examples: Collection[int]) -> Sample:
        """Return a sample that some examples are in, each with its whole batch."""
        added = [batch for batch in self.rest if not set(batch).isdisjoint(examples)]
        rest = [batch for batch in self.rest if batch not in added]
        return Sample([*self.every, *added], rest)


def draw_sample(count: int, batch_size: int, limits: Limits) -> Sample:
    """Draw a simple random sample without replacement, the same at every call.

    Args:
        count: How many examples there are.
        batch_size: How many are asked for at once.
        limits: What decides over a count of mismatching examples; what it takes is what is drawn,
            in whole batches.
    """
    proven = _SHARE_PROVEN * limits.max_mismatch_rate
    needed = examples_needed(proven, limits.confidence) if proven > 0 else count
    wanted = -(-needed // batch_size) * batch_size
    if wanted >= count:
        return Sample(in_batches(range(count), batch_size), [])
    drawn = np.sort(np.random.default_rng(SEED).permutation(count)[:wanted])
    others = np.setdiff1d(np.arange(count), drawn)
    return Sample(in_batches(drawn.tolist(), batch_size), in_batches(others.tolist(), batch_size))
