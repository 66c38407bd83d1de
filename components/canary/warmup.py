"""Replay of a model's warm-up requests at load (TF Serving's saved_model_warmup_util.cc)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError

from tfx_parity.canary.servable import Servable
from tfx_parity.errors import BadInputError
from tfx_parity.protos import prediction_log_pb2
from tfx_parity.serving_api.status import Code, ServingError, invalid_argument
from tfx_parity.tfrecord import read_records

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1_000
_NO_TIMEOUT = 0


def replay_warmup(servable: Servable, path: Path, iterations: int = 1) -> int:
    """Send the model the requests that it carries; one that fails makes the load fail.

    Args:
        servable: The loaded model.
        path: Its SavedModel's folder.
        iterations: How often each request is sent.

    Returns:
        How many requests were replayed; 0 where the model carries none.

    Raises:
        ServingError: With TF Serving's code and text.
    """
    file = path / WARMUP_FILE
    if not file.exists():
        return 0
    count = 0
    for log in _read_logs(file):
        for _ in range(iterations):
            _replay(servable, log)
        count += 1
        # TF Serving counts after it has run one: the 1,001st is still answered.
        if count > MAX_RECORDS:
            raise invalid_argument(
                f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}"
            )
    return count


def _read_logs(file: Path) -> Iterator[prediction_log_pb2.PredictionLog]:
    try:
        for record in read_records(file):
            yield _parsed(record, file)
    except BadInputError as error:
        raise ServingError(
            Code.DATA_LOSS, f"{error}. Please verify your warmup data is in TFRecord format."
        ) from error


def _parsed(record: bytes, file: Path) -> prediction_log_pb2.PredictionLog:
    try:
        return prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        shown = record.decode("utf-8", "surrogateescape")
        raise invalid_argument(f"Failed to parse warmup record: {shown} from {file}") from error


def _replay(servable: Servable, log: prediction_log_pb2.PredictionLog) -> None:
    """Run one request; a record without one is passed over, as in TF Serving."""
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        servable.predict(log.predict_log.request, _NO_TIMEOUT)
    elif kind == "classify_log":
        servable.classify(log.classify_log.request, _NO_TIMEOUT)
    elif kind == "regress_log":
        servable.regress(log.regress_log.request, _NO_TIMEOUT)
    elif kind == "multi_inference_log":
        servable.multi_inference(log.multi_inference_log.request, _NO_TIMEOUT)
    elif kind == "session_run_log":
        field = log.DESCRIPTOR.fields_by_name["session_run_log"].number
        raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {field}")
