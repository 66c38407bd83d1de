"""The requests that a model brings along as samples, checked as any client's would be."""

from __future__ import annotations

from pathlib import Path

from tfx_parity.canary.warmup import WARMUP_FILE
from tfx_parity.errors import BadInputError
from tfx_parity.findings import PayloadFault
from tfx_parity.payloads.fault_log import FaultLog
from tfx_parity.payloads.guard import PayloadGuard
from tfx_parity.payloads.payload_checks import look_at
from tfx_parity.payloads.payload_files import Form
from tfx_parity.payloads.payload_reading import read_payloads
from tfx_parity.payloads.served_model import read_served_model


def sample_request_faults(model: Path) -> tuple[PayloadFault, ...]:
    """Return the faults of a model's warm-up requests, which its clients take for samples.

    What keeps the model from being loaded, a damaged file of requests too, is the server's to tell.

    Args:
        model: The SavedModel's folder.
    """
    file = model / WARMUP_FILE
    if not file.is_file():
        return ()
    try:
        guard = PayloadGuard(read_served_model(model))
    except BadInputError:
        return ()
    log = FaultLog()
    for record, payload in read_payloads(file, Form.PREDICTION_LOG, lambda _: None):
        for fault in look_at(guard, Form.PREDICTION_LOG, payload).faults:
            log.add(fault, WARMUP_FILE, record)
    return log.faults
