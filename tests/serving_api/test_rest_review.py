"""The review of a body agrees with what TF Serving was recorded to answer."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from alphabet import ALPHABET
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.protos import DataType, SignatureDef, TensorProto
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.serving_api.rest_request import parse_exactly
from tfx_parity.serving_api.rest_review import review_body
from tfx_parity.serving_api.review import Review
from tfx_parity.serving_api.status import ServingError
from tfx_parity.serving_api.tensors import from_proto

GENERATIONS = [
    pytest.param(Generation.V2_16, "v2.16.1", id="2.16.1"),
    pytest.param(Generation.V2_18, "head", id="head"),
]
OK = 200
V = Generation.V2_16


def signature(**inputs: int) -> dict[str, SignatureDef]:
    made = SignatureDef()
    for alias, data_type in inputs.items():
        made.inputs[alias].dtype = data_type
        made.inputs[alias].name = f"{alias}:0"
    return {"serving_default": made}


MIXED = signature(
    a=DataType.DT_FLOAT, b=DataType.DT_INT8, c=DataType.DT_STRING, d=DataType.DT_DOUBLE
)


def refusal(body: bytes, signatures: dict, generation: Generation) -> str | None:
    """Return what the server's rules raise, None where they take the body."""
    try:
        parse_exactly(body, signatures, generation)
    except ServingError as error:
        return str(error)
    return None


def found(review: Review) -> list[tuple[str, str]]:
    faults = [*review.refusals, *review.changes]
    return [(f.reason.value, "/".join(map(str, f.path))) for f in faults]


@pytest.mark.thorough
@pytest.mark.parametrize(("generation", "key"), GENERATIONS)
def test_what_was_recorded_as_refused_is_refused_with_its_text_first(
    generation: Generation, key: str, golden: list[dict], models: dict
) -> None:
    """Over every recorded body, the first refusal is the server's answer, or there is none."""
    for entry in golden:
        body = entry["body"].encode("utf-8", "surrogateescape")
        review = review_body(body, models[entry["model"]], generation)
        told = review.refusals[0].error if review.refusals else None
        expected = refusal(body, models[entry["model"]], generation)
        assert expected == (None if told is None else str(told)), entry["body"]
        answer = entry.get(key) or entry["v2.16.1"]
        if answer["http"] == OK:
            assert told is None, entry["body"]


def exact_values(body: str) -> dict[str, list[Fraction | str]] | None:
    """Return the numbers of a body by input, flat and exact; None for one out of the way."""

    def pairs(items: list[tuple[str, object]]) -> dict:
        if len(dict(items)) != len(items):
            raise ValueError("a name twice")
        return dict(items)

    def flat(value: object) -> list:
        return [x for v in value for x in flat(v)] if isinstance(value, list) else [value]

    try:
        document = json.loads(
            body, parse_float=Fraction, parse_constant=str, object_pairs_hook=pairs
        )
    except ValueError:
        return None
    if not document.keys() <= {"instances", "inputs", "signature_name"}:
        return None
    if "instances" in document:
        rows = document["instances"]
        if isinstance(rows[0], dict) and "b64" not in rows[0]:
            return {name: flat([row[name] for row in rows]) for name in rows[0]}
        return {"": flat(rows)}
    columns = document["inputs"]
    if isinstance(columns, dict) and "b64" not in columns:
        return {name: flat(value) for name, value in columns.items()}
    return {"": flat(columns)}


def arrived(value: object, got: object, dtype: np.dtype) -> bool:
    """Whether a number is what was written, or the nearest value of its type."""
    if not isinstance(value, int | Fraction) or isinstance(value, bool):
        return True
    if dtype.kind in "iu":
        return int(got) == value
    if not np.isfinite(got):
        return False
    if isinstance(value, int) or got == 0:
        return Fraction(float(got)) == value
    if abs(float(got)) < np.finfo(dtype).tiny:
        return Fraction(float(got)) == value
    lower, upper = (Fraction(float(np.nextafter(got, dtype.type(e)))) for e in (-np.inf, np.inf))
    middle = Fraction(float(got))
    return abs(middle - value) <= min(abs(lower - value), abs(upper - value))


