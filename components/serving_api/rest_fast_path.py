"""Well-formed `:predict` bodies read at orjson's speed, with the very result of the exact reader.

Whatever RapidJSON could understand differently is left to the exact reader: orjson keeps the last
of duplicate keys, rounds doubles exactly, and turns integers beyond 64 bits into floats. Refusals
are left to it too, for their texts. So this answers with tensors or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
import orjson

from tfx_parity.protos import DataType, SignatureDef
from tfx_parity.serving_api.base64_text import unescape
from tfx_parity.serving_api.dtypes import Array, numpy_dtype
from tfx_parity.serving_api.number_tokens import NumberTokens
from tfx_parity.serving_api.predict import DEFAULT_SIGNATURE, PredictCall
from tfx_parity.serving_api.tensors import MAX_RANK

_KNOWN_KEYS = frozenset({"signature_name", "instances", "inputs"})
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")
# Looked up once: each look-up in a protobuf enum costs as much as converting a value.
_FLOAT, _DOUBLE = int(DataType.DT_FLOAT), int(DataType.DT_DOUBLE)
_STRING, _BOOL = int(DataType.DT_STRING), int(DataType.DT_BOOL)
_INTEGER_BOUNDS = {
    int(DataType.DT_INT32): (-(2**31), 2**31 - 1),
    int(DataType.DT_INT16): (-(2**31), 2**31 - 1),
    int(DataType.DT_INT8): (-(2**31), 2**31 - 1),
    int(DataType.DT_UINT8): (-(2**31), 2**31 - 1),
    int(DataType.DT_INT64): (-(2**63), 2**63 - 1),
    int(DataType.DT_UINT32): (0, 2**32 - 1),
    int(DataType.DT_UINT64): (0, 2**63 - 1),
}

_FIRST = itemgetter(0)

# Whatever orjson decodes to; its shape is what this module checks.
_Json: TypeAlias = Any


class _NotCertainError(Exception):
    """The exact reader must look at this body."""


def parse_fast(body: bytes, signature_defs: Mapping[str, SignatureDef]) -> PredictCall | None:
    """Return the call that a body asks for, None where only the exact reader can tell."""
    try:
        return _FastBody(body).call(signature_defs)
    except (_NotCertainError, orjson.JSONDecodeError):
        return None


def _require(condition: bool) -> None:
    if not condition:
        raise _NotCertainError


class _FastBody:
    """One body on its way to tensors; accounts for every member of every object."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._tokens = NumberTokens(body)
        self._rounded_to_float: list[Array] = []
        self._members = 0
        self._strings: list[list[str]] = []

    def call(self, signature_defs: Mapping[str, SignatureDef]) -> PredictCall:
        """Return the call.

        Raises:
            _NotCertainError: If anything about the body is out of the ordinary.
        """
        document = orjson.loads(self._body)
        _require(type(document) is dict and document.keys() <= _KNOWN_KEYS)
        named = document.get("signature_name", "")
        _require(type(named) is str)
        name = named or DEFAULT_SIGNATURE
        _require(name in signature_defs)
        signature = signature_defs[name]
        data_types = {alias: signature.inputs[alias].dtype for alias in sorted(signature.inputs)}
        row_format = "instances" in document
        _require(bool(data_types) and row_format != ("inputs" in document))
        if row_format:
            arrays = self._instances(document["instances"], data_types)
        else:
            arrays = self._inputs(document["inputs"], data_types)
        self._members += len(document)
        self._strings.append([named])
        self._check_members()
        if self._rounded_to_float:
            _require(self._tokens.floats_are_certain(np.concatenate(self._rounded_to_float)))
        return PredictCall(name, arrays, row_format)

    def _instances(self, rows: _Json, data_types: Mapping[str, int]) -> dict[str, Array]:
        _require(type(rows) is list and len(rows) > 0)
        if set(map(type, rows)) == {dict} and "b64" not in rows[0]:
            _require(set(map(len, rows)) == {len(data_types)})
            self._members += len(rows) * len(data_types)
            columns: dict[str, _Json] = {alias: _column(rows, alias) for alias in data_types}
            self._strings.extend([alias] * len(rows) for alias in data_types if ":" in alias)
        else:
            _require(len(data_types) == 1)
            columns = dict.fromkeys(data_types, rows)
        return {alias: self._tensor(columns[alias], kind) for alias, kind in data_types.items()}

    def _inputs(self, inputs: _Json, data_types: Mapping[str, int]) -> dict[str, Array]:
        if type(inputs) is dict and "b64" not in inputs:
            _require(inputs.keys() == data_types.keys())
            self._members += len(inputs)
            self._strings.append(list(inputs))
        else:
            _require(len(data_types) == 1)
            inputs = dict.fromkeys(data_types, inputs)
        batches = {alias: self._tensor([inputs[alias]], kind) for alias, kind in data_types.items()}
        return {alias: batch.reshape(batch.shape[1:]) for alias, batch in batches.items()}

    def _tensor(self, values: list[_Json], data_type: int) -> Array:
        shape = [len(values)]
        while (types := set(map(type, values))) == {list}:
            sizes = set(map(len, values))
            _require(len(sizes) == 1 and len(shape) < MAX_RANK)
            size = sizes.pop()
            shape.append(size)
            # One element each is what feature columns look like, and has a quicker way.
            values = list(map(_FIRST, values) if size == 1 else chain.from_iterable(values))
        return self._flat(values, types, data_type).reshape(shape)

    def _flat(self, values: list[_Json], types: set[type], data_type: int) -> Array:
        if data_type in (_FLOAT, _DOUBLE):
            _require(types <= {int, float})
            return self._floats(values, float in types, data_type)
        if data_type == _STRING:
            _require(types <= {str, dict})
            return self._bytes(values, types)
        if data_type == _BOOL:
            _require(types <= {bool})
            return np.array(values, np.bool_)
        _require(types <= {int} and data_type in _INTEGER_BOUNDS)
        low, high = _INTEGER_BOUNDS[data_type]
        _require(not values or (min(values) >= low and max(values) <= high))
        return np.array(values, np.int64).astype(numpy_dtype(data_type))

    def _floats(self, values: list[_Json], any_double: bool, data_type: int) -> Array:
        doubles = np.array(values, np.float64)
        if data_type == _DOUBLE:
            _require(not any_double or self._tokens.doubles_are_exact())
            return doubles
        if any_double:
            self._rounded_to_float.append(doubles)
        with np.errstate(over="ignore"):
            return doubles.astype(np.float32)

    def _bytes(self, values: list[_Json], types: set[type]) -> Array:
        strings = np.empty(len(values), object)
        if dict in types:
            strings[:] = [self._decoded(value) for value in values]
        else:
            strings[:] = list(map(str.encode, values))
            self._strings.append(values)
        return strings

    def _decoded(self, value: _Json) -> bytes:
        """Return the bytes of {"b64": "..."}."""
        _require(type(value) is dict and len(value) == 1)
        text = value.get("b64")
        _require(type(text) is str)
        decoded = unescape(text.encode("utf-8"))
        if decoded is None:
            raise _NotCertainError
        self._members += 1
        return decoded

    def _check_members(self) -> None:
        """Require that no object had a key twice: each member has one colon outside of strings."""
        colons = self._body.count(b":") - self._members
        if colons:
            colons -= sum(text.count(":") for strings in self._strings for text in strings)
            _require(colons == 0 and not _ESCAPED_COLON.search(self._body))


def _column(rows: list[_Json], alias: str) -> list[_Json]:
    try:
        return list(map(itemgetter(alias), rows))
    except KeyError:
        raise _NotCertainError from None
