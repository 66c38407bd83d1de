"""TensorProto and array, against a slow reading of TensorFlow's rules."""

from __future__ import annotations

import math
import struct

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfx_parity.protos import DataType, TensorProto
from tfx_parity.serving_api.dtypes import numpy_dtype
from tfx_parity.serving_api.status import ServingError
from tfx_parity.serving_api.tensors import check_parses, from_proto, to_proto

DTYPES = [
    *map(np.dtype, ("f2", "f4", "f8", "c8", "c16", "?")),
    *map(np.dtype, ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")),
    np.dtype(ml_dtypes.bfloat16),
    np.dtype(ml_dtypes.float8_e5m2),
]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


def proto(data_type: int, shape: list[int], **values: object) -> TensorProto:
    result = TensorProto(dtype=data_type, **values)
    for size in shape:
        result.tensor_shape.dim.add(size=size)
    return result


@given(st.sampled_from(DTYPES), SHAPES, st.randoms(use_true_random=False))
def test_arrays_survive_the_way_to_a_proto_and_back(
    dtype: np.dtype, shape: tuple[int, ...], random: object
) -> None:
    """Dtype, shape and bits come back, NaNs included."""
    count = math.prod(shape)
    raw = bytes(random.randrange(256) for _ in range(count * dtype.itemsize))
    array = (
        np.frombuffer(raw, np.uint8) % 2 != 0 if dtype.kind == "b" else np.frombuffer(raw, dtype)
    )
    array = array.reshape(shape)

    message = to_proto(array)
    got = from_proto(message)

    assert (array.dtype, array.shape, b"") == (got.dtype, got.shape, message.tensor_content)
    if dtype in (np.float32, np.complex64):  # a signalling NaN is quietened on the way
        np.testing.assert_array_equal(array, got)
    else:
        assert array.tobytes() == got.tobytes()


@given(st.lists(st.binary(max_size=5), max_size=4))
def test_strings_survive_with_their_nul_bytes(strings: list[bytes]) -> None:
    """A trailing NUL byte is part of a string."""
    array = np.empty(len(strings), object)
    array[:] = strings

    assert strings == from_proto(to_proto(array)).tolist()


def test_text_becomes_utf8() -> None:
    """Arrays of str are written as UTF-8."""
    assert ["é".encode(), b"a"] == list(to_proto(np.array(["é", "a"])).string_val)


@given(
    st.sampled_from([DataType.DT_INT8, DataType.DT_UINT8, DataType.DT_INT16, DataType.DT_UINT16]),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=6),
    st.integers(0, 5),
)
def test_short_lists_repeat_long_ones_are_cut_and_small_integers_wrap(
    data_type: int, values: list[int], count: int
) -> None:
    """The rules of Tensor::FromProto, spelt out value by value."""
    dtype = numpy_dtype(data_type)
    low, bits = np.iinfo(dtype).min, 8 * dtype.itemsize
    expected = []
    for position in range(count):
        value = values[min(position, len(values) - 1)] if values else 0
        expected.append((value - low) % 2**bits + low)

    got = from_proto(proto(data_type, [count], int_val=values))

    assert (dtype, expected) == (got.dtype, got.tolist())


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (proto(DataType.DT_FLOAT, [2], int64_val=[5]), [0.0, 0.0]),
        (proto(DataType.DT_STRING, [3], string_val=[b"a", b"b"]), [b"a", b"b", b"b"]),
        (proto(DataType.DT_STRING, [2]), [b"", b""]),
        (proto(DataType.DT_BOOL, [2], bool_val=[True]), [True, True]),
        (proto(DataType.DT_COMPLEX64, [2], scomplex_val=[1, 2, 3]), [1 + 2j, 1 + 2j]),
        (proto(DataType.DT_HALF, [2], half_val=[0x3C00]), [1.0, 1.0]),
        (proto(DataType.DT_UINT64, [1], uint64_val=[2**64 - 1]), [2**64 - 1]),
        (proto(DataType.DT_FLOAT, [0, 7], float_val=[1]), []),
        (proto(DataType.DT_INT32, [2], tensor_content=struct.pack("<2i", -1, 7)), [-1, 7]),
        (proto(DataType.DT_BOOL, [2], tensor_content=b"\2\0"), [True, False]),
        (proto(DataType.DT_STRING, [2], tensor_content=b"\2\1abc"), [b"ab", b"c"]),
    ],
)
def test_known_protos(message: TensorProto, expected: list) -> None:
    """Missing values, another type's list, and the content field."""
    assert expected == from_proto(message).tolist()


def test_an_unknown_rank_is_a_scalar() -> None:
    """TensorShape::IsValid does not look at unknown_rank."""
    message = proto(DataType.DT_FLOAT, [], float_val=[3])
    message.tensor_shape.unknown_rank = True

    assert np.float32(3) == from_proto(message)


@pytest.mark.parametrize(
    "message",
    [
        proto(DataType.DT_INVALID, [1]),
        proto(DataType.DT_FLOAT, [-1]),
        proto(DataType.DT_FLOAT, [2], tensor_content=b"123"),
        proto(DataType.DT_FLOAT, [2**40, 2**40]),
        proto(DataType.DT_FLOAT, [1] * 255),
        proto(DataType.DT_STRING, [2], tensor_content=b"\2\1ab"),
        proto(DataType.DT_STRING, [1], tensor_content=b"\xff\xff\xff\xff\xff\xff"),
        proto(DataType.DT_RESOURCE, [1]),
    ],
    ids=["invalid", "negative", "content", "overflow", "rank", "cut", "varint", "resource"],
)
def test_what_tensorflow_cannot_parse_is_refused(message: TensorProto) -> None:
    """The refusal names the input where one is known."""
    with pytest.raises(ServingError, match=r"^INVALID_ARGUMENT: tensor parsing error$"):
        from_proto(message)
    with pytest.raises(ServingError, match=r"^INVALID_ARGUMENT: tensor parsing error: x$"):
        check_parses(message, "x")
