"""Files of payloads: forms, damage, faults among many good ones."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import payload_models
import pytest
from payload_models import ROW, example

from tfx_parity import PayloadGuard
from tfx_parity.errors import BadInputError
from tfx_parity.findings import FaultKind, PayloadResult, Verdict
from tfx_parity.payloads import fault_log, payload_reading
from tfx_parity.payloads.payload_files import Form, form_of
from tfx_parity.payloads.validation import ValidationOptions, validate_files
from tfx_parity.protos import prediction_log_pb2
from tfx_parity.tfrecord import write_records

Validate = Callable[..., PayloadResult]


@pytest.fixture
def validate(guard: PayloadGuard) -> Validate:
    """Return a function that validates files with the penguins' guard."""

    def run(*paths: Path, **options: object) -> PayloadResult:
        return validate_files(guard, paths, ValidationOptions(**options), (), lambda _: None)

    return run


def body(*rows: dict) -> bytes:
    return json.dumps({"signature_name": "serve_raw", "instances": rows}).encode("utf-8")


def log_of(*records: bytes) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "penguins"
    request.inputs["examples"].dtype = 7
    request.inputs["examples"].tensor_shape.dim.add(size=len(records))
    request.inputs["examples"].string_val.extend(records)
    return log


def codes(result: PayloadResult) -> list[str]:
    return [fault.code.value for fault in result.faults]


def test_every_form_is_told_by_its_bytes(tmp_path: Path, validate: Validate) -> None:
    """Bodies, lines, and the three kinds of records are found and pass, plain and gzipped."""
    log = log_of(example(), example())
    (tmp_path / "body.json").write_bytes(json.dumps(json.loads(body(ROW)), indent=1).encode())
    (tmp_path / "lines.txt").write_bytes(body(ROW) + b"\n\n" + body(ROW, ROW) + b"\n")
    (tmp_path / "one.jsonl").write_bytes(body(ROW))
    write_records(tmp_path / "examples", [example()])
    write_records(tmp_path / "requests", [log.predict_log.request.SerializeToString()])
    write_records(tmp_path / "logs", [log.SerializeToString()])
    for name in ("lines.txt", "logs"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / f"z_{name}.gz").write_bytes(gzip.compress(data))

    result = validate(tmp_path)

    assert ("no fault; 10 payloads validated", Verdict.PASS) == (result.sentence, result.verdict)
    found = {Path(file.path).name: (file.form, file.payloads, file.rows) for file in result.files}
    assert found == {
        "body.json": ("REST body", 1, 1),
        "examples": ("tf.Example", 1, 1),
        "lines.txt": ("JSON lines", 2, 3),
        "logs": ("PredictionLog", 1, 2),
        "one.jsonl": ("JSON lines", 1, 1),
        "requests": ("PredictRequest", 1, 2),
        "z_lines.txt.gz": ("JSON lines", 2, 3),
        "z_logs.gz": ("PredictionLog", 1, 2),
    }  # fmt: skip


def test_damaged_files_are_told_and_the_rest_is_validated(
    tmp_path: Path, validate: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut TFRecord, a cut gzip, binary for JSON, a line without end, a broken link, no file."""
    monkeypatch.setattr(payload_reading, "MAX_PAYLOAD_BYTES", 1_000)
    write_records(tmp_path / "a_whole", [example(), example()])
    data = (tmp_path / "a_whole").read_bytes()
    (tmp_path / "b_cut").write_bytes(data[:-7])
    (tmp_path / "c_cut.gz").write_bytes(gzip.compress(body(ROW) * 400)[:-20])
    (tmp_path / "d_binary.json").write_bytes(bytes(range(256)))
    (tmp_path / "e_long.jsonl").write_bytes(
        body(ROW) + b"\n" + b'{"x": "' + b"y" * 5_000 + b'"}\n' + body(ROW) + b"\n"
    )
    (tmp_path / "f_link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "g_empty").write_bytes(b"")

    result = validate(tmp_path, tmp_path / "h_missing")
    found = {Path(file.path).name: file for file in result.files}

    assert Verdict.FAIL == result.verdict
    assert {"a_whole": 2, "b_cut": 1, "e_long.jsonl": 2} == {
        name: file.payloads for name, file in found.items() if file.payloads
    }
    assert {name: file.damage.split(":")[0][:34] for name, file in found.items()} == {
        "a_whole": "",
        "b_cut": "Expected a TFRecord file (plain or",
        "c_cut.gz": "Compressed file ended before the e",
        "d_binary.json": "neither a TFRecord file nor JSON t",
        "e_long.jsonl": "line 1",
        "f_link": "a link to nothing",
        "g_empty": "an empty file",
        "h_missing": "no such file",
    }
    assert () == result.faults


def planted() -> list[tuple[bytes, str]]:
    """Return twenty bodies with one fault each, and the fault's code."""
    rows = [
        ({"body_mass_g": 4500.0}, "WRONG_TYPE"),
        ({"body_mass_g": "4500"}, "WRONG_TYPE"),
        ({"sex": None}, "WRONG_TYPE"),
        ({"weight": 1}, "UNKNOWN_NAME"),
        ({"bill_length_mm": [46.1]}, "WRONG_SHAPE"),
        ({"sex": {"b64": "*"}}, "BAD_BASE64"),
        ({"sex": {"b64": "/w=="}}, "NOT_UTF8"),
        ({"bill_length_mm": float("inf")}, "NOT_FINITE"),
        ({"bill_length_mm": 1e39}, "OVERFLOWED"),
        ({"body_mass_g": 4}, "OUT_OF_RANGE"),
        ({"island": "biscoe"}, "NOT_IN_DOMAIN"),
        ({"island": ""}, "MISSING_VALUE"),
    ]
    made = [(body({**ROW, **change}), code) for change, code in rows]
    missing = {name: value for name, value in ROW.items() if name != "sex"}
    good = body(ROW)
    record = base64.b64encode(example(island=None)).decode()
    label = base64.b64encode(example(species="Adelie")).decode()
    return [
        *made,
        (body(missing), "MISSING_INPUT"),
        (good[:-1], "NOT_JSON"),
        (good.replace(b"serve_raw", b"serve_cooked"), "UNKNOWN_SIGNATURE"),
        (good[:-1] + b', "id": 7}', "UNKNOWN_NAME"),
        (good[:-1] + b', "instances": []}', "DUPLICATE_KEY"),
        (json.dumps({"instances": [{"b64": record}]}).encode(), "MISSING_INPUT"),
        (json.dumps({"instances": [{"b64": label}]}).encode(), "LABEL_SENT"),
        (json.dumps({"instances": [{"b64": "/w=="}]}).encode(), "NOT_AN_EXAMPLE"),
    ]


@pytest.mark.thorough
def test_twenty_planted_faults_among_ten_thousand_bodies_are_found(
    tmp_path: Path, validate: Validate
) -> None:
    """Exactly what was planted is told, each in its line."""
    faults = planted()
    lines = [body({**ROW, "body_mass_g": 2_000 + i % 5_000}) for i in range(10_000)]
    expected = []
    for i, (line, code) in enumerate(faults):
        lines[i * 487 + 11] = line
        expected.append((i * 487 + 11, code))
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))

    result = validate(tmp_path / "log.jsonl")

    assert expected == [(fault.record, fault.code.value) for fault in result.faults]
    assert (10_000, 20) == (result.payloads, result.files[0].faulty)


