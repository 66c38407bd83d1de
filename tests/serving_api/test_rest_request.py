"""REST predict bodies: what the recorded answers do not hold, and the fast path."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from alphabet import ALPHABET
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.protos import DataType, MetaGraphDef, SignatureDef
from tfx_parity.serving_api.dtypes import numpy_dtype
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.rest_fast_path import parse_fast
from tfx_parity.serving_api.rest_request import PredictCall, parse_exactly, parse_predict
from tfx_parity.serving_api.status import Code, ServingError
from tfx_parity.serving_api.tensors import MAX_ARRAY_RANK

MakeSignature = Callable[..., SignatureDef]
NESTED = st.recursive(st.integers(0, 9), lambda inner: st.lists(inner, max_size=3), max_leaves=12)


def refusal(body: bytes, signature: SignatureDef, generation: Generation) -> tuple[Code, str]:
    with pytest.raises(ServingError) as error:
        parse_predict(body, {"serving_default": signature}, generation)
    return error.value.code, error.value.message


def assert_same_call(expected: PredictCall, got: PredictCall) -> None:
    assert (expected.signature_name, expected.row_format, list(expected.inputs)) == (
        got.signature_name,
        got.row_format,
        list(got.inputs),
    )
    for alias, array in expected.inputs.items():
        assert (array.dtype, array.shape) == (got.inputs[alias].dtype, got.inputs[alias].shape)
        assert array.tolist() == got.inputs[alias].tolist()


@pytest.mark.parametrize("generation", Generation)
def test_an_input_written_twice_doubles_its_values(
    signature_of: MakeSignature, generation: Generation
) -> None:
    """Values of both go to one list, of which the tensor takes the first half."""
    signature = signature_of(x=DataType.DT_INT32)
    body = b'{"instances": [{"x": [1], "x": [2]}, {"x": [3]}]}'

    call = parse_predict(body, {"serving_default": signature}, generation)

    expected = [[1], [2]]
    assert expected == call.inputs["x"].tolist()


@pytest.mark.parametrize("generation", Generation)
def test_the_first_of_two_keys_counts_elsewhere(
    signature_of: MakeSignature, generation: Generation
) -> None:
    """In the document and under inputs a look-up finds the first member."""
    signature = signature_of(x=DataType.DT_INT32)
    body = b'{"inputs": {"x": 1, "x": 2}, "inputs": {"x": 3}}'

    call = parse_predict(body, {"serving_default": signature}, generation)

    first = 1
    assert first == call.inputs["x"].item()


def test_a_key_ends_at_its_nul_byte_among_instances_only(signature_of: MakeSignature) -> None:
    """C++ reads the keys of instances as C strings, and looks inputs up by length."""
    signature = signature_of(x=DataType.DT_INT32)
    expected = ([1], (Code.INVALID_ARGUMENT, "Missing named input: x in 'inputs' object."))

    call = parse_predict(
        b'{"instances": [{"x\\u0000y": 1}]}', {"serving_default": signature}, Generation.V2_16
    )

    refused = refusal(b'{"inputs": {"x\\u0000y": 1}}', signature, Generation.V2_16)
    assert expected == (call.inputs["x"].tolist(), refused)


@pytest.mark.parametrize("generation", Generation)
def test_what_is_not_utf8_passes_and_is_echoed_as_it_came(
    signature_of: MakeSignature, generation: Generation
) -> None:
    """Strings are bytes: of values, of unknown keys and of unknown signatures."""
    graph = MetaGraphDef()
    graph.signature_def["serving_default"].CopyFrom(signature_of(s=DataType.DT_STRING))

    call = parse_predict(b'{"inputs": ["\xff"]}', graph.signature_def, generation)
    messages = []
    for body in (b'{"instances": [{"\xfe": 1}]}', b'{"signature_name": "\xfd"}'):
        with pytest.raises(ServingError) as error:
            parse_predict(body, graph.signature_def, generation)
        messages.append(error.value.message_bytes())

    unknown_signature = b'Serving signature name: "\xfd" not found in signature def'
    assert ([b"\xff"], unknown_signature) == (call.inputs["s"].tolist(), messages[1])
    assert b"key: \xfe of 'instances'" in messages[0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"signature_name": "y"}', 'Serving signature name: "y" not found in signature def'),
        (b'{"signature_name": "none"}', "Failed to get input map for signature: none"),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        (b'{"Instances": [1]}', "Missing 'inputs' or 'instances' key"),
    ],
)
def test_the_signature_is_looked_up_before_the_inputs(
    signature_of: MakeSignature, body: bytes, message: str
) -> None:
    """The order of the checks decides what is told."""
    signatures = {"serving_default": signature_of(x=DataType.DT_FLOAT), "none": signature_of()}

    with pytest.raises(ServingError) as error:
        parse_predict(body, signatures, Generation.V2_16)

    assert message == error.value.message


def test_a_default_signature_without_inputs_is_called_default(signature_of: MakeSignature) -> None:
    """The text is TF Serving's."""
    expected = (Code.INVALID_ARGUMENT, "Failed to get input map for signature: DEFAULT")

    assert expected == refusal(b'{"instances": [1]}', signature_of(), Generation.V2_16)


