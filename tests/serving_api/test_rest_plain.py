"""What is called plain is taken, and reaches the model as it is written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import numpy as np
import pytest
from alphabet import ALPHABET
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.protos import DataType, SignatureDef
from tfx_parity.serving_api.dtypes import numpy_dtype
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.number_tokens import NumberTokens
from tfx_parity.serving_api.plain_signature import Limits
from tfx_parity.serving_api.rest_plain import PlainCall, PlainReader
from tfx_parity.serving_api.rest_request import parse_exactly
from tfx_parity.serving_api.rest_review import review_body


def as_arrays(call: PlainCall, signature: SignatureDef) -> dict[str, np.ndarray]:
    arrays = {}
    for sent in call.inputs:
        values = [v.encode("utf-8") if isinstance(v, str) else v for v in list(sent.values)]
        together = np.empty(len(values), numpy_dtype(signature.inputs[sent.aliases[0]].dtype))
        together[:] = values
        if len(sent.aliases) == 1:
            arrays[sent.aliases[0]] = together.reshape(sent.shape)
        else:
            rows, *inner = sent.shape
            by_input = together.reshape(rows, len(sent.aliases), *inner)
            arrays |= {alias: by_input[:, i] for i, alias in enumerate(sent.aliases)}
    return arrays


def readers(signatures: Mapping[str, SignatureDef]) -> list[PlainReader]:
    """Return a reader that takes all rows alike, and one with a quicker way for a single row."""
    anything = Limits(-math.inf, math.inf, frozenset())
    limits = {n: dict.fromkeys(signatures[n].inputs, anything) for n in signatures}
    return [PlainReader(signatures, {}), PlainReader(signatures, limits)]


def check(body: bytes, signatures: Mapping[str, SignatureDef]) -> bool:
    """Hold a plain body against the exact rules; returns whether it is plain."""
    calls = [call for reader in readers(signatures) if (call := reader.read(body)) is not None]
    for call in calls:
        for generation in Generation:
            expected = parse_exactly(body, signatures, generation)
            review = review_body(body, signatures, generation)
            assert expected.signature_name == call.signature_name
            assert expected.row_format == call.row_format
            assert ([], []) == (review.refusals, review.changes)
            if not call.inputs:
                assert {(1,), (1, 1)} >= {array.shape for array in expected.inputs.values()}
                continue
            arrays = as_arrays(call, signatures[call.signature_name])
            assert expected.inputs.keys() == arrays.keys()
            for alias, array in expected.inputs.items():
                got = arrays[alias]
                assert (array.shape, array.tolist()) == (got.shape, got.tolist())
    return len(calls) == 2


@pytest.mark.thorough
def test_recorded_bodies_that_are_plain_arrive_as_they_are(
    golden: list[dict], models: Mapping[str, Mapping[str, SignatureDef]]
) -> None:
    """Over every recorded body, plain means what the exact reader says."""
    plain = sum(
        check(entry["body"].encode("utf-8", "surrogateescape"), models[entry["model"]])
        for entry in golden
    )

    assert plain > 100


def signature_of(*sizes: int) -> dict[str, SignatureDef]:
    """Return a signature of two inputs a type: those of one shape are read together."""
    made = SignatureDef()
    for alias, kind in (
        ("f", DataType.DT_FLOAT),
        ("i", DataType.DT_INT8),
        ("d", DataType.DT_DOUBLE),
        ("s", DataType.DT_STRING),
        ("b", DataType.DT_BOOL),
    ):
        for name in (alias, f"{alias}: 2"):
            made.inputs[name].dtype = kind
            for size in sizes:
                made.inputs[name].tensor_shape.dim.add(size=size)
    return {"serving_default": made}


SIGNATURES = {False: signature_of(-1), True: signature_of(-1, 1)}
ROW = st.fixed_dictionaries(
    {
        "f": st.one_of(
            st.floats(width=32, allow_nan=False, allow_infinity=False),
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(2**24 - 2, 2**24 + 2),
        ),
        "i": st.integers(-129, 128),
        "d": st.one_of(st.floats(-1e6, 1e6), st.integers(2**53 - 2, 2**53 + 2)),
        "s": st.one_of(st.text(ALPHABET, max_size=4), st.just({"b64": "eA=="})),
        "b": st.booleans(),
    }
)
PAIR = st.tuples(ROW, ROW).map(lambda p: p[0] | {f"{name}: 2": v for name, v in p[1].items()})


@given(st.lists(PAIR, min_size=1, max_size=3), st.booleans(), st.sampled_from([1, 40]))
def test_random_rows_that_are_plain_arrive_as_they_are(
    rows: list[dict], as_vectors: bool, repeats: int
) -> None:
    """Whatever the numbers, few or many, plain is certain."""
    signatures = SIGNATURES[as_vectors]
    rows = rows * repeats
    if as_vectors:
        rows = [{name: [value] for name, value in row.items()} for row in rows]
    check(json.dumps({"instances": rows}).encode("utf-8"), signatures)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    check(json.dumps({"inputs": columns}).encode("utf-8"), signatures)


@pytest.mark.parametrize("count", [1, 2, 50])
@pytest.mark.parametrize("as_vectors", [False, True])
def test_ordinary_rows_are_plain(count: int, as_vectors: bool) -> None:
    """Rows as clients send them are not left to the review."""
    row = {"f": 0.1, "i": -3, "d": 2.5, "s": "a: b", "b": True}
    row |= {f"{name}: 2": value for name, value in row.items()}
    if as_vectors:
        row = {name: [value] for name, value in row.items()}

    assert check(json.dumps({"instances": [row] * count}).encode("utf-8"), SIGNATURES[as_vectors])


def test_columns_are_plain_too() -> None:
    """So are the inputs of the columnar format, of any length each."""
    values = {"f": [0.1, 2], "i": [1], "d": [], "s": ["a"], "b": [[True]]}
    columns = values | {f"{name}: 2": value for name, value in values.items()}

    assert check(json.dumps({"inputs": columns}).encode("utf-8"), SIGNATURES[False])


@pytest.mark.parametrize("number", ["1e-400", f"0.{'0' * 400}1", "0.0e-9", "0e309"])
@pytest.mark.parametrize("count", [1, 2, 50])
def test_a_zero_that_was_another_number_is_not_plain(number: str, count: int) -> None:
    """What is too near to zero for a double reaches the model as zero: a change."""
    row = f'{{"f": {number}, "i": 1, "d": 1, "s": "a", "b": true, "f: 2": 0.0, "i: 2": 1'
    row += ', "d: 2": 1, "s: 2": "a", "b: 2": true}'
    body = f'{{"instances": [{", ".join([row] * count)}]}}'.encode()

    assert not check(body, SIGNATURES[False])
    assert check(body.replace(number.encode(), b"0.0"), SIGNATURES[False])


@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(0, 2**24).map(lambda n: (2 * n + 1) / 2**26),
            st.sampled_from([0.0, -0.0, 2.0**63, 2.0**-120, -(2.0**-121)]),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([b"", b"0e309", b"1e-7", b"12345678901234567890e-9"]),
)
def test_few_floats_are_judged_as_many_are(values: list[float], token: bytes) -> None:
    """The two ways to look at floats agree, on the middle between two float32 too."""
    tokens = NumberTokens(b'{"x": ' + token + b"}")

    assert tokens.floats_are_certain(np.array(values)) == tokens.few_floats_are_certain(values)
