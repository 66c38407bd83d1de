"""TensorProto to numpy array and back, by TensorFlow's own rules.

`to_proto` is Tensor::AsProtoField, `from_proto` is Tensor::FromProto (both
tensorflow/core/framework/tensor.cc, unchanged from TF 2.16 to 2.21). Strings are object arrays of
`bytes`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from tfx_parity.protos import DataType, TensorProto, TensorShapeProto
from tfx_parity.serving_api.dtypes import Array, Dtype, data_type, numpy_dtype, value_field
from tfx_parity.serving_api.status import Code, ServingError, invalid_argument

MAX_RANK = 254  # tensor_shape.h, MaxDimensions
MAX_ARRAY_RANK = 32  # of numpy; 64 from numpy 2.0 on
_MAX_ELEMENTS = 2**63 - 1
_HALF_TYPES = (DataType.DT_HALF, DataType.DT_BFLOAT16)
_COMPLEX_TYPES = (DataType.DT_COMPLEX64, DataType.DT_COMPLEX128)
_FLOAT8_TYPES = (DataType.DT_FLOAT8_E5M2, DataType.DT_FLOAT8_E4M3FN)
_VARINT_BITS = 7
_LENGTH_DELIMITED = 2
# Fields whose bytes are those of the array.
_PACKED_AS_THEY_ARE: Mapping[str | None, int] = {
    name: TensorProto.DESCRIPTOR.fields_by_name[name].number for name in ("float_val", "double_val")
}


def to_proto(array: Array) -> TensorProto:
    """Return the TensorProto that TF Serving would answer with for a tensor.

    Args:
        array: Any array of a TensorFlow dtype; `object` (of bytes or str), bytes and str arrays are
            strings.

    Returns:
        A message with dtype, shape and the typed `*_val` list; never `tensor_content`.

    Raises:
        ServingError: UNIMPLEMENTED, if TensorFlow has no such dtype.
    """
    array = np.asarray(array)
    kind = data_type(array.dtype)
    proto = TensorProto(dtype=kind)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    flat = np.ascontiguousarray(array).reshape(-1)
    field = value_field(kind)
    if field == "float8_val":
        proto.float8_val = flat.tobytes()
    elif field in _PACKED_AS_THEY_ARE:
        proto.MergeFromString(_packed(_PACKED_AS_THEY_ARE[field], flat))
    elif field is not None:
        getattr(proto, field).extend(_field_values(flat, kind))
    return proto


def _packed(field: int, flat: Array) -> bytes:
    """Return a packed field of a message (protobuf.dev/programming-guides/encoding).

    Its values lie there as in a little-endian array: none becomes a Python object.
    """
    values = flat.astype(flat.dtype.newbyteorder("<"), copy=False).tobytes()
    return _as_varint(field << 3 | _LENGTH_DELIMITED) + _as_varint(len(values)) + values


def _as_varint(number: int) -> bytes:
    """Return a number as protobuf writes it: seven bits a byte, the lowest first."""
    written = bytearray()
    while number >= 1 << _VARINT_BITS:
        written.append(number & 0x7F | 0x80)
        number >>= _VARINT_BITS
    return bytes([*written, number])


def _field_values(flat: Array, kind: int) -> Iterable[object]:
    """Return the values of the `*_val` list, in the list's own type."""
    if kind == DataType.DT_STRING:
        return [_as_bytes(value) for value in flat.tolist()]
    if kind in _HALF_TYPES:
        return flat.view(np.uint16).tolist()
    if kind in _COMPLEX_TYPES:
        part = np.float32 if kind == DataType.DT_COMPLEX64 else np.float64
        return flat.view(part).tolist()
    if value_field(kind) == "int_val":
        flat = flat.astype(np.int64)
    return flat.tolist()


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8")
    raise TypeError(f"Expected bytes or str in a string tensor, got {type(value).__name__}.")


def from_proto(proto: TensorProto) -> Array:
    """Return the tensor that TensorFlow makes of a TensorProto.

    Short value lists repeat their last value, missing ones are zeros (empty strings), long ones are
    cut; a list of another type's values counts as missing; an unknown rank is a scalar.

    Raises:
        ServingError: INVALID_ARGUMENT "tensor parsing error", if TensorFlow could not parse it;
            UNIMPLEMENTED, if it has more dimensions than an array can have.
    """
    shape = _shape(proto.tensor_shape)
    check_array_rank(len(shape))
    try:
        dtype = numpy_dtype(proto.dtype)
    except ServingError as error:
        raise _parsing_error() from error
    count = math.prod(shape)
    try:
        if count == 0:
            return np.zeros(shape, dtype)
        if proto.tensor_content:
            flat = _from_content(proto, dtype, count)
        else:
            flat = _spread(_listed_values(proto, dtype, count), dtype, count)
    except MemoryError as error:
        raise _parsing_error() from error
    return flat.reshape(shape)


