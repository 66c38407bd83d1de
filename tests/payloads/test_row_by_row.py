"""Large bodies of which a few rows are read exactly."""

from __future__ import annotations

import json

import pytest
from payload_models import ROW

from tfx_parity import PayloadGuard
from tfx_parity.findings import FaultKind
from tfx_parity.payloads.row_by_row import row_texts
from tfx_parity.serving_api.rest_request import parse_exactly
from tfx_parity.serving_api.status import ServingError

MANY = 100


def body_of(rows: list, **top: object) -> bytes:
    return json.dumps({"signature_name": "serve_raw", "instances": rows, **top}).encode("utf-8")


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [1, [2], "]}", {"a": {"b64": "x"}}, 5, 6, 7, 8]}',
        b' {\n"signature_name" : "" ,"instances":[ 1 ,[2], "]}" , {"a": {"b64": "x"}},5,6,7,8 ] }',
        b'{"instances":[1,[2],"]}",{"a": {"b64": "x"}},5,6,7,8],"signature_name":"s"}',
    ],
)
def test_a_body_is_cut_at_its_rows(body: bytes) -> None:
    """Rows stand as they were written, and some of them make a body again."""
    texts = row_texts(body)

    assert texts is not None
    assert [b"1", b"[2]", b'"]}"', b'{"a": {"b64": "x"}}', b"5", b"6", b"7", b"8"] == texts.rows
    assert json.loads(body) == json.loads(texts.body_of(range(8)))
    assert [5, 1] == json.loads(texts.body_of([4, 0]))["instances"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [1, 2, 3]}',
        b'{"instances": []}',
        b'{"inputs": [1, 2, 3, 4, 5, 6, 7, 8]}',
        b'{"id": 1, "instances": [1, 2, 3, 4, 5, 6, 7, 8]}',
        b'{"instances": [1, 2, 3, 4, 5, 6, 7, 8], "id": 1}',
        b'{"instances": [1, 2, 3, 4, 5, 6, 7, 8]} {}',
        b'{"instances": [1, 2, 3, 4, 5, 6, 7, 8,]}',
        b'{"instances": [1, 2, 3, 4, 5, 6, 7, 8',
        b'{"instances": [1, 2, 3, 4, 5, 6, 7, ' + b"[" * 100_000,
        b"[1, 2, 3, 4, 5, 6, 7, 8]",
    ],
)
def test_other_bodies_are_not_cut(body: bytes) -> None:
    """Few rows, another key, or what is no JSON is left to who reads it wholly."""
    assert row_texts(body) is None


@pytest.mark.parametrize(
    "change",
    [
        {"body_mass_g": 4500.0},
        {"sex": None, "island": 7},
        {"weight": 1},
        {"bill_length_mm": float("1e39")},
    ],
)
@pytest.mark.parametrize("at", [0, 1, 63, MANY - 1])
def test_the_servers_text_names_the_row_in_the_whole_body(
    guard: PayloadGuard, change: dict, at: int
) -> None:
    """Rows that are read alone keep their numbers."""
    body = body_of([{**ROW, **change} if i == at else ROW for i in range(MANY)])

    checked = guard.look_at_rest(body)

    assert {at} == {fault.row for fault in checked.faults}
    assert MANY == checked.rows
    refused = [f.server for f in checked.faults if f.kind is FaultKind.REFUSED]
    try:
        parse_exactly(body, guard.model.signature_defs, guard.generation)
    except ServingError as error:
        expected = [error.message]
    else:
        expected = []
    assert expected == refused[:1]


def test_what_is_no_json_is_told_by_its_place_in_the_whole_body(guard: PayloadGuard) -> None:
    """A number that only other parsers take ends the reading, as it does in the server."""
    body = b"1e400".join(body_of([ROW] * MANY).rsplit(b"46.1", 1))
    place = body.index(b"1e400")

    (fault,) = guard.check_rest(body)

    assert ("NOT_JSON", "refused") == (fault.code.value, fault.kind.value)
    assert fault.server.endswith(f"at offset: {place}")
