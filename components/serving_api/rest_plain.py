"""`:predict` bodies that are certain to reach the model as they are written.

For whoever looks at a great many good bodies: no tensor is made, a single row is looked at in one
pass, the inputs of many rows by their types, and whatever could be refused or changed is left to
the review.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import orjson

from tfx_parity.protos import SignatureDef
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.plain_signature import (
    BOOL,
    DOUBLE,
    EXACT_INTEGERS,
    FLOAT,
    JSON_TYPES,
    STRING,
    InputGroup,
    Limits,
    Place,
    PlainSignature,
)
from tfx_parity.serving_api.rest_ordinary import Json, NotCertainError, OrdinaryBody, require

_FEW = 64

# Numbers are lists where they are few, and arrays of int64 or float64 where they are many.
Values: TypeAlias = "list[Any] | Array"


class PlainInputs(NamedTuple):
    """Inputs of one type that are looked at together.

    Attributes:
        aliases: The inputs.
        values: Of shape [rows, inputs, ...], flat: numbers, bool, str, or bytes.
        shape: Of the tensor of each of the inputs, rows first in the row format.
        in_base64: Whether some values were sent in base64: those are bytes.
    """

    aliases: tuple[str, ...]
    values: Values
    shape: tuple[int, ...]
    in_base64: bool


class PlainCall(NamedTuple):
    """What a body asks for, value for value.

    Attributes:
        signature_name: The signature, never empty.
        inputs: All inputs, each once; none of a single row, whose values keep the limits, and the
            signature's shapes.
        row_format: Whether the body has `instances`.
        named: Whether its inputs are named.
    """

    signature_name: str
    inputs: list[PlainInputs]
    row_format: bool
    named: bool

    @property
    def rows(self) -> int:
        """How many rows it has, 1 where it has no first dimension."""
        return max((sent.shape[0] if sent.shape else 1 for sent in self.inputs), default=1)


class PlainReader:
    """Reads the bodies of one model's clients."""

    def __init__(
        self,
        signature_defs: Mapping[str, SignatureDef],
        limits: Mapping[str, Mapping[str, Limits]],
    ) -> None:
        """Look up once what each body needs.

        Args:
            signature_defs: The model's signatures.
            limits: Of each input of a signature, what a single row's values must keep; a signature
                without them has no quicker way for a single row.
        """
        self._signatures = {
            name: PlainSignature(signature_defs[name], limits.get(name))
            for name in signature_defs
            if signature_defs[name].inputs
        }

    def read(self, body: bytes) -> PlainCall | None:
        """Return what a body asks for, None where it could be refused or changed."""
        reading = _PlainBody(body)
        try:
            return PlainCall(*reading.read(self._signatures.get), reading.named)
        except (NotCertainError, orjson.JSONDecodeError):
            return None


class _PlainBody(OrdinaryBody[PlainSignature, list[PlainInputs]]):
    """A body on its way to flat values.

    Attributes:
        named: Whether its inputs are named.
    """

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.named = True
        self._few_floats: list[float] = []
        self._many_floats: list[Array] = []
        self._any_double = False

    def _instances(self, rows: Json, signature: PlainSignature) -> list[PlainInputs]:
        require(type(rows) is list and len(rows) > 0)
        if set(map(type, rows)) != {dict} or "b64" in rows[0]:
            require(len(signature.singles) == 1)
            self.named = False
            return [self._together(signature.singles[0], rows, len(rows))]
        if len(rows) == 1 and signature.row is not None and self._is_plain(rows[0], signature.row):
            self._members += signature.colons
            return []
        require(set(map(len, rows)) == {len(signature.aliases)})
        self._members += len(rows) * signature.colons
        found = []
        for group in signature.groups:
            try:
                values = list(map(group.values_of, rows))
            except KeyError:
                raise NotCertainError from None
            if len(group.aliases) > 1:
                values = list(chain.from_iterable(values))
            found.append(self._together(group, values, len(rows)))
        return found

    def _is_plain(self, row: dict[str, Json], places: list[Place]) -> bool:
        """Whether each value of a row is of its input's type, shape and limits: one pass."""
        if len(row) != len(places):
            return False
        floats, texts = [], []
        for alias, in_list, low, high, least, most, known, takes_bool in places:
            value: Json = row.get(alias)
            if in_list:
                if type(value) is not list or len(value) != 1:
                    return False
                [value] = value
            found = type(value)
            if found is float and low <= value <= high:
                floats.append(value)
            elif found is int and least <= value <= most:
                pass
            elif found is str and known is not None and value and (not known or value in known):
                texts.append(value)
            elif found is not bool or not takes_bool:
                return False
        self._few_floats += floats
        self._strings.append(texts)
        return True

    def _inputs(self, inputs: Json, signature: PlainSignature) -> list[PlainInputs]:
        if type(inputs) is not dict or "b64" in inputs:
            require(len(signature.singles) == 1)
            self.named = False
            return [self._whole(signature.singles[0], inputs)]
        require(inputs.keys() == signature.aliases)
        self._members += signature.colons
        return [self._whole(group, inputs[group.aliases[0]]) for group in signature.singles]

    def _whole(self, group: InputGroup, value: Json) -> PlainInputs:
        found = self._together(group, [value], 1)
        return found._replace(shape=found.shape[1:])

    def _together(self, group: InputGroup, values: list[Json], rows: int) -> PlainInputs:
        """Return the inputs of a group of the values of all rows, row by row."""
        flat, types, shape = self._flattened(values)
        kind = group.data_type
        require(kind in JSON_TYPES and types <= JSON_TYPES[kind])
        checked: Values = flat
        if kind == STRING:
            checked = self._texts(flat, types)
        elif kind != BOOL and types:
            checked = self._numbers(flat, types, kind)
        return PlainInputs(group.aliases, checked, (rows, *shape[1:]), dict in types)

    def _texts(self, values: list[Json], types: set[type]) -> list[str | bytes]:
        if dict not in types:
            self._strings.append(values)
            return values
        self._strings.append([value for value in values if type(value) is str])
        return [value if type(value) is str else self._decoded(value) for value in values]

    def _numbers(self, values: list[Json], types: set[type], data_type: int) -> Values:
        numbers = values if len(values) <= _FEW else _array(values, data_type)
        if int in types:
            low, high = EXACT_INTEGERS[data_type]
            if isinstance(numbers, list):
                require(low <= min(numbers) and max(numbers) <= high)
            else:
                require(bool(low <= numbers.min() and numbers.max() <= high))
        if float in types:
            self._note_floats(numbers, data_type)
        return numbers

    def _note_floats(self, numbers: Values, data_type: int) -> None:
        if data_type == DOUBLE:
            self._any_double = True
        elif isinstance(numbers, list):
            self._few_floats += numbers
        else:
            self._many_floats.append(numbers)

    def _check_numbers(self) -> None:
        """Require that each number is the nearest of its type, however its digits are read."""
        require(not self._any_double or self._tokens.doubles_are_exact())
        if self._few_floats:
            require(self._tokens.few_floats_are_certain(self._few_floats))
            require(0.0 not in self._few_floats or self._tokens.zeros_are_written())
        if self._many_floats:
            floats = np.concatenate(self._many_floats)
            require(self._tokens.floats_are_certain(floats))
            require(bool(floats.all()) or self._tokens.zeros_are_written())


def _array(values: list[Json], data_type: int) -> Array:
    dtype = np.float64 if data_type in (FLOAT, DOUBLE) else np.int64
    try:
        return np.fromiter(values, dtype, len(values))
    except OverflowError:  # beyond 64 bits with the sign
        raise NotCertainError from None
