"""Recorded bodies, changed at random: whatever comes, there is an answer."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from tfx_parity.protos import MetaGraphDef, SignatureDef
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.rest_fast_path import parse_fast
from tfx_parity.serving_api.rest_inference import parse_inference
from tfx_parity.serving_api.rest_request import parse_exactly, parse_predict
from tfx_parity.serving_api.rest_response import format_error
from tfx_parity.serving_api.status import Code, ServingError, http_status

SEED = 20161116
BODIES = 3_000
LONGEST_ANSWER_S = 1.0
PIECES = [
    *(bytes([byte]) for byte in b'{}[]",:0123456789.eE+-NaInfity \\\x00\x01\x7f\x80\xff\xef\xbb'),
    *(b"NaN", b"Infinity", b"null", b"true", b"1e400", b"1e-400", b"18446744073709551616"),
    *(b'{"b64": "aGk="}', b'"\\u0000"', b'"\\udc00"', b"[[]]", b'"x": 1,', b"9" * 400),
]


def mutated(bodies: list[bytes], seed: int, changes: int = 4) -> Iterator[bytes]:
    """Yield bodies with bytes put in, taken out, doubled, or joined with another body's."""
    source = random.Random(seed)  # noqa: S311 - a reproducible choice, no secret
    while True:
        body = bytearray(source.choice(bodies))
        for _ in range(source.randint(1, changes)):
            start, end = sorted(source.randint(0, len(body)) for _ in range(2))
            kind = source.randrange(4)
            if kind == 0:
                body[start:start] = source.choice(PIECES)
            elif kind == 1:
                del body[start : min(end, start + 5)]
            elif kind == 2:
                body[start:start] = body[start : min(end, start + 40)]
            else:
                other = source.choice(bodies)
                body[end:] = other[source.randint(0, len(other)) :]
        yield bytes(body)


def refusal(parse: Callable[..., object], *arguments: object) -> ServingError | None:
    try:
        parse(*arguments)
    except ServingError as error:
        return error
    return None


@pytest.mark.thorough
def test_every_mutated_body_is_answered(
    golden: list[dict], models: Mapping[str, Mapping[str, SignatureDef]]
) -> None:
    """Never another exception than ServingError, a status of the table, and never a hang."""
    graphs = {}
    for name, signatures in models.items():
        graphs[name] = MetaGraphDef()
        for key, signature in signatures.items():
            graphs[name].signature_def[key].CopyFrom(signature)
    bodies = [entry["body"].encode() for entry in golden]
    sources = zip(mutated(bodies, SEED), range(BODIES), strict=False)
    seen: dict[Code, int] = dict.fromkeys(Code, 0)

    for body, count in sources:
        signature_defs = graphs["sm_multi" if count % 3 else "sm_types"].signature_def
        generation = list(Generation)[count % 2]
        started = time.process_time()
        error = refusal(parse_predict, body, signature_defs, generation)
        if error is not None:
            assert json.loads(format_error(error.message, generation).decode("utf-8", "replace"))
        seen[Code.OK if error is None else error.code] += 1
        assert time.process_time() - started < LONGEST_ANSWER_S, body

    answered = {code for code, times in seen.items() if times}
    assert {Code.OK, Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED} == answered
    assert {200, 400, 501} == {http_status(code) for code in answered}


@pytest.mark.thorough
def test_the_fast_path_agrees_on_mutated_bodies(
    golden: list[dict], models: Mapping[str, Mapping[str, SignatureDef]]
) -> None:
    """Where it answers at all, the exact reader answers with the same bits."""
    accepted = [entry for entry in golden if entry["v2.16.1"]["http"] == 200]
    bodies = [entry["body"].encode() for entry in accepted if entry["model"] == "sm_types"]
    signature_defs = models["sm_types"]
    compared = 0
    for body, _ in zip(mutated(bodies, SEED + 1, changes=1), range(BODIES), strict=False):
        fast = parse_fast(body, signature_defs)
        if fast is None:
            continue
        exact = parse_exactly(body, signature_defs, Generation.V2_16)
        for alias, array in exact.inputs.items():
            assert (array.dtype, array.shape) == (
                fast.inputs[alias].dtype,
                fast.inputs[alias].shape,
            )
            assert array.tolist() == fast.inputs[alias].tolist(), body
        compared += 1

    assert compared > BODIES // 50


@pytest.mark.thorough
def test_inference_bodies_are_answered_too(golden: list[dict]) -> None:
    """The front of :classify and :regress refuses by ServingError alone."""
    bodies = [entry["body"].replace("instances", "examples").encode() for entry in golden]
    answers = [
        refusal(parse_inference, body, list(Generation)[count % 2])
        for body, count in zip(mutated(bodies, SEED + 2), range(BODIES // 4), strict=False)
    ]

    codes = {None if error is None else error.code for error in answers}
    expected = {None, Code.INVALID_ARGUMENT}
    assert expected == codes