def check_array_rank(rank: int) -> None:
    """Raise UNIMPLEMENTED where a tensor has more dimensions than numpy can hold."""
    if rank > MAX_ARRAY_RANK:
        raise ServingError(
            Code.UNIMPLEMENTED,
            f"Expected a tensor of at most {MAX_ARRAY_RANK} dimensions, the most that an array of "
            f"numpy has, found {rank}. Send it flatter and reshape it in the model.",
        )


def check_parses(proto: TensorProto, alias: str) -> None:
    """Raise what TF Serving answers for an input that `from_proto` refuses, naming the input.

    Costs no memory for the tensor's values.

    Raises:
        ServingError: INVALID_ARGUMENT "tensor parsing error: ALIAS".
    """
    try:
        count = math.prod(_shape(proto.tensor_shape))
        dtype = numpy_dtype(proto.dtype)
        if count and proto.tensor_content:
            _from_content(proto, dtype, count)
    except ServingError as error:
        raise invalid_argument(f"tensor parsing error: {alias}") from error


def _parsing_error() -> ServingError:
    return invalid_argument("tensor parsing error")


def _shape(proto: TensorShapeProto) -> tuple[int, ...]:
    """Return the shape, by TensorShapeBase::IsValid: `unknown_rank` is not looked at."""
    sizes = tuple(int(dim.size) for dim in proto.dim)
    if len(sizes) > MAX_RANK or any(size < 0 for size in sizes):
        raise _parsing_error()
    elements = 1
    for size in sizes:
        elements *= size
        if elements > _MAX_ELEMENTS:
            raise _parsing_error()
    return sizes


def _from_content(proto: TensorProto, dtype: Dtype, count: int) -> Array:
    content = proto.tensor_content
    if proto.dtype == DataType.DT_STRING:
        return _object_array(_split_strings(content, count))
    if len(content) != count * dtype.itemsize:
        raise _parsing_error()
    if proto.dtype == DataType.DT_BOOL:
        return np.frombuffer(content, np.uint8) != 0
    return np.frombuffer(content, dtype).copy()


def _split_strings(content: bytes, count: int) -> list[bytes]:
    """Return `count` strings in port::DecodeStringList's form: varint lengths, then all bytes."""
    lengths = []
    position = 0
    for _ in range(count):
        length, position = _varint(content, position)
        lengths.append(length)
    if position + sum(lengths) != len(content):
        raise _parsing_error()
    strings = []
    for length in lengths:
        strings.append(content[position : position + length])
        position += length
    return strings


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """Return a varint of at most 32 bits and the position behind it."""
    value = 0
    for shift in range(0, 5 * _VARINT_BITS, _VARINT_BITS):
        if position >= len(content):
            break
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 1 << _VARINT_BITS:
            return value & 0xFFFFFFFF, position
    raise _parsing_error()


def _object_array(values: list[bytes]) -> Array:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _listed_values(proto: TensorProto, dtype: Dtype, count: int) -> Array:
    """Return at most `count` values of the type's `*_val` list."""
    field = value_field(proto.dtype)
    values = getattr(proto, str(field))
    if proto.dtype == DataType.DT_STRING:
        return _object_array(list(values[:count]))
    if proto.dtype in _HALF_TYPES:
        return np.array(values[:count], np.int64).astype(np.uint16).view(dtype)
    if proto.dtype in _COMPLEX_TYPES:
        part = np.float32 if proto.dtype == DataType.DT_COMPLEX64 else np.float64
        pairs = min(count, len(values) // 2)
        return np.array(values[: 2 * pairs], part).view(dtype)
    if proto.dtype in _FLOAT8_TYPES:
        return np.frombuffer(values[:count], dtype).copy()
    if field == "int_val":
        return np.array(values[:count], np.int64).astype(dtype)
    return np.array(values[:count], dtype)


def _spread(values: Array, dtype: Dtype, count: int) -> Array:
    """Return `count` values: the last one repeated, zeros (empty strings) where there is none."""
    if len(values) == count:
        return values
    flat = np.empty(count, dtype)
    if len(values):
        flat.fill(values[-1])
    else:
        flat.fill(b"" if dtype.hasobject else 0)
    flat[: len(values)] = values
    return flat
