"""Warm-up requests are replayed at load, and one that fails makes the load fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.backend import ModelLoadError
from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary.warmup import MAX_RECORDS, WARMUP_FILE
from tfx_parity.protos import prediction_log_pb2
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code
from tfx_parity.serving_api.tensors import to_proto
from tfx_parity.tfrecord import write_records

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]


def _log(value: Array, signature: str = "serving_default", alias: str = "x") -> bytes:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "whatever"
    request.model_spec.signature_name = signature
    request.inputs[alias].CopyFrom(to_proto(value))
    return log.SerializeToString()


GOOD = _log(np.ones((1, 3), np.float32))
SESSION_RUN = prediction_log_pb2.PredictionLog()
SESSION_RUN.session_run_log.SetInParent()


def _load(path: Path) -> None:
    with NativeBackend().start(path):
        pass


def test_good_requests_are_replayed(copied: Callable[[str], Path]) -> None:
    """What a request prints shows that it was run; a record without a request is passed over."""
    path = copied("affine")
    chatter = _log(np.array(3), "chatter", "lines")
    write_records(path / WARMUP_FILE, [GOOD, b"", chatter])

    with NativeBackend().start(path) as canary:
        assert "line 2" in canary.log_tail()


@pytest.mark.parametrize(
    ("record", "code", "text"),
    [
        (
            _log(np.ones((1, 3))),
            Code.INVALID_ARGUMENT,
            "Expects arg[0] to be float but double is provided",
        ),
        (_log(np.ones(1), "nope"), Code.FAILED_PRECONDITION, 'Serving signature key "nope"'),
        (b"\xff\xff", Code.INVALID_ARGUMENT, "Failed to parse warmup record: "),
        (SESSION_RUN.SerializeToString(), Code.UNIMPLEMENTED, "Unsupported log_type for warmup: "),
    ],
    ids=["dtype", "signature", "no PredictionLog", "session run"],
)
def test_a_request_that_fails_makes_the_load_fail(
    copied: Callable[[str], Path], record: bytes, code: Code, text: str
) -> None:
    """The code and the text are those of the request."""
    path = copied("affine")
    write_records(path / WARMUP_FILE, [GOOD, record])

    with pytest.raises(ModelLoadError) as raised:
        _load(path)

    assert code == raised.value.code
    assert raised.value.message.startswith(text)


def test_a_file_that_is_no_tfrecord_makes_the_load_fail(copied: Callable[[str], Path]) -> None:
    """The text asks to look at the file, as TF Serving's does."""
    path = copied("affine")
    (path / "assets.extra").mkdir()
    (path / WARMUP_FILE).write_bytes(b"x" * 100)

    with pytest.raises(ModelLoadError, match="verify your warmup data is in TFRecord") as raised:
        _load(path)

    assert raised.value.code == Code.DATA_LOSS


def test_a_thousand_requests_are_the_most(copied: Callable[[str], Path]) -> None:
    """One more makes the load fail."""
    path = copied("affine")
    write_records(path / WARMUP_FILE, [GOOD] * MAX_RECORDS)
    _load(path)
    write_records(path / WARMUP_FILE, [GOOD] * (MAX_RECORDS + 1))

    with pytest.raises(ModelLoadError, match=r"exceeds the maximum \(1000\)"):
        _load(path)
