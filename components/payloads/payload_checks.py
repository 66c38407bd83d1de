"""One payload of any form, looked at."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from tfx_parity.findings import FaultCode, FaultKind, PayloadFault
from tfx_parity.payloads.checked import Checked
from tfx_parity.payloads.guard import PayloadGuard
from tfx_parity.payloads.payload_files import Form
from tfx_parity.protos import predict_pb2, prediction_log_pb2


def look_at(guard: PayloadGuard, form: Form, payload: bytes) -> Checked:
    """Return the faults of one payload of a form."""
    if form in (Form.REST_BODY, Form.JSON_LINES):
        return guard.look_at_rest(payload)
    if form is Form.EXAMPLE:
        return Checked(guard.check_example(payload), 1)
    try:
        if form is Form.PREDICT_REQUEST:
            return guard.look_at_request(predict_pb2.PredictRequest.FromString(payload))
        return guard.look_at_log(prediction_log_pb2.PredictionLog.FromString(payload))
    except DecodeError as error:
        return Checked((_not_a_message(form, payload, str(error)),), 0)


def _not_a_message(form: Form, payload: bytes, error: str) -> PayloadFault:
    return PayloadFault(
        code=FaultCode.MALFORMED_REQUEST,
        kind=FaultKind.REFUSED,
        file="",
        record=0,
        row=None,
        pointer="",
        input="",
        expected=f"a serialized {form.value}",
        found=f"{len(payload):,} bytes that are none",
        server=error,
    )