@pytest.mark.parametrize("generation", Generation)
def test_more_than_254_dimensions_are_no_tensor(
    signature_of: MakeSignature, generation: Generation
) -> None:
    """Such a proto is refused when it becomes a tensor, with the input's name."""
    signature = signature_of(x=DataType.DT_INT32)
    body = b'{"inputs": {"x": ' + b"[" * 255 + b"]" * 255 + b"}}"
    expected = (Code.INVALID_ARGUMENT, "tensor parsing error: x")

    assert expected == refusal(body, signature, generation)


@pytest.mark.parametrize("rank", [31, 32, 33, 254])
def test_more_dimensions_than_an_array_can_have_are_refused(
    signature_of: MakeSignature, rank: int
) -> None:
    """With a status and a reason; TF Serving would carry up to 254."""
    signatures = {"serving_default": signature_of(x=DataType.DT_FLOAT)}
    body = b'{"inputs": ' + b"[" * rank + b"1" + b"]" * rank + b"}"

    if rank <= MAX_ARRAY_RANK:
        assert rank == parse_predict(body, signatures, Generation.V2_16).inputs["x"].ndim
    else:
        with pytest.raises(ServingError, match=f"at most 32 dimensions.* found {rank}") as refused:
            parse_predict(body, signatures, Generation.V2_16)
        assert refused.value.code is Code.UNIMPLEMENTED


@pytest.mark.thorough
def test_deep_nesting_is_answered(signature_of: MakeSignature) -> None:
    """A hundred thousand levels are refused in 2.16, and in 2.18 by what they mean."""
    signature = signature_of(x=DataType.DT_INT32)
    body = b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    expected = [
        Code.RESOURCE_EXHAUSTED,
        (Code.INVALID_ARGUMENT, "tensor parsing error: x"),
    ]
    assert expected == [
        refusal(body, signature, Generation.V2_16)[0],
        refusal(body, signature, Generation.V2_18),
    ]


def test_long_echoes_are_cut_in_the_newer_generation(signature_of: MakeSignature) -> None:
    """2.18 shows 256 bytes of a value, 2.16 all of it."""
    signature = signature_of(x=DataType.DT_INT32)
    body = json.dumps({"instances": [{"y" * 300: 1, "x": 1}], "inputs": 1}).encode()

    lengths = [len(refusal(body, signature, item)[1]) for item in Generation]

    rest = len("JSON Value:  ") + len(
        "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
    )
    assert lengths[0] > 400
    assert rest + 256 == lengths[1]


@given(
    st.sampled_from([DataType.DT_INT8, DataType.DT_UINT8, DataType.DT_INT16]),
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=5),
    st.booleans(),
)
def test_small_integers_wrap(
    signature_of: MakeSignature, data_type: int, values: list[int], exact: bool
) -> None:
    """int_val holds any int32, and the tensor keeps the low bits."""
    dtype = numpy_dtype(data_type)
    low, bits = np.iinfo(dtype).min, 8 * dtype.itemsize
    signatures = {"serving_default": signature_of(x=data_type)}
    body = json.dumps({"instances": values}).encode()
    parse = parse_exactly if exact else parse_predict

    got = parse(body, signatures, Generation.V2_16).inputs["x"]

    assert dtype == got.dtype
    assert [(value - low) % 2**bits + low for value in values] == got.tolist()


def slow_shape(value: object, expected: list[int] | None = None, level: int = 0) -> list[int]:
    """Return the shape of a dense value, or raise with TF Serving's text, recursively."""
    if expected is None:
        expected, first = [], value
        while isinstance(first, list):
            expected.append(len(first))
            first = first[0] if first else None
    if not isinstance(value, list):
        if level != len(expected):
            raise ValueError(
                f"JSON Value: {value} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(expected)}"
            )
        return expected
    if level >= len(expected):
        raise ValueError(
            f"Encountered list at unexpected level: {level} expected < {len(expected)}"
        )
    if len(value) != expected[level]:
        raise ValueError(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {expected[level]}"
        )
    for item in value:
        slow_shape(item, expected, level + 1)
    return expected


@given(NESTED, st.sampled_from(Generation))
def test_shapes_are_those_of_a_slow_recursion(
    signature_of: MakeSignature, value: object, generation: Generation
) -> None:
    """Any nesting becomes the same shape, or the same refusal, as read recursively."""
    signatures = {"serving_default": signature_of(x=DataType.DT_INT32)}
    body = json.dumps({"inputs": {"x": value}}).encode()
    try:
        expected = str(slow_shape(value))
    except ValueError as error:
        expected = str(error)

    try:
        got = str(list(parse_predict(body, signatures, generation).inputs["x"].shape))
    except ServingError as error:
        got = error.message

    assert expected == got


