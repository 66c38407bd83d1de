"""The command `tfx-parity payload`."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import payload_models
import pytest
from payload_models import ROW, example

from tfx_parity.cli import main
from tfx_parity.schemas import schema_path
from tfx_parity.tfrecord import write_records

REPORT_SCHEMA = Path(__file__).parents[2] / "schemas" / "payload_report.schema.json"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a base path with one version of the penguins model."""
    payload_models.write_model(tmp_path / "model" / "1")
    return tmp_path / "model"


def write_bodies(path: Path, *rows: dict) -> Path:
    lines = [json.dumps({"signature_name": "serve_raw", "instances": [row]}) for row in rows]
    path.write_text("\n".join(lines))
    return path


def run(capfdbinary: pytest.CaptureFixture, *arguments: object) -> tuple[int, bytes, bytes]:
    with pytest.raises(SystemExit) as left:
        main(["payload", *map(str, arguments)])
    output = capfdbinary.readouterr()
    return left.value.code, output.out, output.err


def test_good_payloads_pass(
    model: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture
) -> None:
    """Exit code 0, and the console says how much was looked at."""
    bodies = write_bodies(tmp_path / "log.jsonl", ROW, ROW)

    code, out, _ = run(capfdbinary, model, bodies)

    assert 0 == code
    assert b"no fault; 2 payloads validated" in out


def test_a_fault_fails_and_is_shown_with_its_cure(
    model: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture
) -> None:
    """Exit code 1; place, the server's words and the cure stand on the console."""
    bodies = write_bodies(tmp_path / "log.jsonl", ROW, {**ROW, "sex": None})

    code, out, _ = run(capfdbinary, model, bodies)

    assert 1 == code
    for expected in (b"WRONG_TYPE", b"/instances/0/sex", b"Type: Null", b"never null"):
        assert expected in b" ".join(out.split())


def test_json_is_the_report_alone(
    model: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture
) -> None:
    """Standard output holds a report that follows its schema, and --report writes the same."""
    bodies = write_bodies(tmp_path / "log.jsonl", {**ROW, "sex": "?"})
    report = tmp_path / "report"

    code, out, _ = run(
        capfdbinary, model, bodies, "--json", "--report", report, "--fail-on", "changed"
    )

    jsonschema_rs.validate(json.loads(REPORT_SCHEMA.read_text("utf-8")), json.loads(out))
    assert 0 == code
    assert out == (report / "report.json").read_bytes()
    assert b"Every payload reaches the model" in (report / "report.html").read_bytes()
    assert json.loads(out)["reproduce"].endswith("log.jsonl --fail-on changed")
    assert "/instances/0/sex" == json.loads(out)["faults"][0]["pointer"]


def test_the_schema_is_honoured(
    model: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture
) -> None:
    """With the curated schema and its serving environment a good body still passes."""
    bodies = write_bodies(tmp_path / "log.jsonl", ROW)

    code, _, _ = run(capfdbinary, model, bodies, "--schema", schema_path("penguins"))

    assert 0 == code


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere", "log.jsonl"], b"found no folder"),
        (["model"], b"Missing argument"),
        (["model", "log.jsonl", "--schema", "nowhere.pbtxt"], b"found no file"),
    ],
)
def test_bad_input_is_exit_code_2(
    model: Path,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    expected: bytes,
) -> None:
    """What cannot be used is told on standard error."""
    monkeypatch.chdir(tmp_path)
    write_bodies(tmp_path / "log.jsonl", ROW)

    code, _, err = run(capfdbinary, *arguments)

    assert 2 == code
    assert expected in err


def test_a_file_that_is_not_there_is_wrong_usage(
    model: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture
) -> None:
    """A misspelt path is no verdict on what clients send."""
    code, out, error = run(capfdbinary, model, tmp_path / "nowhere.json")

    assert (2, b"") == (code, out)
    assert b"nowhere.json" in error


def test_a_damaged_file_fails_and_the_rest_is_validated(
    model: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture
) -> None:
    """Exit code 1 where a file cannot be read wholly, though no payload has a fault."""
    folder = tmp_path / "log"
    folder.mkdir()
    write_bodies(folder / "good.jsonl", ROW, ROW)
    (folder / "bad").symlink_to(tmp_path / "nowhere")

    code, out, _ = run(capfdbinary, model, folder)

    assert 1 == code
    assert b"1 file not read, or not wholly; 2 payloads validated" in b" ".join(out.split())
    assert b"a link to nothing" in out


def test_training_data_are_validated_as_if_clients_had_sent_them(
    model: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture
) -> None:
    """Labels are a fault of examples, unless they are to be taken out first."""
    write_records(tmp_path / "train", [example(species="Adelie"), b"\xff"])
    arguments = (model, tmp_path / "train", "--json", "--form", "example")

    codes = []
    for option in ([], ["--without-labels"]):
        _, out, _ = run(capfdbinary, *arguments, *option)
        codes.append([fault["code"] for fault in json.loads(out)["faults"]])

    assert [["LABEL_SENT", "NOT_AN_EXAMPLE"], ["NOT_AN_EXAMPLE"]] == codes
    assert json.loads(out)["reproduce"].endswith("train --without-labels --form example")
