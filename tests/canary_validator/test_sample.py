"""The sample that every arm is asked for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.canary_validator.comparing import Limits
from tfx_parity.canary_validator.sample import Sample, draw_sample

LIMITS = Limits(max_mismatch_rate=0.01, confidence=0.95)


def _flat(batches: object) -> list[int]:
    return list(itertools.chain.from_iterable(batches))


@given(st.integers(1, 3000), st.integers(1, 200))
def test_every_example_is_in_one_batch(count: int, batch_size: int) -> None:
    """Whatever is drawn, all examples are there once, in batches no larger than wanted."""
    sample = draw_sample(count, batch_size, LIMITS)

    assert list(range(count)) == sorted(_flat(sample.all))
    assert max(map(len, sample.all)) <= batch_size


def test_few_examples_are_asked_whole_in_their_order() -> None:
    """Where the sample would be all of them, nothing is drawn."""
    assert Sample([range(64 * n, 64 * n + 64) for n in range(10)], []) == draw_sample(
        640, 64, LIMITS
    )


@pytest.mark.parametrize(("rate", "size"), [(0.01, 640), (0.02, 320), (0.5, 64)])
def test_an_agreeing_sample_proves_half_the_rate_that_is_allowed(rate: float, size: int) -> None:
    """598 examples prove half of one percent, in whole batches of 64 these are 640."""
    sample = draw_sample(100_000, 64, Limits(rate, 0.95))

    assert size == len(_flat(sample.every))
    assert LIMITS.state(0, 640) == "agrees"


def test_a_sample_is_the_same_each_time_and_not_the_first_examples() -> None:
    """Drawn by a fixed seed, all over the examples."""
    one, other = (draw_sample(3000, 64, LIMITS) for _ in range(2))

    assert one == other
    assert max(_flat(one.every)) > 2900


def test_examples_are_added_with_their_whole_batch() -> None:
    """The worst examples join in the batches in which the canary was asked for them."""
    sample = draw_sample(3000, 64, LIMITS)
    batch = sample.rest[7]

    wider = sample.holding({batch[3], sample.every[0][0]})

    assert [*sample.every, batch] == wider.every
    assert len(sample.rest) - 1 == len(wider.rest)
