"""What turns served answers into the trainer's: found by trying, never by chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from tfx_parity.canary_validator.output_changes import explain_output
from tfx_parity.comparison.tolerance import TolerancePolicy

_SERVED = np.random.default_rng(0).normal(size=(300, 4))
_GREATEST = np.where(_SERVED < _SERVED.max(1, keepdims=True), 0, _SERVED)
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
        (np.round(_SERVED, 1), "the trainer's are the served ones rounded to 1 digits"),
        (np.clip(_SERVED, -1, 1), "the trainer's are the served ones limited to -1 and 1"),
        (
            np.where(_SERVED < _SERVED.max(1, keepdims=True), 0, _SERVED),
            "the trainer's are the served ones with zero in the place of",
        ),
    ],
    ids=["order", "softmax", "sigmoid", "inverse scaling", "rounded", "limited", "left out"],
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


def test_another_temperature_is_found() -> None:
    """Logits that only one side divides before their softmax."""
    served = special.softmax(_SERVED / 2.5, axis=1)

    found = _explained(special.softmax(_SERVED, axis=1), served)

    assert "the trainer's are the served ones with logits times 2.5: another temperature" == found


def _renamed(trainer: np.ndarray, served: np.ndarray) -> str | None:
    mine, theirs = ({"y": list(side.astype(object))} for side in (trainer, served))
    rows = [{"y": [np.asarray(row, object) for row in side["y"]]} for side in (mine, theirs)]
    return explain_output("y", rows[0], rows[1], TolerancePolicy(), _RATE)


def test_other_names_of_the_same_classes_are_found() -> None:
    """Each of the served names stands for one of the trainer's, always."""
    best = np.argmax(_SERVED, axis=1)

    found = _renamed(
        np.array([b"a", b"b", b"c", b"d"])[best], np.array([b"b", b"a", b"c", b"d"])[best]
    )

    assert "the trainer's are the served ones under other names: 'a' for 'b', 'b' for 'a'" == found


def test_names_that_do_not_always_stand_for_the_same_are_no_renaming() -> None:
    """Neither classes that are mixed up, nor ids of which each is seen once."""
    best = np.argmax(_SERVED, axis=1)
    names, ids = np.array([b"a", b"b", b"c", b"d"]), np.array([b"%d" % i for i in range(600)])

    assert _renamed(names[best], names[np.roll(best, 1)]) is None
    assert _renamed(ids[:300], ids[300:]) is None


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
