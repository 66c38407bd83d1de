"""The review of a :classify or :regress body agrees with the parser of such bodies."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.protos import DataType, Example, SignatureDef
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.inference import serialized_examples
from tfx_parity.serving_api.rest_inference import asks_for_inference, parse_inference
from tfx_parity.serving_api.rest_inference_review import method_of_signature, review_inference
from tfx_parity.serving_api.review import Review
from tfx_parity.serving_api.status import ServingError


def signature(*outputs: str) -> SignatureDef:
    made = SignatureDef()
    made.inputs["inputs"].dtype = DataType.DT_STRING
    made.inputs["inputs"].name = "examples:0"
    for alias in outputs:
        made.outputs[alias].name = f"{alias}:0"
    return made


SIGNATURES = {
    "serving_default": signature("classes", "scores"),
    "regress": signature("outputs"),
    "predict": signature("probabilities", "classes", "logits"),
}


def review(body: bytes, **options: str) -> Review:
    return review_inference(body, SIGNATURES, Generation.V2_16, **options)


def found(result: Review) -> list[tuple[str, str]]:
    faults = [*result.refusals, *result.changes]
    return [(f.reason.value, "/".join(map(str, f.path))) for f in faults]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"examples": [{"x": [1, 2], "s": "a", "b": {"b64": "eA=="}, "f": 0.5}, {}]}', []),
        ('{"signature_name": "regress", "examples": [{"x": true}]}', []),
        ('{"examples": [{"x": null, "y": [1, "a", []]}]}', [
            ("WRONG_TYPE", "examples/0/x"), ("WRONG_TYPE", "examples/0/y/1"),
            ("WRONG_TYPE", "examples/0/y/2"),
        ]),
        ('{"examples": [7, {"x": {"b64": "*"}}]}', [
            ("MALFORMED_REQUEST", "examples/0"), ("BAD_BASE64", "examples/1/x"),
        ]),
        ('{"examples": [{"x": 18446744073709551615}]}', [("WRONG_TYPE", "examples/0/x")]),
        ('{"examples": [{"x": [1e39, 1e-50, 0.1], "y": 1.5, "y": 2}]}', [
            ("OVERFLOWED", "examples/0/x/0"), ("UNDERFLOWED", "examples/0/x/1"),
            ("DUPLICATE_KEY", "examples/0/y"),
        ]),
        ('{"context": {"c": null}, "examples": [{}], "id": 1, "examples": 2}', [
            ("WRONG_TYPE", "context/c"), ("UNKNOWN_NAME", "id"), ("DUPLICATE_KEY", "examples"),
        ]),
        ('{"examples": []}', [("MALFORMED_REQUEST", "")]),
        ('{"signature_name": "other", "examples": [{}]}', [
            ("UNKNOWN_SIGNATURE", "signature_name"),
        ]),
        ('{"signature_name": "predict", "examples": [{}]}', [
            ("MALFORMED_REQUEST", "signature_name"),
        ]),
        ('{"examples": [{}]', [("NOT_JSON", "")]),
        ("[]", [("MALFORMED_REQUEST", "")]),
    ],
)  # fmt: skip
def test_every_fault_has_its_place(body: str, expected: list[tuple[str, str]]) -> None:
    """All faults of a body are told, each where it is."""
    assert expected == found(review(body.encode()))


def test_what_fits_is_the_example_that_the_model_gets() -> None:
    """A record a row, the context before it; none of a row that is refused."""
    body = b'{"context": {"c": 1}, "examples": [{"x": 0.5}, {"x": null}, {"x": "a"}]}'

    sent = review(body).tensors

    assert [0, 2] == [tensor.row for tensor in sent]
    example = Example.FromString(sent[0].array.item())
    assert [0.5] == list(example.features.feature["x"].float_list.value)
    assert [1] == list(example.features.feature["c"].int64_list.value)


def test_the_method_is_the_one_that_the_signature_answers_or_the_one_that_is_asked() -> None:
    """A regressor that is asked to classify refuses in the server's words."""
    body = b'{"signature_name": "regress", "examples": [{"x": 1}]}'

    assert ["classify", "regress"] == [
        method_of_signature(SIGNATURES[name]) for name in ("serving_default", "regress")
    ]
    assert [] == found(review(body))
    (refusal,) = review(body, method="classify").refusals
    assert "Expected classification signature outputs" in refusal.error.message


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        (True, b'{"examples": [{"x": 1}]}'),
        (True, b'{"examples": 1, "signature_name": 2}'),
        (False, b'{"instances": [{"examples": 1}]}'),
        (False, b'{"examples": [1], "inputs": 1}'),
        (False, b'{"examples": [1]'),
        (False, b'{"inputs": 1}'),
    ],
)
def test_the_keys_tell_the_method(expected: bool, body: bytes) -> None:
    """A body with examples, and neither instances nor inputs, is none of :predict."""
    assert expected == asks_for_inference(body, Generation.V2_16)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False),
    st.sampled_from(["", "a", {"b64": "eA=="}, {"b64": "*"}, {"b64": 1}, {}]),
)
FEATURES = st.one_of(VALUES, st.lists(VALUES, max_size=3))
EXAMPLES = st.one_of(st.dictionaries(st.sampled_from("xyz"), FEATURES, max_size=3), VALUES)


def parsed(body: bytes, generation: Generation) -> tuple[str | None, list[Example]]:
    """Return what the parser raises, and the examples that it makes."""
    try:
        examples = parse_inference(body, generation).examples
    except ServingError as error:
        return str(error), []
    return None, [Example.FromString(record) for record in serialized_examples(examples)]


@given(
    st.lists(EXAMPLES, max_size=3),
    st.sampled_from([{}, {}, {"context": {"c": 1}}, {"context": 1}, {"signature_name": 1}]),
)
def test_a_random_body_is_refused_as_the_parser_refuses_it(examples: list, top: dict) -> None:
    """The first refusal is what the server's rules raise; without any, the examples are theirs."""
    body = json.dumps({**top, "examples": examples}).encode("utf-8")
    for generation in Generation:
        result = review_inference(body, SIGNATURES, generation)
        told = str(result.refusals[0].error) if result.refusals else None
        records = [Example.FromString(tensor.array.item()) for tensor in result.tensors]

        assert parsed(body, generation) == (told, [] if told else records)
