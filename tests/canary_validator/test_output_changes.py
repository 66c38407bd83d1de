"""What turns served answers into the trainer's: found by trying, never by chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from tfx_parity.canary_validator.output_changes import explain_output
from tfx_parity.comparison.tolerance import TolerancePolicy

_SERVED = np.random.default_rng(0).normal(size=(300, 4))
_RATE = 0.01


def _explained(trainer: np.ndarray, served: np.ndarray, **others: np.ndarray) -> str | None:
    answers = {"y": list(served.astype(np.float32))}
    answers |= {name: list(rows.astype(np.float32)) for name, rows in others.items()}
    mine = {"y": list(trainer.astype(np.float32))}
    return explain_output("y", mine, answers, TolerancePolicy(), _RATE)


@pytest.mark.parametrize(
    ("trainer", "words"),
    [
        (_SERVED[:, [2, 0, 1, 3]], "in the order [2, 0, 1, 3]"),
        (special.softmax(_SERVED, axis=1), "the trainer's are the softmax of the served ones"),
        (special.expit(_SERVED), "the trainer's are the sigmoid of the served ones"),
        (_SERVED * 120 + 340, "times 120 plus 340"),
    ],
    ids=["order", "softmax", "sigmoid", "inverse scaling"],
)
def test_what_only_the_trainer_did_to_its_answers_is_found(trainer: np.ndarray, words: str) -> None:
    """Another order of classes, an activation, an inverse scaling."""
    found = _explained(trainer, _SERVED)

    assert found is not None
    assert words in found


def test_what_only_the_server_does_is_found() -> None:
    """The other way round as well: the server answers probabilities, the trainer logits."""
    found = _explained(_SERVED, special.expit(_SERVED))

    assert "the served ones are the sigmoid of the trainer's" == found


def test_an_output_under_anothers_name_is_found() -> None:
    """Two outputs of one dtype and shape whose names were swapped."""
    found = _explained(_SERVED, _SERVED**2, deviation=_SERVED)

    assert "the trainer's are the served ones of output 'deviation'" == found


@pytest.mark.parametrize(
    "trainer",
    [
        _SERVED * 1.01,
        _SERVED + 0.2,
        _SERVED + 0.01 * np.random.default_rng(1).normal(size=_SERVED.shape),
        np.random.default_rng(2).normal(size=_SERVED.shape),
    ],
    ids=["a scale alone", "an offset alone", "noise", "unrelated"],
)
def test_what_other_weights_do_as_well_is_not_explained_away(trainer: np.ndarray) -> None:
    """A scale or an offset alone is also what another kernel or bias of the last layer does."""
    assert _explained(trainer, _SERVED) is None


def test_answers_that_hardly_vary_are_not_explained_by_a_scaling() -> None:
    """A constant fits nearly constant answers within their tolerance, and explains nothing."""
    trainer = 0.5 + 1e-6 * np.random.default_rng(3).normal(size=(300, 1))
    served = 0.7 + 1e-6 * np.random.default_rng(4).normal(size=(300, 1))

    assert _explained(trainer, served) is None
