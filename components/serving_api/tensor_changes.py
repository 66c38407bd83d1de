"""What of a TensorProto is changed when TensorFlow makes a tensor of it (Tensor::FromProto)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tfx_parity.protos import DataType, TensorProto
from tfx_parity.serving_api.dtypes import numpy_dtype, type_name, value_field
from tfx_parity.serving_api.json_tensors import values_to_array
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.serving_api.review import Path, ValueChange

_SMALL_INTEGERS = 2


def tensor_changes(proto: TensorProto, path: Path, alias: str) -> Iterator[ValueChange]:
    """Yield what of a TensorProto, which must parse, does not reach the model as it was sent.

    Args:
        proto: The input's message.
        path: Where it is in the request.
        alias: The input's name.
    """
    count = math.prod(int(dim.size) for dim in proto.tensor_shape.dim)
    if count == 0 or proto.tensor_content:
        return
    field = str(value_field(proto.dtype))
    sent = _listed(proto, field)
    here = (*path, field)
    if sent == 0:
        yield ValueChange(
            Reason.ZERO_FILLED, here, None, alias, _others(proto, field), _fill(proto.dtype, count)
        )
    elif sent < count:
        received = f"the last one again up to {count}"
        yield ValueChange(Reason.REPEATED, here, None, alias, f"{sent} values", received)
    elif sent > count:
        received = f"the first {count}"
        yield ValueChange(Reason.CUT, here, None, alias, f"{sent} values", received)
    yield from _wrapped(proto, field, here, alias, min(sent, count))


def _listed(proto: TensorProto, field: str) -> int:
    values = len(getattr(proto, field))
    return values // 2 if field in ("scomplex_val", "dcomplex_val") else values


def _others(proto: TensorProto, field: str) -> str:
    filled = [
        f"{len(value)} in {descriptor.name}"
        for descriptor, value in proto.ListFields()
        if descriptor.name.endswith("_val")
    ]
    return f"no value in {field}" + (f" ({', '.join(filled)})" if filled else "")


def _fill(data_type: int, count: int) -> str:
    value = "empty strings" if data_type == DataType.DT_STRING else f"{type_name(data_type)} zeros"
    return f"{count} {value}"


def _wrapped(
    proto: TensorProto, field: str, path: Path, alias: str, count: int
) -> Iterator[ValueChange]:
    """Yield the values of a list of integers that the narrower type does not hold."""
    dtype = numpy_dtype(proto.dtype)
    if field != "int_val" or dtype.itemsize > _SMALL_INTEGERS:
        return
    values = list(proto.int_val[:count])
    sent = np.array(values, np.int64)
    received = values_to_array(values, dtype).astype(np.int64)
    for index in np.flatnonzero(sent != received):
        yield ValueChange(
            Reason.WRAPPED,
            (*path, int(index)),
            None,
            alias,
            str(sent[index]),
            str(received[index]),
        )