scalars = {
    DataType.DT_FLOAT: st.floats() | st.integers(-(2**66), 2**66),
    DataType.DT_DOUBLE: st.floats(allow_nan=False).map(lambda value: round(value, 6)),
    DataType.DT_INT64: st.integers(-(2**63), 2**63) | st.just(1.0),
    DataType.DT_BOOL: st.booleans() | st.integers(0, 1),
    DataType.DT_STRING: st.text(ALPHABET, max_size=6) | st.just({"b64": "aGk="}) | st.just("a:b"),
}
rows_of_mixed_inputs = st.lists(
    st.fixed_dictionaries(
        {name: scalars[kind] for name, kind in zip("abcde", scalars, strict=True)}
    ),
    min_size=1,
    max_size=3,
)


@given(
    rows_of_mixed_inputs,
    st.sampled_from(["rows", "columns", "rows of lists", "rows of lists but one", "rows turned"]),
    st.booleans(),
    st.sampled_from([0, 5000]),
)
def test_the_fast_path_answers_as_the_exact_one_or_not_at_all(
    signature_of: MakeSignature, rows: list[dict], form: str, ascii_only: bool, padding: int
) -> None:
    """Whatever the body, long or short, the fast path never says anything of its own."""
    signatures = {
        "serving_default": signature_of(**dict(zip("abcde", scalars, strict=True))),
    }
    if form.startswith("rows of lists"):
        rows = [{alias: [value] for alias, value in row.items()} for row in rows]
    if form == "rows of lists but one":
        rows[-1] = {alias: value[0] for alias, value in rows[-1].items()}
    if form == "rows turned":
        rows[-1] = dict(reversed(rows[-1].items()))
    document = {"inputs": rows[0]} if form == "columns" else {"instances": rows}
    body = json.dumps(document, ensure_ascii=ascii_only).encode() + b" " * padding

    fast = parse_fast(body, signatures)

    if fast is not None:
        assert_same_call(parse_exactly(body, signatures, Generation.V2_16), fast)


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [{"x": [1, 2.5], "s": "a:b"}, {"s": "", "x": [-0.0, 1e-3]}]}',
        b'{"inputs": {"x": [[0.1]], "s": {"b64": "aGk="}}, "signature_name": ""}',
        '{"signature_name": "serving_default", "inputs": {"s": ["\\u00e9é"], "x": []}}'.encode(),
        b'{"instances": [{"x": [1], "s": "a"}, {"x": [2], "s": "b"}]}',
        b'{"instances": [{"x": [[1]], "s": [["a"]]}, {"s": [["b"]], "x": [[2]]}]}',
        b'{"instances": [{"x": 1, "s": {"b64": "aGk="}}, {"x": 2, "s": {"b64": ""}}]}',
    ],
    ids=["rows", "columns", "text", "short strings beside lists", "matrices", "base64"],
)
def test_ordinary_bodies_take_the_fast_path(signature_of: MakeSignature, body: bytes) -> None:
    """Colons inside strings, base64 and escapes do not put it off."""
    signatures = {"serving_default": signature_of(x=DataType.DT_FLOAT, s=DataType.DT_STRING)}

    fast = parse_fast(body, signatures)

    assert fast is not None
    assert_same_call(parse_exactly(body, signatures, Generation.V2_18), fast)


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [{"x": 1, "x": 2}]}',
        b'{"instances": [{"x": 1, "\\u0078": 2}]}',
        b'{"instances": [{"x": 0e400}]}',
        b'{"instances": [{"x": NaN}]}',
        b'{"instances": [{"x": 1.00000005960464477539}]}',
        b'{"instances": [{"x": 18446744073709551616}]}',
        b'{"instances": [{"x": ' + b"9" * 309 + b".5e-300}]}",
        b'{"instances": [{"x": 1}], "extra": {"a": 1}}',
        b'{"instances": [{"x": 1}], "instances": [{"x": 1}]}',
        b'{"instances": [{"x": "1"}]}',
        b'{"instances": [{"x": ["1"]}]}',
        b'{"instances": [{"x": {"1": 1}}]}',
        b'{"instances": [{"x": [1]}, {"x": "1"}]}',
        b'{"instances": [{"x": [true]}]}',
    ],
    ids=lambda body: body[15:45].decode(),
)
def test_out_of_the_ordinary_bodies_are_left_to_the_exact_reader(
    signature_of: MakeSignature, body: bytes
) -> None:
    """Duplicates, half-way floats, big numbers, unknown keys and refusals are not certain."""
    assert parse_fast(body, {"serving_default": signature_of(x=DataType.DT_FLOAT)}) is None


def test_doubles_are_read_as_rapidjson_reads_them(
    signature_of: MakeSignature, models: Mapping[str, Mapping[str, SignatureDef]]
) -> None:
    """A double of 17 digits can be a unit off; the fast path knows, and a float32 is the same."""
    body = b'{"signature_name": "%s", "instances": [3.3333333333333335]}'

    inputs = [
        parse_predict(body % name, models["sm_types"], Generation.V2_16).inputs["v"].item()
        for name in (b"t_float64", b"t_float32")
    ]

    assert [3.3333333333333337, float(np.float32(10 / 3))] == inputs
