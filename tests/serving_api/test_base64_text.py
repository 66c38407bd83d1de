"""Base64 as absl takes it."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.serving_api.base64_text import escape, unescape

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def slow_unescape(text: bytes) -> bytes | None:
    """Return what absl::Base64Unescape returns, bit by bit."""
    data = [byte for byte in text if byte not in b" \t\n\v\f\r"]
    bits, padding = "", 0
    for byte in data:
        if byte in ALPHABET and not padding:
            bits += f"{ALPHABET.index(byte):06b}"
        elif byte in b"=.":
            padding += 1
        else:
            return None
    spare = len(bits) % 8
    wanted = {0: 0, 2: 1, 4: 2}.get(spare)
    if wanted is None or padding not in (0, wanted):
        return None
    return bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits) - spare, 8))


@given(st.text("AZaz09+/=.-_ \n", max_size=14))
def test_takes_and_refuses_what_absl_does(text: str) -> None:
    """White space, missing and dotted padding pass; the URL-safe alphabet does not."""
    assert slow_unescape(text.encode()) == unescape(text.encode())


@given(st.binary(max_size=30))
def test_escape_is_standard_base64(data: bytes) -> None:
    """What is written is standard base64 with padding, and is read back."""
    assert base64.b64encode(data).decode() == escape(data)
    assert data == unescape(escape(data).encode())


@pytest.mark.parametrize("text", ["a", "aGk-", "aGk_", "aG=", "aGk==", "é"])
def test_refuses_what_is_not_base64(text: str) -> None:
    """A stray character, another alphabet or the wrong padding is no base64."""
    assert unescape(text.encode()) is None
