"""`:predict` bodies that are certain to reach the model as they are written.

For whoever looks at a great many good bodies: no tensor is made, and whatever could be refused or
changed is left to the review.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import orjson

from tfx_parity.protos import DataType, SignatureDef
from tfx_parity.serving_api.dtypes import numpy_dtype
from tfx_parity.serving_api.predict import input_types
from tfx_parity.serving_api.rest_ordinary import Json, NotCertainError, OrdinaryBody, require

_FLOAT, _DOUBLE = int(DataType.DT_FLOAT), int(DataType.DT_DOUBLE)
_STRING, _BOOL = int(DataType.DT_STRING), int(DataType.DT_BOOL)
_INTEGERS = (
    DataType.DT_INT8,
    DataType.DT_INT16,
    DataType.DT_INT32,
    DataType.DT_INT64,
    DataType.DT_UINT8,
    DataType.DT_UINT32,
)
# Of each type that takes integers, those that it holds exactly.
_EXACT_INTEGERS = {_FLOAT: (-(2**24), 2**24), _DOUBLE: (-(2**53), 2**53)} | {
    int(kind): (int(np.iinfo(numpy_dtype(kind)).min), int(np.iinfo(numpy_dtype(kind)).max))
    for kind in _INTEGERS
}
_NO_INTEGERS = (0, -1)
_FEW = 64
_SCALAR, _VECTOR = (1,), (1, 1)


# The flat values of one input (int, float, bool, str, or bytes that were sent in base64), and the
# tensor's shape, rows first in the row format. A bare tuple: one is made of every input of a body.
PlainColumn: TypeAlias = "tuple[list[Any], tuple[int, ...]]"


class PlainCall(NamedTuple):
    """What a body asks for, value for value.

    Attributes:
        signature_name: The signature, never empty.
        columns: By alias.
        row_format: Whether the body has `instances`.
    """

    signature_name: str
    columns: dict[str, PlainColumn]
    row_format: bool


class PlainReader:
    """Reads the bodies of one model's clients."""

    def __init__(self, signature_defs: Mapping[str, SignatureDef]) -> None:
        """Look up once what each body needs.

        Args:
            signature_defs: The model's signatures.
        """
        self._types = {name: input_types(signature_defs[name]) for name in signature_defs}

    def read(self, body: bytes) -> PlainCall | None:
        """Return what a body asks for, None where it could be refused or changed."""
        try:
            return PlainCall(*_PlainBody(body).read(self._types.get))
        except (NotCertainError, orjson.JSONDecodeError):
            return None


class _PlainBody(OrdinaryBody[PlainColumn]):
    """A body on its way to lists of values."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._floats: list[list[Json]] = []
        self._any_double = False

    def _rows(self, values: list[Json], data_type: int) -> PlainColumn:
        flat, types, shape = self._flattened(values)
        if data_type in _EXACT_INTEGERS:
            self._check_exact(flat, types, data_type)
        elif data_type == _STRING:
            require(types <= {str, dict})
            if dict in types:
                flat = [self._decoded(v) if type(v) is dict else self._text(v) for v in flat]
            else:
                self._strings.append(flat)
        else:
            require(data_type == _BOOL and types <= {bool})
        return flat, tuple(shape)

    def _whole(self, value: Json, data_type: int) -> PlainColumn:
        values, shape = self._rows([value], data_type)
        return values, shape[1:]

    def _text(self, value: Json) -> str:
        require(type(value) is str)
        self._strings.append([value])
        return str(value)

    def _check_exact(self, values: list[Json], types: set[type], data_type: int) -> None:
        is_float = data_type in (_FLOAT, _DOUBLE)
        require(types <= ({int, float} if is_float else {int}))
        if int in types:
            low, high = _EXACT_INTEGERS[data_type]
            require(low <= min(values) and max(values) <= high)
        if float in types and data_type == _FLOAT:
            self._floats.append(values)
        elif float in types:
            self._any_double = True

    def _check_numbers(self) -> None:
        """Require that each number is the nearest of its type, however its digits are read."""
        require(not self._any_double or self._tokens.doubles_are_exact())
        count = sum(map(len, self._floats))
        if count > _FEW:
            doubles = np.fromiter(chain.from_iterable(self._floats), np.float64, count)
            require(self._tokens.floats_are_certain(doubles))
        elif count:
            few = list(chain.from_iterable(self._floats))
            require(self._tokens.few_floats_are_certain(few))

    def _instances(self, rows: Json, data_types: Mapping[str, int]) -> dict[str, PlainColumn]:
        if type(rows) is list and len(rows) == 1 and type(rows[0]) is dict:
            columns = self._only_row(rows[0], data_types)
            if columns is not None:
                return columns
        return super()._instances(rows, data_types)

    def _only_row(
        self, row: dict[str, Json], data_types: Mapping[str, int]
    ) -> dict[str, PlainColumn] | None:
        """Return the inputs of a body with one row of scalars: one pass, nothing built twice.

        None where the row is less simple.
        """
        if row.keys() != data_types.keys() or "b64" in row:
            return None
        columns: dict[str, PlainColumn] = {}
        floats, strings = [], []
        for alias, kind in data_types.items():
            value = row[alias]
            shape: tuple[int, ...] = _SCALAR
            if type(value) is list:
                if len(value) != 1:
                    return None
                value, shape = value[0], _VECTOR
            found = type(value)
            if found is float and kind == _FLOAT:
                floats.append(value)
            elif found is int:
                low, high = _EXACT_INTEGERS.get(kind, _NO_INTEGERS)
                require(low <= value <= high)
            elif found is str and kind == _STRING:
                strings.append(value)
            elif found is not bool or kind != _BOOL:
                return None
            columns[alias] = ([value], shape)
        self._floats.append(floats)
        self._strings.append(strings)
        self._members += len(row)
        self._strings.append([alias for alias in row if ":" in alias])
        return columns
