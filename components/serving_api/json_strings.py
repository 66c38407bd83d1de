"""JSON strings as RapidJSON 1.1.0 reads and writes them."""

from __future__ import annotations

import re

_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_HEX4 = re.compile(rb"[0-9A-Fa-f]{4}")
_ESCAPES = {
    ord('"'): b'"',
    ord("\\"): b"\\",
    ord("/"): b"/",
    ord("b"): b"\b",
    ord("f"): b"\f",
    ord("n"): b"\n",
    ord("r"): b"\r",
    ord("t"): b"\t",
}
_QUOTE, _BACKSLASH, _NUL = b'"\\\0'
_HIGH_SURROGATES = range(0xD800, 0xDC00)
_LOW_SURROGATES = range(0xDC00, 0xE000)

_MUST_ESCAPE = re.compile('[\x00-\x1f"\\\\]')
_WRITTEN = {chr(code): f"\\u{code:04X}" for code in range(0x20)} | {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}


class JsonSyntaxError(ValueError):
    """A text that RapidJSON refuses: its words and the byte offset it reports."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(text, offset)
        self.text = text
        self.offset = offset


def read_string(text: bytes, start: int) -> tuple[bytes, int]:
    """Return the bytes of the string that starts at `start`, and the position behind it.

    Bytes from 0x80 on pass unchecked: TF Serving does not set kParseValidateEncodingFlag.

    Args:
        text: The whole text, ended by a NUL byte.
        start: Offset of the opening quotation mark.

    Raises:
        JsonSyntaxError: If the string has an invalid escape or does not end.
    """
    parts = []
    position = start + 1
    while True:
        match = _PLAIN.match(text, position)
        if match is not None:
            parts.append(match.group())
            position = match.end()
        byte = text[position]
        if byte == _QUOTE:
            return b"".join(parts), position + 1
        if byte == _NUL:
            raise JsonSyntaxError("Missing a closing quotation mark in string.", position)
        if byte != _BACKSLASH:
            raise JsonSyntaxError("Invalid escape character in string.", position)
        part, position = _read_escape(text, position)
        parts.append(part)


def _read_escape(text: bytes, start: int) -> tuple[bytes, int]:
    plain = _ESCAPES.get(text[start + 1])
    if plain is not None:
        return plain, start + 2
    if text[start + 1] != ord("u"):
        raise JsonSyntaxError("Invalid escape character in string.", start)
    code, position = _read_hex(text, start + 2, start)
    if code in _HIGH_SURROGATES:
        if text[position : position + 2] != b"\\u":
            raise JsonSyntaxError("The surrogate pair in string is invalid.", start)
        low, position = _read_hex(text, position + 2, start)
        if low not in _LOW_SURROGATES:
            raise JsonSyntaxError("The surrogate pair in string is invalid.", start)
        code = ((code - 0xD800) << 10 | (low - 0xDC00)) + 0x10000
    return chr(code).encode("utf-8", "surrogatepass"), position


def _read_hex(text: bytes, position: int, escape: int) -> tuple[int, int]:
    match = _HEX4.match(text, position)
    if match is None:
        raise JsonSyntaxError("Incorrect hex digit after \\u escape in string.", escape)
    return int(match.group(), 16), match.end()


def write_string(string: bytes) -> str:
    """Return a string as RapidJSON writes it, quoted; invalid UTF-8 becomes lone surrogates."""
    text = string.decode("utf-8", "surrogateescape")
    return f'"{_MUST_ESCAPE.sub(lambda match: _WRITTEN[match.group()], text)}"'
