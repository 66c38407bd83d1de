"""The form of `:predict` bodies that are out of nothing's ordinary, read at orjson's speed.

Whatever RapidJSON could understand differently is left to the exact reader: orjson keeps the last
of duplicate keys, rounds doubles exactly, and turns integers beyond 64 bits into floats. Refusals
are left to it too, for their texts. So what builds on this answers with inputs or not at all.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import chain
from typing import Any, Generic, TypeAlias, TypeVar

import orjson

from tfx_parity.serving_api.base64_text import unescape
from tfx_parity.serving_api.number_tokens import NumberTokens
from tfx_parity.serving_api.predict import DEFAULT_SIGNATURE
from tfx_parity.serving_api.tensors import MAX_ARRAY_RANK

_KNOWN_KEYS = frozenset({"signature_name", "instances", "inputs"})
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")

# Whatever orjson decodes to; its shape is what this module checks.
Json: TypeAlias = Any
# What a reader knows of a signature's inputs, and what it makes of a body's.
Signature = TypeVar("Signature")
Inputs = TypeVar("Inputs")


class NotCertainError(Exception):
    """The exact reader must look at this body."""


def require(condition: bool) -> None:
    """Leave a body to the exact reader unless `condition` holds."""
    if not condition:
        raise NotCertainError


class OrdinaryBody(ABC, Generic[Signature, Inputs]):
    """One body on its way to its inputs; accounts for every member of every object."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._tokens = NumberTokens(body)
        self._members = 0
        self._strings: list[list[str]] = []

    @abstractmethod
    def _instances(self, rows: Json, signature: Signature) -> Inputs:
        """Return the inputs of the row format."""

    @abstractmethod
    def _inputs(self, inputs: Json, signature: Signature) -> Inputs:
        """Return the inputs of the columnar format."""

    @abstractmethod
    def _check_numbers(self) -> None:
        """Require what must hold for the numbers of all inputs together."""

    def read(self, signature_of: Callable[[str], Signature | None]) -> tuple[str, Inputs, bool]:
        """Return signature name, inputs and whether the body is in the row format.

        Args:
            signature_of: Gives what is known of a signature, None where it is not there or takes
                no input.

        Raises:
            NotCertainError: If anything about the body is out of the ordinary.
        """
        document = orjson.loads(self._body)
        require(type(document) is dict and document.keys() <= _KNOWN_KEYS)
        named = document.get("signature_name", "")
        require(type(named) is str)
        name = named or DEFAULT_SIGNATURE
        signature = signature_of(name)
        row_format = "instances" in document
        if signature is None or row_format == ("inputs" in document):
            raise NotCertainError
        if row_format:
            inputs = self._instances(document["instances"], signature)
        else:
            inputs = self._inputs(document["inputs"], signature)
        self._members += len(document)
        self._strings.append([named])
        self._check_members()
        self._check_numbers()
        return name, inputs, row_format

    def _flattened(self, values: list[Json]) -> tuple[list[Json], set[type], list[int]]:
        """Return the scalars of lists that are nested alike, their types, and the shape."""
        shape = [len(values)]
        while (types := set(map(type, values))) == {list}:
            require(len(shape) < MAX_ARRAY_RANK - 1)
            try:  # one element each is what feature columns look like, and has a quicker way
                values = [value for [value] in values]
                shape.append(1)
            except ValueError:
                sizes = set(map(len, values))
                require(len(sizes) == 1)
                shape.append(sizes.pop())
                values = list(chain.from_iterable(values))
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
        colons = self._tokens.count(b":") - self._members
        if colons:
            colons -= sum(text.count(":") for strings in self._strings for text in strings)
            require(colons == 0 and not _ESCAPED_COLON.search(self._body))
