"""REST answers, byte by byte."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.rest_response import format_error, format_predict
from tfx_parity.serving_api.status import Code, ServingError

ARRAYS = st.sampled_from(["f4", "f8", "i1", "u1", "i2", "i4", "i8", "u4", "u8", "?"]).flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)
    )
)


def strings(*values: bytes) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    ("outputs", "row_format", "text"),
    [
        (
            {"y": np.array([[1, 2.5], [3, 1e7]], np.float32)},
            True,
            '{\n    "predictions": [[1.0, 2.5], [3.0, 1e+07]\n    ]\n}',
        ),
        (
            {"b": np.array([1, 2]), "a": np.array([[True], [False]])},
            True,
            '{\n    "predictions": [\n        {\n            "a": [true],\n            "b": 1\n'
            '        },\n        {\n            "a": [false],\n            "b": 2\n        }\n'
            "    ]\n}",
        ),
        (
            {"y": np.array([[1, 2]])},
            False,
            '{\n    "outputs": [\n        [\n            1,\n            2\n        ]\n    ]\n}',
        ),
        (
            {"b": np.array(1), "a": np.zeros((1, 0))},
            False,
            '{\n    "outputs": {\n        "a": [\n            []\n        ],\n        "b": 1\n'
            "    }\n}",
        ),
        (
            {"x_bytes": strings(b"hi")},
            True,
            '{\n    "predictions": [{\n            "b64": "aGk="\n        }\n    ]\n}',
        ),
        (
            {"x_bytes": strings(b"hi"), "y": strings(b'"\xff')},
            False,
            '{\n    "outputs": {\n        "x_bytes": [\n            {\n'
            '                "b64": "aGk="\n            }\n        ],\n        "y": [\n'
            '            "\\"\udcff"\n        ]\n    }\n}',
        ),
        ({"y": np.zeros((0, 3))}, True, '{\n    "predictions": []\n}'),
        ({"y": np.zeros((0, 3), np.float16)}, False, '{\n    "outputs": []\n}'),
        ({"y": np.float32(np.nan).reshape(())}, False, '{\n    "outputs": NaN\n}'),
    ],
    ids=["row", "rows", "column", "columns", "b64", "b64s", "no rows", "nothing", "scalar"],
)
def test_texts(outputs: dict, row_format: bool, text: str) -> None:
    """The layout is that of PrettyWriter with the options TF Serving sets on the way."""
    assert text.encode("utf-8", "surrogateescape") == format_predict(outputs, row_format)


@pytest.mark.parametrize(
    ("outputs", "row_format", "message"),
    [
        ({}, True, "Cannot convert empty tensor map to JSON"),
        ({"o": np.array(1.0)}, True, "Tensor name: o has no shape information "),
        (
            {"a": np.zeros(4), "b": np.zeros(2)},
            True,
            "Tensor name: b has inconsistent batch size: 2 expecting: 4",
        ),
        ({"o": np.zeros(1, np.float16)}, True, "Failed to write JSON value for tensor type: half"),
        (
            {"o": np.zeros(1, np.complex64)},
            False,
            "Failed to write JSON value for tensor type: complex64",
        ),
        ({"o": np.zeros(1, "u2")}, True, "Failed to write JSON value for tensor type: uint16"),
    ],
)
def test_refusals(outputs: dict, row_format: bool, message: str) -> None:
    """Outputs without a batch dimension, and types that JSON does not carry."""
    with pytest.raises(ServingError) as error:
        format_predict(outputs, row_format)

    assert (Code.INVALID_ARGUMENT, message) == (error.value.code, error.value.message)


@given(ARRAYS, st.booleans(), st.booleans())
def test_values_can_be_read_back(array: np.ndarray, row_format: bool, two: bool) -> None:
    """Any JSON reader that takes NaN finds every value at its place, floats bit by bit."""
    outputs = {"y": array, "z": array} if two else {"y": array}

    answer = json.loads(format_predict(outputs, row_format))

    (value,) = answer.values()
    assert ["predictions" if row_format else "outputs"] == list(answer)
    if two:
        value = [row["y"] for row in value] if row_format else value["y"]
    got = np.array(value, np.float64 if array.dtype.kind == "f" else object).astype(array.dtype)
    np.testing.assert_array_equal(array, got)


@given(st.binary(max_size=12))
def test_bytes_can_be_read_back(value: bytes) -> None:
    """Names that end in _bytes are base64, whatever is in them."""
    answer = json.loads(format_predict({"y_bytes": strings(value)}, row_format=True))

    assert value == base64.b64decode(answer["predictions"][0]["b64"])


def test_errors_are_quoted() -> None:
    """Quotation marks are escaped; bytes that are not UTF-8 go out as they came."""
    expected = b'{\n    "error": "Bad key: \\"\xff\\n\\""\n}'

    assert [expected] * 2 == [format_error('Bad key: "\udcff\n"', item) for item in Generation]
