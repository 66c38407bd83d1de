"""JSON values to tensors, value by value in TF Serving's order, with its texts.

Source: util/json_tensor.cc, FillTensorProto and AddValueToTensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tfx_parity.protos import DataType
from tfx_parity.serving_api.base64_text import unescape
from tfx_parity.serving_api.dtypes import Array, Dtype, numpy_dtype, type_name
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_echo import echo
from tfx_parity.serving_api.json_reader import JsonObject, JsonValue
from tfx_parity.serving_api.status import Code, ServingError, invalid_argument
from tfx_parity.serving_api.tensors import MAX_RANK, check_array_rank

_B64_KEY = b"b64"


def is_base64_object(value: JsonValue) -> bool:
    """Return whether `value` is {"b64": "..."}: that key alone, with a string."""
    return (
        isinstance(value, JsonObject)
        and len(value.members) == 1
        and value.members[0][0] == _B64_KEY
        and isinstance(value.members[0][1], bytes)
    )


def json_type(value: JsonValue) -> str:
    """Return the name of a JSON type as error texts show it."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return "Number"
    if isinstance(value, bytes):
        return "String"
    return "Array" if isinstance(value, list) else "Object"


def decode_base64_object(value: JsonObject, generation: Generation) -> bytes:
    """Return the bytes of {"b64": "..."}.

    Raises:
        ServingError: INVALID_ARGUMENT, if it is another object or not base64.
    """
    if not is_base64_object(value):
        raise invalid_argument(
            f"JSON Value: {echo(value, generation)} not formatted correctly for base64 data"
        )
    text = value.members[0][1]
    decoded = unescape(text) if isinstance(text, bytes) else None
    if decoded is None:
        raise invalid_argument("Unable to base64 decode")
    return decoded


def dense_shape(value: JsonValue) -> tuple[int, ...]:
    """Return the sizes along the first elements, which every other element must match."""
    sizes = []
    while isinstance(value, list):
        sizes.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(sizes)


