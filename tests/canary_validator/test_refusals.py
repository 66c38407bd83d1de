"""What a model that does not load is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfx_parity.canary.backend import ModelLoadError
from tfx_parity.canary.inspection import LoadFailure, ModelInspection, OpUse
from tfx_parity.canary_validator.refusals import load_cause
from tfx_parity.serving_api.status import Code

_UNKNOWN_OP = OpUse("SoftmaxV9", "softmax", "__inference_serve")
_NO_SIGNATURE = ModelLoadError(Code.FAILED_PRECONDITION, "Serving signature key not found.", "")
_NO_OP = ModelLoadError(Code.NOT_FOUND, "Op type not registered 'SoftmaxV9'.", "")
_LATE = ModelLoadError(Code.DEADLINE_EXCEEDED, "not loaded within 120 s", "")


def _inspection(failure: LoadFailure | None, *ops: OpUse) -> ModelInspection:
    return ModelInspection((), (), ops, (), (), "2.16.2", failure)


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


def test_a_model_without_warm_up_requests_cannot_fail_by_them(tmp_path: Path) -> None:
    """Where there is no warm-up file, a failed load is just that."""
    cause = load_cause(tmp_path, _NO_SIGNATURE, _inspection(None))

    assert cause.code.value == "LOAD_FAILED"
