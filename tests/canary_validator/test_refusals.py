"""What a model that does not load, or refuses requests, is called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.backend import ModelLoadError
from tfx_parity.canary.client import RequestError
from tfx_parity.canary.inspection import LoadFailure, ModelInspection, OpUse
from tfx_parity.canary_validator.answers import (
    Answers,
    Asker,
    Missing,
    RowCountError,
    collect,
    split_rows,
    stack_rows,
)
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.canary_validator.refusals import find_refusals, load_cause
from tfx_parity.serving_api.status import Code

_UNKNOWN_OP = OpUse("SoftmaxV9", "softmax", "__inference_serve")
_NO_SIGNATURE = ModelLoadError(Code.FAILED_PRECONDITION, "Serving signature key not found.", "")
_NO_OP = ModelLoadError(Code.NOT_FOUND, "Op type not registered 'SoftmaxV9'.", "")
_LATE = ModelLoadError(Code.DEADLINE_EXCEEDED, "not loaded within 120 s", "")


def _inspection(failure: LoadFailure | None, *ops: OpUse) -> ModelInspection:
    return ModelInspection((), (), ops, (), (), (), "2.16.2", failure)


@pytest.mark.parametrize(
    ("error", "inspection", "code"),
    [
        (_NO_SIGNATURE, _inspection(None), "WARMUP_FAILED"),
        (_LATE, _inspection(None), "LOAD_FAILED"),
        (_NO_SIGNATURE, _inspection(LoadFailure(Code.INTERNAL, "broken")), "LOAD_FAILED"),
        (_NO_SIGNATURE, None, "LOAD_FAILED"),
        (_NO_OP, _inspection(LoadFailure(Code.NOT_FOUND, ""), _UNKNOWN_OP), "UNSERVABLE_OP"),
    ],
    ids=["loads without warm-up", "late", "does not load", "unreadable", "unknown op"],
)
def test_a_failed_load_is_named_by_what_the_model_shows_without_it(
    error: ModelLoadError, inspection: ModelInspection | None, code: str, tmp_path: Path
) -> None:
    """The server's text need not name the warm-up or the op: the inspection tells them apart."""
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "tf_serving_warmup_requests").touch()

    cause = load_cause(tmp_path, error, inspection)

    assert code == cause.code.value
    assert error.message in cause.evidence.detail + cause.evidence.message


def test_variables_without_a_value_are_named_where_a_warm_up_request_meets_them_first(
    tmp_path: Path,
) -> None:
    """Every request would fail as the warm-up does: the variables are the cause, some by name."""
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "tf_serving_warmup_requests").touch()
    names = tuple(f"dense_{number}/kernel" for number in range(7))
    inspection = ModelInspection((), names, (), (), (), (), "2.16.2", None)

    cause = load_cause(tmp_path, _NO_SIGNATURE, inspection)

    assert "UNINITIALISED" == cause.code.value
    assert cause.place.startswith("variables dense_0/kernel, dense_1/kernel, ")
    assert cause.place.endswith("dense_4/kernel and 2 more")


def test_a_model_without_warm_up_requests_cannot_fail_by_them(tmp_path: Path) -> None:
    """Where there is no warm-up file, a failed load is just that."""
    cause = load_cause(tmp_path, _NO_SIGNATURE, _inspection(None))

    assert cause.code.value == "LOAD_FAILED"


def _recorded() -> Recorded:
    rows = [np.float32([i]) for i in range(6)]
    return Recorded("serving_default", {"x": rows}, None, None, (), (), None, "here")


def _answering(ask: Asker) -> dict[str, Answers | Missing]:
    """Return arms of which C asks in batches of three, and the others are left out."""
    arms = ("C", "C again", "C'", "C1", "Cs", "Cp", "R", "Rc", "Rr")
    return {arm: Missing("left out") for arm in arms} | {"C": collect(ask, [range(3), range(3, 6)])}


def _never(example: int) -> str:
    raise AssertionError(f"eager Python was asked for example {example}")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestError(Code.INVALID_ARGUMENT, "a tensor of 3 values"), "BATCH_DEPENDENT"),
        (RowCountError("output 'y' has 1 rows for 3 examples"), "SHAPE_MISMATCH"),
    ],
)
def test_a_batch_that_is_refused_while_its_examples_are_answered_is_a_cause(
    error: Exception, code: str
) -> None:
    """A model that answers single examples only must not pass by being asked one by one."""

    def ask(indices: Sequence[int]) -> dict[str, list[np.ndarray]]:
        if len(indices) > 1:
            raise error
        return {"y": [np.float32([i]) for i in indices]}

    (cause,) = find_refusals(_recorded(), _answering(ask), _never)

    assert code == cause.code.value
    assert "2 batches are refused" in cause.evidence.detail


def test_a_bad_example_explains_why_its_batch_was_refused() -> None:
    """The batches of one refused example are no cause of their own."""

    def ask(indices: Sequence[int]) -> dict[str, list[np.ndarray]]:
        if 4 in indices:
            raise RequestError(Code.INVALID_ARGUMENT, "bad example")
        return {"y": [np.float32([i]) for i in indices]}

    (cause,) = find_refusals(_recorded(), _answering(ask), lambda example: f"asked {example}")

    assert ("REQUEST_FAILED", 1) == (cause.code.value, cause.evidence.examples)
    assert "asked 4" in cause.evidence.detail


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("Could not find variable dense_1/kernel. This could mean", "variable dense_1/kernel of "),
        ("Table not initialized.\n\t [[{{node ids/LookupTableFindV2}}]]", "node ids/LookupT"),
        ("Attempting to use uninitialized value", "signature 'serving_default'"),
    ],
    ids=["variable", "table", "nameless"],
)
def test_what_has_no_value_is_named(message: str, place: str) -> None:
    """By the variable's own name, or the node that looks up, where the server tells it."""

    def ask(indices: Sequence[int]) -> dict[str, list[np.ndarray]]:
        raise RequestError(Code.FAILED_PRECONDITION, message)

    (cause,) = find_refusals(_recorded(), _answering(ask), lambda _: "")

    assert "UNINITIALISED" == cause.code.value
    assert cause.place.startswith(place)


def test_rows_of_different_shapes_are_asked_one_by_one() -> None:
    """No client can send them together, so that this is no fault of the model."""
    rows = {"x": [np.zeros(1 + i % 2) for i in range(6)]}

    def ask(indices: Sequence[int]) -> dict[str, list[np.ndarray]]:
        return split_rows(stack_rows(rows, indices), len(indices))

    found = collect(ask, [range(3), range(3, 6)])

    assert (tuple(range(6)), {}, ()) == (found.indices, found.failures, found.refused_batches)
