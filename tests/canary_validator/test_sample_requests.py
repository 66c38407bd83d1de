"""A model's own sample requests are checked as any client's would be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import payload_models
from parity_results import passing
from rich.console import Console

from tfx_parity.canary_validator.sample_requests import sample_request_faults
from tfx_parity.findings import redacted
from tfx_parity.protos import prediction_log_pb2
from tfx_parity.reporting.console import print_result
from tfx_parity.reporting.html_page import to_html
from tfx_parity.tfrecord import write_records


def model_with(folder: Path, *records: bytes) -> Path:
    """Return the penguins model with a warm-up request of some examples."""
    model = payload_models.write_model(folder / "1")
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "penguins"
    request.inputs["examples"].dtype = 7
    request.inputs["examples"].tensor_shape.dim.add(size=len(records))
    request.inputs["examples"].string_val.extend(records)
    warmup = model / "assets.extra" / "tf_serving_warmup_requests"
    write_records(warmup, [log.SerializeToString()])
    return model


def test_good_samples_have_no_fault(tmp_path: Path) -> None:
    """What the model's contract allows passes."""
    assert () == sample_request_faults(model_with(tmp_path, payload_models.example()))


def test_a_faulty_sample_is_told(tmp_path: Path) -> None:
    """An unknown word in the second example of the first request is found there."""
    records = payload_models.example(), payload_models.example(sex="unknown")

    (fault,) = sample_request_faults(model_with(tmp_path, *records))

    assert ("NOT_IN_DOMAIN", 0, 1) == (fault.code.value, fault.record, fault.row)
    assert "assets.extra/tf_serving_warmup_requests" == fault.file


def test_a_model_without_samples_or_in_pieces_has_none(tmp_path: Path) -> None:
    """What cannot be read is the server's to tell."""
    model = model_with(tmp_path, payload_models.example(sex="unknown"))
    (model / "saved_model.pb").write_bytes(b"\xff")
    assert () == sample_request_faults(model)
    (model / "assets.extra" / "tf_serving_warmup_requests").unlink()
    assert () == sample_request_faults(model)


def test_they_stand_in_the_report_and_are_left_out_where_it_is_redacted(tmp_path: Path) -> None:
    """Page and console show the fault; what the client would send can be left out."""
    faults = sample_request_faults(model_with(tmp_path, payload_models.example(sex="a secret")))
    result = replace(passing(), sample_faults=faults)
    console = Console(width=200)
    with console.capture() as capture:
        print_result(result, console)

    assert "a secret" in capture.get()
    assert b"a secret" in to_html(result)
    assert b"NOT_IN_DOMAIN" in to_html(redacted(result))
    assert b"a secret" not in to_html(redacted(result))