@pytest.mark.parametrize(
    ("fail_on", "expected"),
    [
        (FaultKind.SUSPECT, Verdict.FAIL),
        (FaultKind.CHANGED, Verdict.PASS),
        (FaultKind.REFUSED, Verdict.PASS),
    ],
)
def test_what_fails_can_be_chosen(
    tmp_path: Path, validate: Validate, fail_on: FaultKind, expected: Verdict
) -> None:
    """A suspect value fails unless only worse kinds are to fail."""
    (tmp_path / "body").write_bytes(body({**ROW, "sex": "?"}))

    assert expected == validate(tmp_path, fail_on=fail_on).verdict


def test_memory_stays_flat_whatever_clients_send(
    tmp_path: Path, validate: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All faults are counted, few are kept, and endless names share a tally."""
    monkeypatch.setattr(fault_log, "KEPT_PER_TALLY", 3)
    monkeypatch.setattr(fault_log, "MAX_INPUTS_PER_CODE", 5)
    rows = [{**ROW, "sex": "?"} for _ in range(50)] + [{**ROW, f"x{i}": 1} for i in range(50)]
    (tmp_path / "body").write_bytes(body(*rows))

    result = validate(tmp_path / "body")

    assert 100 == sum(tally.count for tally in result.tallies)
    assert ("(other names)", 45) == max(
        (t.input, t.count) for t in result.tallies if "(" in t.input
    )
    assert len(result.faults) < 20


def test_no_payload_is_inconclusive(tmp_path: Path, validate: Validate) -> None:
    """Nothing passes where nothing was looked at."""
    assert Verdict.INCONCLUSIVE == validate().verdict
    (tmp_path / "blank.jsonl").write_bytes(b"\n\n")
    assert Verdict.FAIL == validate(tmp_path).verdict


def test_a_form_can_be_prescribed(tmp_path: Path, validate: Validate) -> None:
    """Records that are no messages of that form are refused, each by itself."""
    write_records(tmp_path / "records", [b"\xff\xff", example()])

    result = validate(tmp_path, form=Form.EXAMPLE)

    assert Form.PREDICT_REQUEST == form_of(tmp_path / "records")
    assert [("NOT_AN_EXAMPLE", 0)] == [(f.code.value, f.record) for f in result.faults]


def test_classify_logs_hold_examples_too(guard: PayloadGuard) -> None:
    """A request to a signature that cannot classify is refused with the server's text."""
    log = prediction_log_pb2.PredictionLog()
    log.classify_log.request.model_spec.name = "penguins"

    (fault,) = guard.look_at_log(log).faults

    assert fault.server.startswith("Expected classification signature") or (
        "No classification inputs" in fault.server
    )


def test_examples_for_a_model_that_takes_none_are_told(tmp_path: Path) -> None:
    """A file of examples is no fault of its rows where no signature parses any."""
    graph = payload_models.meta_graph()
    del graph.signature_def["serving_default"]
    guard = PayloadGuard.from_model(payload_models.write_model(tmp_path / "1", graph))
    write_records(tmp_path / "examples", [example()])

    result = validate_files(guard, [tmp_path / "examples"], ValidationOptions(), (), lambda _: None)

    assert (Verdict.FAIL, ()) == (result.verdict, result.faults)
    assert "no signature of the model takes" in result.files[0].damage
    with pytest.raises(BadInputError, match="parses tf.Examples"):
        guard.check_example(example())
