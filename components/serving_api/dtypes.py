"""One table of data types: DataType enum, numpy dtype, TF Serving's name, TensorProto field."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import ml_dtypes
import numpy as np

from tfx_parity.protos import DataType
from tfx_parity.serving_api.status import Code, ServingError

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Dtype: TypeAlias = "np.dtype[Any]"

_REF_OFFSET = 100  # types.proto: a reference type is its base type plus 100


class _Row(NamedTuple):
    data_type: int
    name: str
    numpy_type: Dtype | None
    field: str | None


def _row(
    data_type: int, name: str, numpy_type: type | None = None, field: str | None = None
) -> _Row:
    return _Row(data_type, name, None if numpy_type is None else np.dtype(numpy_type), field)


# Names: tensorflow/core/framework/types.cc, DataTypeStringInternal. Fields: tensor.cc, ProtoHelper.
# Quantised types have no numpy dtype of their own; resources and variants are no plain values.
_TABLE = (
    _row(DataType.DT_INVALID, "INVALID"),
    _row(DataType.DT_FLOAT, "float", np.float32, "float_val"),
    _row(DataType.DT_DOUBLE, "double", np.float64, "double_val"),
    _row(DataType.DT_INT32, "int32", np.int32, "int_val"),
    _row(DataType.DT_UINT8, "uint8", np.uint8, "int_val"),
    _row(DataType.DT_INT16, "int16", np.int16, "int_val"),
    _row(DataType.DT_INT8, "int8", np.int8, "int_val"),
    _row(DataType.DT_STRING, "string", np.object_, "string_val"),
    _row(DataType.DT_COMPLEX64, "complex64", np.complex64, "scomplex_val"),
    _row(DataType.DT_INT64, "int64", np.int64, "int64_val"),
    _row(DataType.DT_BOOL, "bool", np.bool_, "bool_val"),
    _row(DataType.DT_QINT8, "qint8"),
    _row(DataType.DT_QUINT8, "quint8"),
    _row(DataType.DT_QINT32, "qint32"),
    _row(DataType.DT_BFLOAT16, "bfloat16", ml_dtypes.bfloat16, "half_val"),
    _row(DataType.DT_QINT16, "qint16"),
    _row(DataType.DT_QUINT16, "quint16"),
    _row(DataType.DT_UINT16, "uint16", np.uint16, "int_val"),
    _row(DataType.DT_COMPLEX128, "complex128", np.complex128, "dcomplex_val"),
    _row(DataType.DT_HALF, "half", np.float16, "half_val"),
    _row(DataType.DT_RESOURCE, "resource"),
    _row(DataType.DT_VARIANT, "variant"),
    _row(DataType.DT_UINT32, "uint32", np.uint32, "uint32_val"),
    _row(DataType.DT_UINT64, "uint64", np.uint64, "uint64_val"),
    _row(DataType.DT_FLOAT8_E5M2, "float8_e5m2", ml_dtypes.float8_e5m2, "float8_val"),
    _row(DataType.DT_FLOAT8_E4M3FN, "float8_e4m3fn", ml_dtypes.float8_e4m3fn, "float8_val"),
    _row(DataType.DT_INT4, "int4", ml_dtypes.int4, "int_val"),
    _row(DataType.DT_UINT4, "uint4", ml_dtypes.uint4, "int_val"),
)
_BY_DATA_TYPE = {row.data_type: row for row in _TABLE}
_BY_NUMPY = {row.numpy_type: row.data_type for row in _TABLE if row.numpy_type is not None}


def numpy_dtype(data_type: int) -> Dtype:
    """Return the numpy dtype of a DataType enum value; strings are `object` (of bytes).

    Raises:
        ServingError: UNIMPLEMENTED, if values of that type have no numpy form here.
    """
    row = _BY_DATA_TYPE.get(data_type)
    if row is None or row.numpy_type is None:
        raise ServingError(
            Code.UNIMPLEMENTED,
            f"Expected a data type with a numpy form, got {type_name(data_type)}; tensors of that "
            "type cannot be carried as arrays.",
        )
    return row.numpy_type


def data_type(dtype: Dtype) -> int:
    """Return the DataType enum value of a numpy dtype; `object`, `bytes` and `str` are strings.

    Raises:
        ServingError: UNIMPLEMENTED, if TensorFlow has no such type.
    """
    if dtype.kind in "SU":
        return int(DataType.DT_STRING)
    found = _BY_NUMPY.get(dtype.newbyteorder("="))
    if found is None:
        raise ServingError(
            Code.UNIMPLEMENTED,
            f"Expected an array of a TensorFlow data type, got numpy dtype {dtype}; convert it.",
        )
    return found


def type_name(data_type: int) -> str:
    """Return TF Serving's name of a DataType enum value ("float", "int64", ...)."""
    if data_type in _BY_DATA_TYPE:
        return _BY_DATA_TYPE[data_type].name
    if data_type - _REF_OFFSET in _BY_DATA_TYPE:
        return _BY_DATA_TYPE[data_type - _REF_OFFSET].name + "_ref"
    return f"unknown dtype enum ({data_type})"


def value_field(data_type: int) -> str | None:
    """Return the TensorProto field that carries values of `data_type`, None if there is none."""
    row = _BY_DATA_TYPE.get(data_type)
    return None if row is None else row.field
