"""The guard of one request at a time."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import payload_models
import pytest
from hypothesis import given
from hypothesis import strategies as st
from payload_models import ROW, example

from tfx_parity import PayloadGuard
from tfx_parity.errors import BadInputError
from tfx_parity.findings import FaultKind, PayloadFault
from tfx_parity.protos import predict_pb2
from tfx_parity.schemas import schema_path
from tfx_parity.serving_api.rest_request import parse_exactly
from tfx_parity.serving_api.status import ServingError
from tfx_parity.serving_api.tensors import to_proto


def raw_body(*rows: dict, **top: object) -> bytes:
    return json.dumps({"signature_name": "serve_raw", "instances": rows, **top}).encode("utf-8")


def b64_body(*records: bytes) -> bytes:
    rows = [{"b64": base64.b64encode(record).decode("ascii")} for record in records]
    return json.dumps({"instances": rows}).encode("utf-8")


def told(faults: tuple[PayloadFault, ...]) -> list[tuple[str, str, str]]:
    return [(f.kind.value, f.code.value, f.pointer) for f in faults]


def test_a_good_request_has_no_fault(guard: PayloadGuard) -> None:
    """Rows, columns, examples and gRPC tensors that are right pass."""
    columns = {name: [value] for name, value in ROW.items()}
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = "serve_raw"
    for name, value in ROW.items():
        dtype = {float: np.float32, int: np.int64}.get(type(value), object)
        request.inputs[name].CopyFrom(to_proto(np.array([value], dtype)))

    assert () == guard.check_rest(raw_body(ROW, ROW))
    assert () == guard.check_rest(
        json.dumps({"signature_name": "serve_raw", "inputs": columns}).encode()
    )
    assert () == guard.check_rest(b64_body(example(), example(sex=None)))
    assert () == guard.check_request(request)
    assert () == guard.check_example(example())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"body_mass_g": 4500.0}, ("refused", "WRONG_TYPE", "/instances/1/body_mass_g")),
        ({"sex": None}, ("refused", "WRONG_TYPE", "/instances/1/sex")),
        ({"weight": 1}, ("refused", "UNKNOWN_NAME", "/instances/1/weight")),
        ({"bill_length_mm": [46.1]}, ("refused", "RAGGED", "/instances/1/bill_length_mm")),
        ({"bill_length_mm": 17}, ("suspect", "OUT_OF_RANGE", "/instances/1/bill_length_mm")),
        ({"bill_length_mm": -np.inf}, ("suspect", "NOT_FINITE", "/instances/1/bill_length_mm")),
        ({"body_mass_g": 4}, ("suspect", "OUT_OF_RANGE", "/instances/1/body_mass_g")),
        ({"sex": "Female"}, ("suspect", "NOT_IN_DOMAIN", "/instances/1/sex")),
        ({"sex": {"b64": "/w=="}}, ("suspect", "NOT_UTF8", "/instances/1/sex")),
        ({"island": ""}, ("suspect", "MISSING_VALUE", "/instances/1/island")),
    ],
)
def test_one_bad_value_is_one_fault(
    guard: PayloadGuard, change: dict, expected: tuple[str, str, str]
) -> None:
    """Each fault is told once, where it is, in the second of three rows."""
    faults = guard.check_rest(raw_body(ROW, {**ROW, **change}, ROW))

    assert [expected] == told(faults)
    assert 1 == faults[0].row


@pytest.mark.parametrize("mark", [{"sex": ""}, {"bill_length_mm": float("nan")}])
def test_marks_of_missing_values_are_no_faults(guard: PayloadGuard, mark: dict) -> None:
    """What the contract calls a missing value may stand for an optional feature."""
    assert () == guard.check_rest(raw_body({**ROW, **mark}))


def test_shapes_that_the_server_does_not_check_are_suspect(guard: PayloadGuard) -> None:
    """A column of vectors, and columns of different lengths, are taken by the server."""
    columns = {name: [value] for name, value in ROW.items()} | {"body_mass_g": [[4500]]}
    lengths = {name: [value] for name, value in ROW.items()} | {"body_mass_g": [4500, 4501]}

    def body(inputs: dict) -> bytes:
        return json.dumps({"signature_name": "serve_raw", "inputs": inputs}).encode()

    assert [("suspect", "WRONG_SHAPE", "/inputs/body_mass_g")] == told(
        guard.check_rest(body(columns))
    )
    assert [("suspect", "BATCH_SIZES_DIFFER", "")] == told(guard.check_rest(body(lengths)))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b"no example", ("refused", "NOT_AN_EXAMPLE", "/instances/1")),
        (example(island=None), ("refused", "MISSING_INPUT", "/instances/1/island")),
        (example(body_mass_g=4500.0), ("refused", "WRONG_TYPE", "/instances/1/body_mass_g")),
        (example(island=["Biscoe", "Dream"]), ("refused", "RAGGED", "/instances/1/island")),
        (example(species="Adelie"), ("suspect", "LABEL_SENT", "/instances/1/species")),
        (example(sex=["male", "male"]), ("suspect", "VALUE_COUNT", "/instances/1/sex")),
        (example(sex="MALE"), ("suspect", "NOT_IN_DOMAIN", "/instances/1/sex/0")),
        (example(bill_length_mm=[]), None),
        (
            example(bill_length_mm=float("nan")),
            ("suspect", "NOT_FINITE", "/instances/1/bill_length_mm/0"),
        ),
    ],
)
def test_a_bad_example_is_one_fault(
    guard: PayloadGuard, record: bytes, expected: tuple[str, str, str] | None
) -> None:
    """What the signature calls a string is looked into."""
    faults = guard.check_rest(b64_body(example(), record))

    assert [expected] * (expected is not None) == told(faults)
    for fault in faults:
        assert (fault.server != "") == (fault.kind is FaultKind.REFUSED)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> PayloadGuard:
    """Return the guard of a model with a signature for `:classify` as well."""
    graph = payload_models.meta_graph()
    made = graph.signature_def["classify"]
    made.inputs["inputs"].CopyFrom(graph.signature_def["serving_default"].inputs["examples"])
    made.outputs["scores"].CopyFrom(graph.signature_def["serving_default"].outputs["outputs"])
    folder = tmp_path_factory.mktemp("classifier") / "1"
    return PayloadGuard.from_model(payload_models.write_model(folder, graph))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"sex": None}, [("refused", "WRONG_TYPE", "/examples/1/sex")]),
        ({"body_mass_g": 4500.0}, [("refused", "WRONG_TYPE", "/examples/1/body_mass_g")]),
        ({"island": []}, [("refused", "MISSING_INPUT", "/examples/1/island")]),
        ({"bill_length_mm": 1e39}, [("changed", "OVERFLOWED", "/examples/1/bill_length_mm")]),
        ({"sex": "Female"}, [("suspect", "NOT_IN_DOMAIN", "/examples/1/sex")]),
        ({"sex": ["Female"]}, [("suspect", "NOT_IN_DOMAIN", "/examples/1/sex/0")]),
        ({"species": "Adelie"}, [("suspect", "LABEL_SENT", "/examples/1/species")]),
    ],
)
def test_bodies_of_classify_are_looked_into(
    classifier: PayloadGuard, change: dict, expected: list[tuple[str, str, str]]
) -> None:
    """What becomes of the JSON is held against what the graph parses, and against the domains."""
    document = {"signature_name": "classify", "examples": [ROW, {**ROW, **change}]}
    body = json.dumps(document).encode("utf-8")

    assert expected == told(classifier.check_rest(body))
    assert expected == told(classifier.check_rest(body, "classify"))
    assert 2 == classifier.look_at_rest(body).rows
    assert "refused" in {kind for kind, _, _ in told(classifier.check_rest(body, "regress"))}
    assert "refused" in {kind for kind, _, _ in told(classifier.check_rest(body, "predict"))}


def test_a_schema_knows_more_than_the_contract(model: Path) -> None:
    """By the curated schema an unknown feature is suspect, and so is a missing required one."""
    guard = PayloadGuard.from_model(model, schema=schema_path("penguins"))

    expected = [("suspect", "UNKNOWN_FEATURE", "/sexx"), ("suspect", "MISSING_VALUE", "/year")]
    assert expected == told(guard.check_example(example(sexx="male")))
    assert () == guard.check_example(example(year=2008))


def test_the_environment_decides_what_a_label_is(model: Path) -> None:
    """In the training environment the label may be sent."""
    guard = PayloadGuard.from_model(model, schema=schema_path("penguins"), environment="TRAINING")

    assert () == guard.check_example(example(year=2008, species="Adelie"))


VALUES = st.one_of(
    st.sampled_from([46.1, 46, 79.99999, 80.00001, 1e39, True, None, "46", "", "Biscoe", [1]]),
    st.floats(width=32),
    st.integers(-(2**64), 2**64),
)
CHANGES = st.dictionaries(st.sampled_from([*ROW, "weight"]), VALUES, max_size=2)


@given(st.lists(CHANGES, min_size=1, max_size=2))
def test_refused_means_what_the_server_says(guard: PayloadGuard, changes: list[dict]) -> None:
    """Over random rows, a refused fault is told exactly where the server refuses."""
    body = raw_body(*({**ROW, **change} for change in changes))
    try:
        parse_exactly(body, guard.model.signature_defs, guard.generation)
        expected = ""
    except ServingError as error:
        expected = error.message
    faults = guard.check_rest(body)
    refused = [fault.server for fault in faults if fault.kind is FaultKind.REFUSED]

    assert ([expected] if expected else []) == refused[:1]


SUSPECTS = st.dictionaries(
    st.sampled_from(sorted(ROW)), st.sampled_from([7, 46.5, "Biscoe", "?", ""]), max_size=3
)


@given(
    st.lists(st.one_of(CHANGES, SUSPECTS), min_size=1, max_size=3),
    st.sampled_from([0, 0, 1, 70]),
    st.sampled_from([0, 0, 1, 70]),
    st.booleans(),
)
def test_the_quick_ways_find_what_the_careful_one_finds(
    guard: PayloadGuard, changes: list[dict], before: int, behind: int, by_rows: bool
) -> None:
    """Bytes that the server skips and that no quick reader knows change nothing in what is told."""
    rows = [ROW] * before + [{**ROW, **change} for change in changes] + [ROW] * behind
    body = raw_body(*rows)
    if not by_rows:
        columns = {name: [row[name] for row in rows] for name in ROW}
        body = json.dumps({"signature_name": "serve_raw", "inputs": columns}).encode("utf-8")

    assert guard.look_at_rest(b"\xef\xbb\xbf" + body) == guard.look_at_rest(body)


@pytest.mark.parametrize("key", ["instances", "inputs"])
@pytest.mark.parametrize("is_named", [False, True])
def test_examples_are_looked_into_the_quick_way_too(
    guard: PayloadGuard, key: str, is_named: bool
) -> None:
    """Named or bare, in rows or in a column, what an example holds is told where it is."""
    texts = [base64.b64encode(r).decode() for r in (example(), example(sex="?"), b"\xff")]
    rows: list = [{"b64": text} for text in texts]
    if is_named:
        rows = [{"examples": row} for row in rows] if key == "instances" else {"examples": rows}
    body = json.dumps({key: rows}).encode("utf-8")
    names = "/examples" if is_named else ""
    places = [f"/{key}/{i}{names}" if key == "instances" else f"/{key}{names}/{i}" for i in (1, 2)]

    faults = guard.look_at_rest(body)

    assert faults == guard.look_at_rest(b"\xef\xbb\xbf" + body)
    assert told(faults.faults) == [
        ("suspect", "NOT_IN_DOMAIN", f"{places[0]}/sex/0"),
        ("refused", "NOT_AN_EXAMPLE", places[1]),
    ]


def test_a_folder_without_a_model_is_bad_input(tmp_path: Path) -> None:
    """Nothing to read is an error that says what was expected."""
    with pytest.raises(BadInputError, match="No versions of servable"):
        PayloadGuard.from_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff")
    with pytest.raises(BadInputError, match="damaged"):
        PayloadGuard.from_model(tmp_path)


@pytest.mark.system
def test_the_guard_loads_neither_tensorflow_nor_tfx() -> None:
    """A gateway imports the guard without the frameworks, and without gRPC's stubs."""
    code = (
        "import sys; from tfx_parity import PayloadGuard; "
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'grpc', 'rich', 'jinja2'}; "
        "heavy &= set(sys.modules); "
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


def test_a_model_without_contract_is_checked_by_its_signatures(tmp_path: Path) -> None:
    """Types, shapes and what the graph parses need neither contract nor schema."""
    folder = payload_models.write_model(tmp_path / "1")
    (folder / "assets.extra" / "serving_contract.json").unlink()
    guard = PayloadGuard.from_model(folder)

    assert () == guard.check_rest(raw_body({**ROW, "sex": "none"}))
    assert ["NOT_FINITE"] == [
        f.code.value for f in guard.check_rest(raw_body({**ROW, "bill_length_mm": np.nan}))
    ]
    assert ["WRONG_TYPE"] == [f.code.value for f in guard.check_example(example(sex=3))]