@pytest.mark.thorough
def test_what_was_recorded_as_changed_is_changed(golden: list[dict], models: dict) -> None:
    """Over every recorded body that is taken, a change is told where the tensor differs."""
    looked_at = changed = 0
    for entry in golden:
        answer = entry["v2.16.1"]
        values = exact_values(entry["body"]) if answer["tensors"] else None
        if values is None:
            continue
        tensors = dict(text.split("=", 1) for text in answer["tensors"])
        if set(values) - {""} - set(tensors):
            continue  # a name that is dropped
        expected = True
        for name, sent in values.items():
            text = tensors[name] if name else next(iter(tensors.values()))
            array = from_proto(text_format.Parse(text, TensorProto()))
            got = array.reshape(-1)
            assert len(sent) == len(got)
            expected &= all(arrived(v, g, array.dtype) for v, g in zip(sent, got, strict=True))
        review = review_body(entry["body"].encode("utf-8"), models[entry["model"]], V)
        assert expected == (not review.changes), entry["body"]
        looked_at += 1
        changed += not expected

    assert looked_at > 200
    assert changed > 10


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"instances": [1e39]}', [("OVERFLOWED", "instances/0")]),
        (b'{"instances": [1, 16777217]}', [("ROUNDED", "instances/1")]),
        (b'{"instances": [1e-50]}', [("UNDERFLOWED", "instances/0")]),
        (b'{"instances": [0.1, 1.5, 16777217.0, NaN, -Infinity]}', []),
        (b'{"instances": [[1, "x"], [null, 2]]}', [
            ("WRONG_TYPE", "instances/0/1"), ("WRONG_TYPE", "instances/1/0"),
        ]),
        (b'{"instances": [[1], [1, 2], 3]}', [
            ("RAGGED", "instances/1"), ("RAGGED", "instances/2"),
        ]),
        (b'{"instances": [1], "id": 7, "instances": [2]}', [
            ("UNKNOWN_NAME", "id"), ("DUPLICATE_KEY", "instances"),
        ]),
        (b'{"inputs": {"v": [1], "w": 2, "v": 3}}', [
            ("UNKNOWN_NAME", "inputs/w"), ("DUPLICATE_KEY", "inputs/v"),
        ]),
        (b'{"signature_name": "x"}', [("UNKNOWN_SIGNATURE", "")]),
        (b'{"instances": []}', [("MALFORMED_REQUEST", "")]),
        (b'{"instances": [1', [("NOT_JSON", "")]),
        (b'[1]', [("MALFORMED_REQUEST", "")]),
    ],
)  # fmt: skip
def test_every_fault_has_its_place(body: bytes, expected: list[tuple[str, str]]) -> None:
    """All faults of a body are told, each where it is."""
    review = review_body(body, signature(v=DataType.DT_FLOAT), V)

    assert expected == found(review)


def test_all_faults_of_all_rows_are_told() -> None:
    """A bad row does not hide the faults of the rows behind it."""
    body = b"""{"instances": [
        {"a": 1, "b": 300, "c": "x", "d": 0.1},
        {"a": "1", "b": 1.0, "c": {"b64": "*"}, "d": null},
        {"a": 1, "b": 1, "e": 2, "d": 1},
        7
    ]}"""

    review = review_body(body, MIXED, V)

    assert found(review) == [
        ("WRONG_TYPE", "instances/1/a"),
        ("WRONG_TYPE", "instances/1/b"),
        ("BAD_BASE64", "instances/1/c"),
        ("WRONG_TYPE", "instances/1/d"),
        ("UNKNOWN_NAME", "instances/2/e"),
        ("MISSING_INPUT", "instances/2"),
        ("MALFORMED_REQUEST", "instances/3"),
        ("WRAPPED", "instances/0/b"),
    ]
    assert ("300", "44") == (review.changes[0].sent, review.changes[0].received)


def test_bytes_behind_the_document_are_a_change_where_they_are_ignored() -> None:
    """What 2.16 refuses, 2.18 ignores."""
    body = b'{"instances": [1]} {"instances": [2]}'
    signatures = signature(v=DataType.DT_FLOAT)

    assert [("NOT_JSON", "")] == found(review_body(body, signatures, Generation.V2_16))
    assert [("TRAILING_BYTES", "")] == found(review_body(body, signatures, Generation.V2_18))


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.integers(-300, 300),
        st.floats(allow_nan=True),
        st.text(ALPHABET, max_size=3),
        st.just({"b64": "eA=="}),
        st.just({"b64": "*"}),
    ),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
ROWS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"a": VALUES, "b": VALUES, "c": VALUES, "d": VALUES}),
        st.dictionaries(st.sampled_from("abcde"), VALUES, max_size=5),
        VALUES,
    ),
    max_size=3,
)


@given(st.one_of(ROWS.map(lambda v: {"instances": v}), ROWS.map(lambda v: {"inputs": v[-1:]})))
def test_a_random_body_is_refused_as_the_parser_refuses_it(document: dict) -> None:
    """The first refusal is what the server's rules raise; without any, they raise nothing."""
    if document.get("inputs"):
        document = {"inputs": document["inputs"][0]}
    body = json.dumps(document).encode("utf-8")
    for generation in Generation:
        review = review_body(body, MIXED, generation)
        told = str(review.refusals[0].error) if review.refusals else None
        assert refusal(body, MIXED, generation) == told


def test_reasons_are_words_of_their_own() -> None:
    """A reason's name is its value, which reports show."""
    assert [r.name for r in Reason] == [r.value for r in Reason]
