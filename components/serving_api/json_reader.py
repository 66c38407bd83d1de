"""A JSON reader that accepts, refuses and understands what RapidJSON 1.1.0 does.

Differences to other readers: NaN, Inf and Infinity are numbers; invalid UTF-8 and a lone low
surrogate pass; a NUL byte ends the text; duplicate keys are all kept, a look-up finds the first;
each refusal has RapidJSON's words and offset. Follows reader.h; its recursive and its iterative
parser differ only in what they say of a text that starts with a closing token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_numbers import (
    NumberTooBig,
    check_integer_part,
    decimal_token,
    integer_token,
)
from tfx_parity.serving_api.json_strings import JsonSyntaxError, read_string
from tfx_parity.serving_api.status import Code, ServingError, invalid_argument

# The parser of 2.16 recurses and exhausts the stack of its thread somewhere above this depth, which
# ends the server. A tensor has at most 254 dimensions, so no useful request is refused for it.
MAX_DEPTH_2_16 = 1000

_WHITESPACE = re.compile(rb"[ \n\r\t]*")
_INTEGER_PART = re.compile(rb"(-?)(0|[1-9][0-9]*)")
_DECIMAL_PART = re.compile(rb"(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_QUOTE, _COMMA, _COLON, _MINUS, _NUL = b'",:-\0'
_OPEN_ARRAY, _CLOSE_ARRAY, _OPEN_OBJECT, _CLOSE_OBJECT = b"[]{}"
_LITERALS: dict[int, tuple[bytes, bool | None]] = {
    ord("n"): (b"null", None),
    ord("t"): (b"true", True),
    ord("f"): (b"false", False),
}


@dataclass(eq=False)
class JsonObject:
    """An object with every member that was written, in order, duplicates included."""

    members: list[tuple[bytes, JsonValue]] = field(default_factory=list)

    def first(self, name: bytes) -> tuple[JsonValue] | None:
        """Return the value of the first member of that name in a tuple, None if there is none."""
        for key, value in self.members:
            if key == name:
                return (value,)
        return None


# A token with a fraction or an exponent, NaN or an integer beyond 64 bits is a float; every other
# number an int. Strings are bytes.
JsonValue: TypeAlias = "bool | int | float | bytes | list[JsonValue] | JsonObject | None"


def read_json(body: bytes, generation: Generation) -> JsonValue:
    """Return the document in `body`.

    Raises:
        ServingError: INVALID_ARGUMENT "JSON Parse error: ... at offset: N" where RapidJSON refuses;
            RESOURCE_EXHAUSTED for nesting that would overflow the stack of the 2.16 generation.
    """
    return JsonReader(body, generation).read()


class JsonReader:
    """One pass over one text, for `read_json` and what wants to know more than the values."""

    def __init__(self, body: bytes, generation: Generation) -> None:
        self._text = body + b"\0"
        self._generation = generation
        self._recursive = generation is Generation.V2_16
        self._max_depth = MAX_DEPTH_2_16 if self._recursive else len(body)
        self._position = 0  # where RapidJSON's stream would stand
        for byte in _BYTE_ORDER_MARK:  # encodedstream.h looks for each byte by itself
            self._position += self._text[self._position] == byte

    def read(self) -> JsonValue:
        """Do the work of `read_json`."""
        if len(self._text) == 1:
            raise invalid_argument("JSON Parse error: The document is empty")
        try:
            return self._document()
        except JsonSyntaxError as error:
            raise invalid_argument(
                f"JSON Parse error: {error.text} at offset: {error.offset}"
            ) from None

    def _document(self) -> JsonValue:
        """Return the root value, having looked at what follows it as the generation does."""
        first = self._skip_whitespace()
        if first == _NUL or (not self._recursive and first in b"],}:"):
            raise JsonSyntaxError("The document is empty.", self._position)
        root = self._root()
        if self._recursive and self._skip_whitespace() != _NUL:
            raise JsonSyntaxError(
                "The document root must not be followed by other values.", self._position
            )
        return root

    def _root(self) -> JsonValue:
        """Read one value; containers that are open wait on a stack, objects with their next key."""
        open_containers: list[tuple[list[JsonValue] | JsonObject, bytes]] = []
        while True:
            value: JsonValue
            opened = self._open_container()
            if opened is None:
                value = self._scalar()
            elif self._is_empty(opened):
                value = opened
            else:
                open_containers.append((opened, self._first_key(opened)))
                self._check_depth(len(open_containers))
                continue
            while open_containers:
                container, key = open_containers.pop()
                next_key = self._add(container, key, value)
                if next_key is not None:
                    open_containers.append((container, next_key))
                    break
                value = container
            else:
                return value

    def _check_depth(self, depth: int) -> None:
        if depth > self._max_depth:
            raise ServingError(
                Code.RESOURCE_EXHAUSTED,
                f"Expected JSON of at most {self._max_depth} levels, got more: the recursive "
                "parser of TF Serving 2.16 would overflow its stack. Send a flatter request.",
            )

    def _skip_whitespace(self) -> int:
        byte = self._text[self._position]
        if byte > ord(" "):
            return byte
        match = _WHITESPACE.match(self._text, self._position)
        self._position = match.end() if match else self._position
        return self._text[self._position]

    def _open_container(self) -> list[JsonValue] | JsonObject | None:
        byte = self._text[self._position]
        if byte == _OPEN_ARRAY:
            self._position += 1
            return []
        if byte == _OPEN_OBJECT:
            self._position += 1
            return JsonObject()
        return None

    def _is_empty(self, container: list[JsonValue] | JsonObject) -> bool:
        """Take the closing bracket if it follows at once."""
        closing = _CLOSE_ARRAY if isinstance(container, list) else _CLOSE_OBJECT
        if self._skip_whitespace() != closing:
            return False
        self._position += 1
        return True

    def _first_key(self, container: list[JsonValue] | JsonObject) -> bytes:
        return b"" if isinstance(container, list) else self._key()

    def _key(self) -> bytes:
        """Read a member's name and its colon, and stop at its value."""
        if self._text[self._position] != _QUOTE:
            raise JsonSyntaxError("Missing a name for object member.", self._position)
        key, self._position = read_string(self._text, self._position)
        if self._skip_whitespace() != _COLON:
            raise JsonSyntaxError("Missing a colon after a name of object member.", self._position)
        self._position += 1
        self._skip_whitespace()
        return key

    def _add(
        self, container: list[JsonValue] | JsonObject, key: bytes, value: JsonValue
    ) -> bytes | None:
        """Add a value and return the next key (empty in a list), or None where it was the last."""
        if isinstance(container, list):
            container.append(value)
            closing, missing = _CLOSE_ARRAY, "Missing a comma or ']' after an array element."
        else:
            container.members.append((key, value))
            closing, missing = _CLOSE_OBJECT, "Missing a comma or '}' after an object member."
        byte = self._skip_whitespace()
        if byte not in (_COMMA, closing):
            raise JsonSyntaxError(missing, self._position)
        self._position += 1
        if byte == closing:
            return None
        self._skip_whitespace()
        return self._first_key(container)

    def _scalar(self) -> JsonValue:
        byte = self._text[self._position]
        if byte == _QUOTE:
            string, self._position = read_string(self._text, self._position)
            return string
        if byte in _LITERALS:
            word, value = _LITERALS[byte]
            self._expect(word)
            return value
        return self._number()

    def _expect(self, word: bytes) -> None:
        if not self._consume(word):
            raise JsonSyntaxError("Invalid value.", self._position)

    def _consume(self, word: bytes) -> bool:
        """Take the bytes of `word` one by one up to the first that differs."""
        for byte in word:
            if self._text[self._position] != byte:
                return False
            self._position += 1
        return True

    def _number(self) -> int | float:
        start = self._position
        match = _INTEGER_PART.match(self._text, start)
        if match is None:
            named = self._named_number()
            negative, digits = self._text[start] == _MINUS, b"0"
        else:
            named = None
            negative, digits = bool(match[1]), match[2]
            self._position = match.end()
        try:
            return self._decimal_part(named, digits, negative=negative)
        except NumberTooBig:
            raise JsonSyntaxError("Number too big to be stored in double.", start) from None

    def _decimal_part(self, named: float | None, digits: bytes, *, negative: bool) -> int | float:
        """Read fraction and exponent. Behind NaN or Inf they count too, as if it were a zero."""
        match = _DECIMAL_PART.match(self._text, self._position)
        fraction, exponent = match.groups() if match else (None, None)
        self._position = match.end() if match else self._position
        follower = self._text[self._position]
        if follower == ord(".") and fraction is None and exponent is None:
            check_integer_part(digits, negative=negative)
            raise JsonSyntaxError("Miss fraction part in number.", self._position + 1)
        if follower in b"eE" and exponent is None:
            check_integer_part(digits, negative=negative)
            signed = self._text[self._position + 1] in b"+-"
            raise JsonSyntaxError("Miss exponent in number.", self._position + 1 + signed)
        if fraction is None and exponent is None:
            return integer_token(digits, negative=negative) if named is None else named
        return decimal_token(digits, fraction or b"", exponent or b"", negative=negative)

    def _named_number(self) -> float:
        """Read NaN, Inf or Infinity. reader.h tries Inf where NaN stopped, so "NInf" is one too."""
        negative = self._consume(b"-")
        if self._text[self._position] not in b"IN":
            raise JsonSyntaxError("Invalid value.", self._position)
        if self._consume(b"NaN"):
            return float("nan")
        self._expect(b"Inf")
        if self._text[self._position] == ord("i"):
            self._expect(b"inity")
        return float("-inf") if negative else float("inf")
