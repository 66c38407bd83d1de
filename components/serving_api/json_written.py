"""JSON values that remember how their numbers were written, and what followed the document."""

from __future__ import annotations

from typing import NamedTuple

from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_reader import JsonReader, JsonValue


class WrittenNumber(float):
    """A number with a fraction or an exponent, or beyond 64 bits, as RapidJSON reads it.

    Attributes:
        text: Its token.
    """

    __slots__ = ("text",)
    text: str

    @classmethod
    def of(cls, value: float, token: bytes) -> WrittenNumber:
        """Return a number with its token."""
        number = cls(value)
        number.text = token.decode("ascii")
        return number


class WrittenDocument(NamedTuple):
    """A document, and what follows it and is ignored: white space left out."""

    root: JsonValue
    rest: bytes


def read_written(body: bytes, generation: Generation) -> WrittenDocument:
    """Do the work of `read_json`, with each float a `WrittenNumber`.

    Raises:
        ServingError: As `read_json`.
    """
    reader = _WrittenReader(body, generation)
    root = reader.read()
    return WrittenDocument(root, reader.rest)


class _WrittenReader(JsonReader):
    @property
    def rest(self) -> bytes:
        """What stands behind the position, without the white space and the NUL that ends it."""
        return self._text[self._position : -1].strip(b" \n\r\t")

    def _number(self) -> int | float:
        start = self._position
        value = super()._number()
        if isinstance(value, float):
            return WrittenNumber.of(value, self._text[start : self._position])
        return value
