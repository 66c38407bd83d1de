"""The form of `:predict` bodies that are out of nothing's ordinary, read at orjson's speed.

Whatever RapidJSON could understand differently is left to the exact reader: orjson keeps the last
of duplicate keys, rounds doubles exactly, and turns integers beyond 64 bits into floats. Refusals
are left to it too, for their texts. So what builds on this answers with inputs or not at all.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import chain
from operator import itemgetter
from typing import Any, Generic, TypeAlias, TypeVar

import orjson

from tfx_parity.serving_api.base64_text import unescape
from tfx_parity.serving_api.number_tokens import NumberTokens
from tfx_parity.serving_api.predict import DEFAULT_SIGNATURE
from tfx_parity.serving_api.tensors import MAX_RANK

_KNOWN_KEYS = frozenset({"signature_name", "instances", "inputs"})
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")
_FIRST = itemgetter(0)

# Whatever orjson decodes to; its shape is what this module checks.
Json: TypeAlias = Any
TypesOf: TypeAlias = "Callable[[str], Mapping[str, int] | None]"
Column = TypeVar("Column")


class NotCertainError(Exception):
    """The exact reader must look at this body."""


def require(condition: bool) -> None:
    """Leave a body to the exact reader unless `condition` holds."""
    if not condition:
        raise NotCertainError


class OrdinaryBody(ABC, Generic[Column]):
    """One body on its way to its inputs; accounts for every member of every object."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._tokens = NumberTokens(body)
        self._members = 0
        self._strings: list[list[str]] = []

    @abstractmethod
    def _rows(self, values: list[Json], data_type: int) -> Column:
        """Return an input of the row format of its values, one a row."""

    @abstractmethod
    def _whole(self, value: Json, data_type: int) -> Column:
        """Return an input of the columnar format."""

    @abstractmethod
    def _check_numbers(self) -> None:
        """Require what must hold for the numbers of all inputs together."""

    def read(self, types_of: TypesOf) -> tuple[str, dict[str, Column], bool]:
        """Return signature name, inputs and whether the body is in the row format.

        Args:
            types_of: Gives the DataType of each input of a signature, None where it is not there.

        Raises:
            NotCertainError: If anything about the body is out of the ordinary.
        """
        document = orjson.loads(self._body)
        require(type(document) is dict and document.keys() <= _KNOWN_KEYS)
        named = document.get("signature_name", "")
        require(type(named) is str)
        name = named or DEFAULT_SIGNATURE
        data_types = types_of(name)
        row_format = "instances" in document
        require(bool(data_types) and row_format != ("inputs" in document))
        if row_format:
            columns = self._instances(document["instances"], data_types or {})
        else:
            columns = self._inputs(document["inputs"], data_types or {})
        self._members += len(document)
        self._strings.append([named])
        self._check_members()
        self._check_numbers()
        return name, columns, row_format

    def _instances(self, rows: Json, data_types: Mapping[str, int]) -> dict[str, Column]:
        require(type(rows) is list and len(rows) > 0)
        if set(map(type, rows)) == {dict} and "b64" not in rows[0]:
            require(set(map(len, rows)) == {len(data_types)})
            self._members += len(rows) * len(data_types)
            columns: dict[str, Json] = {alias: _column(rows, alias) for alias in data_types}
            self._strings.extend([alias] * len(rows) for alias in data_types if ":" in alias)
        else:
            require(len(data_types) == 1)
            columns = dict.fromkeys(data_types, rows)
        return {alias: self._rows(columns[alias], kind) for alias, kind in data_types.items()}

    def _inputs(self, inputs: Json, data_types: Mapping[str, int]) -> dict[str, Column]:
        if type(inputs) is dict and "b64" not in inputs:
            require(inputs.keys() == data_types.keys())
            self._members += len(inputs)
            self._strings.append(list(inputs))
        else:
            require(len(data_types) == 1)
            inputs = dict.fromkeys(data_types, inputs)
        return {alias: self._whole(inputs[alias], kind) for alias, kind in data_types.items()}

    def _flattened(self, values: list[Json]) -> tuple[list[Json], set[type], list[int]]:
        """Return the scalars of lists that are nested alike, their types, and the shape."""
        shape = [len(values)]
        while (types := set(map(type, values))) == {list}:
            sizes = set(map(len, values))
            require(len(sizes) == 1 and len(shape) < MAX_RANK)
            size = sizes.pop()
            shape.append(size)
            # One element each is what feature columns look like, and has a quicker way.
            values = list(map(_FIRST, values) if size == 1 else chain.from_iterable(values))
        return values, types, shape

    def _decoded(self, value: Json) -> bytes:
        """Return the bytes of {"b64": "..."}."""
        require(type(value) is dict and len(value) == 1)
        text = value.get("b64")
        require(type(text) is str)
        decoded = unescape(text.encode("utf-8"))
        if decoded is None:
            raise NotCertainError
        self._members += 1
        return decoded

    def _check_members(self) -> None:
        """Require that no object had a key twice: each member has one colon outside of strings."""
        colons = self._body.count(b":") - self._members
        if colons:
            colons -= sum(text.count(":") for strings in self._strings for text in strings)
            require(colons == 0 and not _ESCAPED_COLON.search(self._body))


def _column(rows: list[Json], alias: str) -> list[Json]:
    try:
        return list(map(itemgetter(alias), rows))
    except KeyError:
        raise NotCertainError from None
