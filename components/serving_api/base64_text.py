"""Base64 as TF Serving reads and writes it (absl::Base64Unescape, absl::Base64Escape)."""

from __future__ import annotations

import binascii
import re

_WHITESPACE = re.compile(rb"[ \t\n\v\f\r]+")
_TEXT = re.compile(rb"([A-Za-z0-9+/]*)([=.]*)")
_GROUP = 4


def unescape(text: bytes) -> bytes | None:
    """Return the bytes that `text` stands for, None where absl refuses it.

    White space may stand anywhere, padding may be left out and be dots, left-over bits are ignored;
    the URL-safe alphabet is refused.
    """
    match = _TEXT.fullmatch(_WHITESPACE.sub(b"", text))
    if match is None:
        return None
    data, padding = match.groups()
    expected = -len(data) % _GROUP
    if expected == _GROUP - 1 or len(padding) not in (0, expected):
        return None
    return binascii.a2b_base64(data + b"=" * expected)


def escape(data: bytes) -> str:
    """Return standard base64 with padding."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")
