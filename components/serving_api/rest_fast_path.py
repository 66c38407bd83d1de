"""Well-formed `:predict` bodies read to tensors at orjson's speed, as the exact reader does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain

import numpy as np
import orjson

from tfx_parity.protos import DataType, SignatureDef
from tfx_parity.serving_api.dtypes import Array, numpy_dtype
from tfx_parity.serving_api.predict import PredictCall, input_types
from tfx_parity.serving_api.rest_ordinary import Json, NotCertainError, OrdinaryBody, require

# Looked up once: each look-up in a protobuf enum costs as much as converting a value.
_FLOAT, _DOUBLE = int(DataType.DT_FLOAT), int(DataType.DT_DOUBLE)
_STRING, _BOOL = int(DataType.DT_STRING), int(DataType.DT_BOOL)
_FEW = 64
_INTEGER_BOUNDS = {
    int(DataType.DT_INT32): (-(2**31), 2**31 - 1),
    int(DataType.DT_INT16): (-(2**31), 2**31 - 1),
    int(DataType.DT_INT8): (-(2**31), 2**31 - 1),
    int(DataType.DT_UINT8): (-(2**31), 2**31 - 1),
    int(DataType.DT_INT64): (-(2**63), 2**63 - 1),
    int(DataType.DT_UINT32): (0, 2**32 - 1),
    int(DataType.DT_UINT64): (0, 2**63 - 1),
}


def parse_fast(body: bytes, signature_defs: Mapping[str, SignatureDef]) -> PredictCall | None:
    """Return the call that a body asks for, None where only the exact reader can tell."""

    def types_of(name: str) -> dict[str, int] | None:
        return input_types(signature_defs[name]) or None if name in signature_defs else None

    try:
        return PredictCall(*_TensorBody(body).read(types_of))
    except (NotCertainError, orjson.JSONDecodeError):
        return None


class _TensorBody(OrdinaryBody[dict[str, int], dict[str, Array]]):
    """A body on its way to tensors."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._rounded_to_float: list[Array] = []

    def _instances(self, rows: Json, data_types: dict[str, int]) -> dict[str, Array]:
        require(type(rows) is list and len(rows) > 0)
        if set(map(type, rows)) == {dict} and "b64" not in rows[0]:
            require(set(map(len, rows)) == {len(data_types)})
            self._members += len(rows) * len(data_types)
            self._strings.extend([alias] * len(rows) for alias in data_types if ":" in alias)
            order, cells = _cells(rows, data_types)
        else:
            require(len(data_types) == 1)
            order, cells = tuple(data_types), rows
        inner = _unwrapped(cells)
        columns = {}
        for alias, kind in data_types.items():
            own = slice(order.index(alias), None, len(order))
            # A string can be unpacked, too: among strings it is looked for, elsewhere refused.
            if inner is None or (kind == _STRING and set(map(type, cells[own])) != {list}):
                columns[alias] = self._rows(cells[own], kind)
            else:
                batch = self._rows(inner[own], kind)
                columns[alias] = batch.reshape(len(batch), 1, *batch.shape[1:])
        return columns

    def _inputs(self, inputs: Json, data_types: dict[str, int]) -> dict[str, Array]:
        if type(inputs) is dict and "b64" not in inputs:
            require(inputs.keys() == data_types.keys())
            self._members += len(inputs)
            self._strings.append(list(inputs))
        else:
            require(len(data_types) == 1)
            inputs = dict.fromkeys(data_types, inputs)
        return {alias: self._whole(inputs[alias], kind) for alias, kind in data_types.items()}

    def _rows(self, values: list[Json], data_type: int) -> Array:
        flat, types, shape = self._flattened(values)
        return self._flat(flat, types, data_type).reshape(shape)

    def _whole(self, value: Json, data_type: int) -> Array:
        batch = self._rows([value], data_type)
        return batch.reshape(batch.shape[1:])

    def _check_numbers(self) -> None:
        if not self._rounded_to_float:
            return
        doubles = np.concatenate(self._rounded_to_float)
        if len(doubles) <= _FEW:
            require(self._tokens.few_floats_are_certain(doubles.tolist()))
        else:
            require(self._tokens.floats_are_certain(doubles))

    def _flat(self, values: list[Json], types: set[type], data_type: int) -> Array:
        if data_type in (_FLOAT, _DOUBLE):
            require(types <= {int, float})
            return self._floats(values, float in types, data_type)
        if data_type == _STRING:
            require(types <= {str, dict})
            return self._bytes(values, types)
        if data_type == _BOOL:
            require(types <= {bool})
            return np.array(values, np.bool_)
        require(types <= {int} and data_type in _INTEGER_BOUNDS)
        low, high = _INTEGER_BOUNDS[data_type]
        try:
            integers = np.array(values, np.int64)
        except OverflowError:
            raise NotCertainError from None
        require(not values or bool(integers.min() >= low and integers.max() <= high))
        return integers.astype(numpy_dtype(data_type))

    def _floats(self, values: list[Json], any_double: bool, data_type: int) -> Array:
        doubles = np.array(values, np.float64)
        if data_type == _DOUBLE:
            require(not any_double or self._tokens.doubles_are_exact())
            return doubles
        if any_double:
            self._rounded_to_float.append(doubles)
        with np.errstate(over="ignore"):
            return doubles.astype(np.float32)

    def _bytes(self, values: list[Json], types: set[type]) -> Array:
        strings = np.empty(len(values), object)
        if dict in types:
            strings[:] = [self._decoded(value) for value in values]
        else:
            strings[:] = list(map(str.encode, values))
            self._strings.append(values)
        return strings


def _cells(rows: list[Json], aliases: Iterable[str]) -> tuple[tuple[str, ...], list[Json]]:
    """Return the names of the columns, and the values of all rows, one row after the other.

    That is the order in which they lie in memory: column by column, each pass over a large body
    would miss the cache with every value.
    """
    order = tuple(rows[0])
    require(set(order) == set(aliases))
    if list(chain.from_iterable(rows)) == list(order) * len(rows):
        return order, list(chain.from_iterable(map(dict.values, rows)))
    try:
        return order, [row[alias] for row in rows for alias in order]
    except KeyError:
        raise NotCertainError from None


def _unwrapped(values: list[Json]) -> list[Json] | None:
    """Take values out of lists of one element, as feature columns are often written.

    Returns:
        The elements; None where one is not such a list, unless it is a string or an object.
    """
    try:
        return [value for [value] in values]
    except (TypeError, ValueError):
        return None