class TensorFiller:
    """Collects the values of one input, as the `*_val` list of one TensorProto grows."""

    def __init__(self, data_type: int, generation: Generation) -> None:
        self._data_type = data_type
        self._generation = generation
        self._accepts = _ACCEPTS.get(data_type)
        self._values: list[JsonValue] = []

    def add(self, item: JsonValue, shape: tuple[int, ...]) -> int:
        """Add the values of `item`, which must fill `shape` exactly.

        Returns:
            How many values there were.

        Raises:
            ServingError: INVALID_ARGUMENT or UNIMPLEMENTED, by the first value that does not fit.
        """
        before = len(self._values)
        rank = len(shape)
        pending: list[Iterator[JsonValue]] = [iter((item,))]
        while pending:
            level = len(pending) - 1
            for value in pending[-1]:
                if isinstance(value, list):
                    _check_list(value, level, shape)
                    pending.append(iter(value))
                    break
                if level != rank:
                    raise self._level_error(value, level, rank)
                self._values.append(self._checked(value))
            else:
                pending.pop()
        return len(self._values) - before

    def refusals(
        self, item: JsonValue, shape: tuple[int, ...]
    ) -> Iterator[tuple[tuple[int, ...], JsonValue, ServingError]]:
        """Yield everything for which `add` would refuse `item`, the first being what it raises.

        Yields:
            Where within `item`, the value that does not fit, and what the server would say of it.
        """
        waiting: list[tuple[tuple[int, ...], JsonValue]] = [((), item)]
        while waiting:
            place, value = waiting.pop()
            try:
                if isinstance(value, list):
                    _check_list(value, len(place), shape)
                elif len(place) != len(shape):
                    raise self._level_error(value, len(place), len(shape))
                else:
                    self._checked(value)
            except ServingError as error:
                yield place, value, error
            if isinstance(value, list) and len(place) < min(len(shape), MAX_RANK):
                waiting.extend(((*place, i), value[i]) for i in reversed(range(len(value))))

    def array(self, alias: str, shape: tuple[int, ...]) -> Array:
        """Return the tensor that the session gets, as Tensor::FromProto makes it.

        Values beyond `shape` are cut: an input written twice in one object leaves some.

        Raises:
            ServingError: INVALID_ARGUMENT "tensor parsing error: ALIAS" beyond 254 dimensions, or
                for an empty tensor of a type that carries no values; UNIMPLEMENTED beyond what
                numpy can hold.
        """
        count = int(np.prod(shape, dtype=np.float64)) if shape else 1
        try:
            dtype = numpy_dtype(self._data_type)
        except ServingError as error:
            raise invalid_argument(f"tensor parsing error: {alias}") from error
        if len(shape) > MAX_RANK:
            raise invalid_argument(f"tensor parsing error: {alias}")
        check_array_rank(len(shape))
        return values_to_array(self._values[:count], dtype).reshape(shape)

    def _level_error(self, value: JsonValue, level: int, rank: int) -> ServingError:
        return invalid_argument(
            f"JSON Value: {self._echo(value)} found at incorrect level: {level + 1} "
            f"in the JSON DOM. Expected at level: {rank}"
        )

    def _echo(self, value: JsonValue) -> str:
        return echo(value, self._generation)

    def _checked(self, value: JsonValue) -> JsonValue:
        if isinstance(value, JsonObject):
            if self._data_type == DataType.DT_STRING:
                return decode_base64_object(value, self._generation)
            raise self._type_error(value)
        if self._accepts is None:
            raise ServingError(
                Code.UNIMPLEMENTED,
                f"Conversion of JSON Value: {self._echo(value)} "
                f"to type: {type_name(self._data_type)}",
            )
        if not self._accepts(value):
            raise self._type_error(value)
        return value

    def _type_error(self, value: JsonValue) -> ServingError:
        return invalid_argument(
            f"JSON Value: {self._echo(value)} Type: {json_type(value)} "
            f"is not of expected type: {type_name(self._data_type)}"
        )


def values_to_array(values: list[JsonValue], dtype: Dtype) -> Array:
    """Return accepted values as a flat array: floats by way of double, small integers wrap."""
    if dtype.hasobject:
        strings = np.empty(len(values), object)
        strings[:] = values
        return strings
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.array(values, np.float64).astype(dtype)
    if dtype.kind == "i":
        return np.array(values, np.int64).astype(dtype)
    return np.array(values, np.uint64 if dtype == np.uint64 else np.int64).astype(dtype)


def _check_list(value: list[JsonValue], level: int, shape: tuple[int, ...]) -> None:
    if level >= len(shape):
        raise invalid_argument(
            f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        )
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )


def _integer_between(low: int, high: int) -> Callable[[JsonValue], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# The 8 and 16 bit types take any int32: int_val holds them, and reading it back wraps.
_is_int32 = _integer_between(-(2**31), 2**31 - 1)
_ACCEPTS: dict[int, Callable[[JsonValue], bool]] = {
    DataType.DT_FLOAT: _is_number,
    DataType.DT_DOUBLE: _is_number,
    DataType.DT_INT32: _is_int32,
    DataType.DT_INT16: _is_int32,
    DataType.DT_INT8: _is_int32,
    DataType.DT_UINT8: _is_int32,
    DataType.DT_INT64: _integer_between(-(2**63), 2**63 - 1),
    DataType.DT_UINT32: _integer_between(0, 2**32 - 1),
    DataType.DT_UINT64: _integer_between(0, 2**64 - 1),
    DataType.DT_BOOL: lambda value: isinstance(value, bool),
    DataType.DT_STRING: lambda value: isinstance(value, bytes),
}


def json_carries(data_type: int) -> bool:
    """Return whether a JSON request can hold values of a DataType at all."""
    return data_type in _ACCEPTS
