"""The JSON Schema of a model says of a body what the guard says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema_rs
import payload_models
import pytest
from hypothesis import given
from hypothesis import strategies as st
from payload_models import ROW

from tfx_parity import PayloadGuard
from tfx_parity.cli import main
from tfx_parity.payloads.json_schema import _BASE64 as BASE64
from tfx_parity.payloads.json_schema import DIALECT, body_schema
from tfx_parity.payloads.openapi import openapi_document
from tfx_parity.payloads.sample_body import sample_body
from tfx_parity.protos import DataType, MetaGraphDef
from tfx_parity.serving_api.base64_text import unescape

KINDS = {
    "f": (DataType.DT_FLOAT, [-1, 2]),
    "d": (DataType.DT_DOUBLE, [-1]),
    "i8": (DataType.DT_INT8, [-1]),
    "u8": (DataType.DT_UINT8, [-1]),
    "i32": (DataType.DT_INT32, [-1]),
    "u32": (DataType.DT_UINT32, [-1]),
    "i64": (DataType.DT_INT64, [-1]),
    "b": (DataType.DT_BOOL, [-1]),
    "s": (DataType.DT_STRING, [-1, 1, 1]),
}


def typed_graph() -> MetaGraphDef:
    """Return the penguins graph with a signature of one input a type, and one of one input."""
    graph = payload_models.meta_graph()
    for alias, (kind, sizes) in KINDS.items():
        for name in ("types", *(["one"] if alias == "f" else [])):
            info = graph.signature_def[name].inputs[alias]
            info.dtype = kind
            for size in sizes:
                info.tensor_shape.dim.add(size=size)
    return graph


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> PayloadGuard:
    """Return the guard of a model with inputs of all types."""
    folder = tmp_path_factory.mktemp("typed") / "1"
    return PayloadGuard.from_model(payload_models.write_model(folder, typed_graph()))


@pytest.fixture(scope="module")
def validator(typed: PayloadGuard) -> jsonschema_rs.Draft202012Validator:
    """Return a validator by the schema that is published for the model."""
    schema = body_schema(typed.model, typed.rules)
    jsonschema_rs.meta.validate(schema)
    assert DIALECT == schema["$schema"]
    return jsonschema_rs.Draft202012Validator(schema)


# What JSON Schema has words for: no whole floats, few digits, no integers beyond 24 bits for f.
FRACTIONS = st.integers(-(10**9), 10**9).map(lambda n: (n // 1024 * 1024 + 512) / 1024)
INTEGERS = st.one_of(
    st.integers(-130, 260),
    st.sampled_from([2**31, -(2**31) - 1, 2**32, 2**63 - 1, 2**63, -(2**63), -1, 0]),
)
SCALARS = st.one_of(
    FRACTIONS,
    st.sampled_from([1e39, -1e39]),
    st.integers(-130, 260),
    st.booleans(),
    st.none(),
    st.sampled_from(["", "x", "Biscoe"]),
    st.sampled_from([{"b64": "eA=="}, {"b64": "e"}, {"b64": "_-"}, {"b64": "eA", "x": 1}, {}]),
)
GOOD = {
    "f": st.lists(FRACTIONS, min_size=2, max_size=2),
    "d": FRACTIONS,
    "i8": INTEGERS,
    "u8": INTEGERS,
    "i32": INTEGERS,
    "u32": INTEGERS,
    "i64": INTEGERS,
    "b": st.booleans(),
    "s": st.just([["x"]]),
}
ODD = st.one_of(SCALARS, st.lists(SCALARS, max_size=2))


@st.composite
def rows(draw: st.DrawFn) -> dict:
    """Return a row of all types, in which one member may be odd, gone or unknown."""
    row = {name: draw(values) for name, values in GOOD.items()}
    change = draw(st.sampled_from(["nothing", "nothing", "odd", "gone", "unknown"]))
    name = draw(st.sampled_from(sorted(GOOD)))
    if change == "odd":
        row[name] = draw(ODD)
    elif change == "gone":
        del row[name]
    elif change == "unknown":
        row["unknown"] = 1
    return row


@given(st.lists(rows(), max_size=1), st.sampled_from([{}, {}, {}, {"id": 1}, {"inputs": {}}]))
def test_the_schema_accepts_what_arrives_unchanged_and_nothing_else(
    typed: PayloadGuard, validator: jsonschema_rs.Draft202012Validator, items: list, top: dict
) -> None:
    """Over random rows of all types, valid means without a fault."""
    body = {"signature_name": "types", "instances": items, **top}

    assert (typed.check_rest(json.dumps(body).encode()) == ()) == validator.is_valid(body)


@given(rows())
def test_the_schema_of_columns_does_so_too(
    typed: PayloadGuard, validator: jsonschema_rs.Draft202012Validator, row: dict
) -> None:
    """Over random columns of one row, valid means without a fault."""
    body = {"signature_name": "types", "inputs": {name: [value] for name, value in row.items()}}

    assert (typed.check_rest(json.dumps(body).encode()) == ()) == validator.is_valid(body)


@given(st.sampled_from(sorted(ROW)), SCALARS)
def test_domains_are_in_the_schema(
    typed: PayloadGuard, validator: jsonschema_rs.Draft202012Validator, name: str, value: object
) -> None:
    """Over random values of one feature, valid means without a fault, domains included."""
    if isinstance(value, dict):
        return  # a domain is not held against base64
    body = {"signature_name": "serve_raw", "instances": [{**ROW, name: value}]}

    assert (typed.check_rest(json.dumps(body).encode()) == ()) == validator.is_valid(body)


@pytest.mark.parametrize(
    "body",
    [
        {"signature_name": "one", "instances": [[1.5, 2.5], [1.5, 2]]},
        {"signature_name": "one", "instances": [{"f": [1.5, 2.5]}]},
        {"signature_name": "one", "inputs": [[1.5, 2.5]]},
        {"signature_name": "one", "inputs": {"f": [[1.5, 2.5]]}},
        {"instances": [{"b64": "CgA="}]},
        {"signature_name": "", "instances": [{"b64": "CgA="}]},
        {"signature_name": "one", "instances": [[1.5]]},
        {"signature_name": "one", "instances": []},
        {"signature_name": "none", "instances": [[1.5, 2.5]]},
        {"instances": [[1.5, 2.5]]},
        {"signature_name": "one"},
        {"signature_name": "one", "inputs": []},
    ],
)
def test_the_forms_of_a_request_are_in_the_schema(
    typed: PayloadGuard, validator: jsonschema_rs.Draft202012Validator, body: dict
) -> None:
    """Rows or columns, named or bare, and the default signature."""
    faults = typed.check_rest(json.dumps(body).encode())
    # What an example holds is beyond JSON Schema: this one lacks a required feature.
    is_good = all(fault.input == "island" for fault in faults)

    assert is_good == validator.is_valid(body)


@given(st.text(alphabet="Aa0+/=. \n-_", max_size=9))
def test_base64_is_valid_where_the_server_decodes_it(text: str) -> None:
    """The pattern is the rule of absl::Base64Unescape."""
    assert (unescape(text.encode()) is not None) == (re.search(BASE64, text) is not None)


@pytest.mark.parametrize("name", ["serve_raw", "serving_default", "one", "types"])
def test_the_sample_body_has_no_fault(
    typed: PayloadGuard, validator: jsonschema_rs.Draft202012Validator, name: str
) -> None:
    """What is offered to start from is taken, by the guard and by the schema."""
    body = sample_body(typed.model, typed.rules, name)

    assert () == typed.check_rest(json.dumps(body).encode())
    assert validator.is_valid(body)


def test_what_cannot_be_said_is_said_in_words(typed: PayloadGuard) -> None:
    """The description names the rules that JSON Schema lacks."""
    text = str(body_schema(typed.model, typed.rules)["description"])

    for expected in ("1.0", "2**24", "twice", "tf.Example"):
        assert expected in text


def test_openapi_holds_the_schema_and_an_example(typed: PayloadGuard) -> None:
    """The request's schema is the model's, and its example is valid by it."""
    document = openapi_document(typed.model, typed.rules, "penguins", ("serve_raw",))
    schema = document["components"]["schemas"]["PredictRequest"]
    request = document["paths"]["/v1/models/penguins:predict"]["post"]["requestBody"]
    content = request["content"]["application/json"]

    assert "3.1.0" == document["openapi"]
    assert {"$ref": "#/components/schemas/PredictRequest"} == content["schema"]
    jsonschema_rs.validate(schema, content["example"])


@pytest.mark.parametrize("output_format", ["jsonschema", "openapi", "example"])
def test_the_command_writes_json(
    model: Path, output_format: str, capfdbinary: pytest.CaptureFixture
) -> None:
    """Every format is one JSON document on standard output."""
    with pytest.raises(SystemExit) as left:
        main(["schema", str(model), "--format", output_format])

    assert 0 == left.value.code
    assert isinstance(json.loads(capfdbinary.readouterr().out), dict)


def test_an_unknown_signature_is_bad_input(model: Path, capfdbinary: pytest.CaptureFixture) -> None:
    """The signatures that there are stand in the error."""
    with pytest.raises(SystemExit) as left:
        main(["schema", str(model), "--signature", "nope"])

    assert 2 == left.value.code
    assert b"serve_raw" in capfdbinary.readouterr().err
