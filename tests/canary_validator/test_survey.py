"""Which arms are asked for which examples, from answers made by hand."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping

import numpy as np

from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.arms import MEANINGS
from tfx_parity.canary_validator.comparing import Limits
from tfx_parity.canary_validator.panel import Batches
from tfx_parity.canary_validator.survey import Survey
from tfx_parity.comparison.tolerance import TolerancePolicy

COUNT = 2000
SAMPLE = 640
SCORES = np.random.default_rng(0).normal(size=(COUNT, 1)).astype(np.float32)
FEATURE_ARMS = ("M", "Bt", "Ct")


class _Arms:
    """Arms that answer the same, but for some examples of some arms."""

    def __init__(self, differing: Mapping[str, Collection[int]]) -> None:
        self._differing = differing
        self.asked: dict[str, list[int]] = {}

    def ask(self, arm: str, batches: Batches) -> Answers | Missing:
        if arm in FEATURE_ARMS:
            return Missing("left out")
        indices = sorted(itertools.chain.from_iterable(batches))
        self.asked.setdefault(arm, []).extend(indices)
        other = self._differing.get(arm, ())
        rows = [SCORES[i] + np.float32(i in other) for i in indices]
        return Answers(tuple(indices), {"scores": rows}, {})


def _survey(arms: _Arms, deciding: tuple[str, str] = ("T", "C"), count: int = COUNT) -> Survey:
    return Survey(arms.ask, deciding, count, 64, Limits(0.01, 0.95), TolerancePolicy())


def _counts(arms: _Arms) -> dict[str, int]:
    return {arm: len(set(asked)) for arm, asked in arms.asked.items()}


def test_what_decides_by_example_is_asked_for_everything_and_the_rest_for_a_sample() -> None:
    """Where all agree 640 examples prove every other pair; over REST each may be refused."""
    arms = _Arms({})

    found = _survey(arms).ask()

    whole = {"T", "C", "R", "Rc", "Rr"}
    others = set(MEANINGS) - whole - set(FEATURE_ARMS)
    expected = dict.fromkeys(whole, COUNT) | dict.fromkeys(others, SAMPLE)
    assert expected == _counts(arms)
    assert list(MEANINGS) == list(found.answers)
    assert (
        "T, C and the arms over REST were asked for all 2,000 examples, every other arm for 640 of "
        "them in batches drawn at random (seed 0)." == found.sampling
    )


def test_without_a_trainer_the_model_in_process_is_asked_for_everything() -> None:
    """The pair that decides is B and C there."""
    arms = _Arms({})

    _survey(arms, ("B", "C")).ask()

    assert (COUNT, COUNT, SAMPLE) == tuple(_counts(arms)[arm] for arm in ("B", "C", "A"))


def test_few_examples_are_asked_in_every_arm() -> None:
    """Fewer than a sample takes: nothing is left out."""
    arms = _Arms({})

    found = _survey(arms, count=500).ask()

    assert {500} == set(_counts(arms).values())
    assert "Every arm was asked for all 500 examples." == found.sampling


def test_a_pair_that_differs_seldom_is_asked_for_everything() -> None:
    """One in a hundred may lie under the limit or over it: all examples decide, not a sample."""
    arms = _Arms({"C1": range(0, COUNT, 100)})

    found = _survey(arms).ask()

    assert (COUNT, SAMPLE) == (_counts(arms)["C1"], _counts(arms)["Cs"])
    assert found.sampling.endswith("; then, to decide, C1 for the rest.")
    answers = found.answers["C1"]
    assert isinstance(answers, Answers)
    assert tuple(range(COUNT)) == answers.indices
    others = SCORES[:3] + np.array([[1], [0], [0]], np.float32)
    assert np.array_equal(others, np.stack(answers.rows["scores"])[:3])


def test_a_pair_that_surely_differs_is_not_asked_again() -> None:
    """Half of a sample says enough."""
    arms = _Arms({"Cs": range(0, COUNT, 2)})

    _survey(arms).ask()

    assert SAMPLE == _counts(arms)["Cs"]


def test_the_worst_examples_of_a_verdict_that_is_known_join_the_sample() -> None:
    """Every arm is asked for them, with the batches in which the canary was asked."""
    differing = range(1900, 1999)
    arms = _Arms({"C": differing, "B": differing})

    _survey(arms).ask()

    worst = sorted(differing, key=lambda i: abs(SCORES[i, 0]))[:5]
    assert set(worst) <= set(arms.asked["A"])
    assert SAMPLE < _counts(arms)["A"] <= SAMPLE + 5 * 64


def test_no_example_is_asked_twice_in_an_arm() -> None:
    """What is asked later is the rest."""
    arms = _Arms({"C1": range(0, COUNT, 100), "Cs": range(5, COUNT, 90)})

    _survey(arms).ask()

    assert all(len(asked) == len(set(asked)) for asked in arms.asked.values())
