"""Values in and out of the C API: numpy arrays and TensorProtos to `TF_Tensor`s and back."""

from __future__ import annotations

import ctypes
import math

import numpy as np

from tfx_parity.canary.c_api import checked_status, lent_buffer, library
from tfx_parity.protos import DataType, TensorProto
from tfx_parity.serving_api import dtypes
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code, ServingError
from tfx_parity.serving_api.tensors import check_array_rank, to_proto

_TSTRING_BYTES = 24  # sizeof(TF_TString), tensorflow/core/platform/ctstring_internal.h


def new_tensor(value: Array | TensorProto) -> int:
    """Return a `TF_Tensor*` that holds a copy of `value`; whoever asks deletes it.

    Args:
        value: An array (strings: bytes, str or an object array of either), or a TensorProto, which
            goes through `Tensor::FromProto`, TF Serving's own conversion.

    Raises:
        ServingError: If `value` has a dtype that TensorFlow has not, or is a TensorProto that
            `Tensor::FromProto` refuses.
    """
    if isinstance(value, TensorProto):
        return _from_proto(value)
    if dtypes.data_type(value.dtype) == DataType.DT_STRING:
        return _from_proto(to_proto(value))
    return _from_numbers(value)


def _from_numbers(value: Array) -> int:
    tf = library()
    # Not ascontiguousarray, which turns a scalar into a vector.
    array = np.asarray(value, dtype=value.dtype.newbyteorder("="), order="C")
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    tensor: int = tf.TF_AllocateTensor(
        dtypes.data_type(array.dtype), shape, array.ndim, array.nbytes
    )
    if array.nbytes:
        ctypes.memmove(tf.TF_TensorData(tensor), array.ctypes.data, array.nbytes)
    return tensor


def _from_proto(proto: TensorProto) -> int:
    tf = library()
    # FromProto replaces the content of a tensor that must be there: an empty one of bytes.
    tensor: int = tf.TF_AllocateTensor(DataType.DT_UINT8, (ctypes.c_int64 * 1)(0), 1, 0)
    try:
        with lent_buffer(proto.SerializeToString()) as buffer, checked_status() as status:
            tf.TF_TensorFromProto(buffer, tensor, status)
    except ServingError:
        tf.TF_DeleteTensor(tensor)
        raise
    return tensor


def array_of(tensor: int) -> Array:
    """Return a copy of a `TF_Tensor*`'s value; strings as an object array of bytes.

    Raises:
        ServingError: UNIMPLEMENTED, if the tensor is a resource, a variant or a quantised type, or
            has more dimensions than an array can have.
    """
    tf = library()
    data_type = tf.TF_TensorType(tensor)
    rank = tf.TF_NumDims(tensor)
    check_array_rank(rank)
    shape = tuple([tf.TF_Dim(tensor, axis) for axis in range(rank)])
    if data_type == DataType.DT_STRING:
        return _strings_of(tensor, shape)
    dtype = dtypes.numpy_dtype(data_type)
    size = tf.TF_TensorByteSize(tensor)
    if size != dtype.itemsize * math.prod(shape):
        raise ServingError(
            Code.UNIMPLEMENTED,
            f"Expected {dtype.itemsize} bytes an element for {dtypes.type_name(data_type)}, "
            f"got {size} bytes for shape {list(shape)}.",
        )
    array = np.empty(shape, dtype)
    if size:
        ctypes.memmove(array.ctypes.data, tf.TF_TensorData(tensor), size)
    return array


def _strings_of(tensor: int, shape: tuple[int, ...]) -> Array:
    tf = library()
    array = np.empty(shape, dtype=object)
    start = tf.TF_TensorData(tensor)
    flat = array.reshape(-1)
    for index in range(flat.size):
        item = start + index * _TSTRING_BYTES
        flat[index] = ctypes.string_at(tf.TF_StringGetDataPointer(item), tf.TF_StringGetSize(item))
    return array
