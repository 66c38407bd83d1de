"""JSON strings, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.serving_api.json_strings import JsonSyntaxError, read_string, write_string


@given(st.binary(max_size=40))
def test_reading_undoes_writing(string: bytes) -> None:
    """Any bytes, valid UTF-8 or not, survive being written and read."""
    written = write_string(string).encode("utf-8", "surrogateescape")

    assert (string, len(written)) == read_string(written + b"\0", 0)


def test_control_characters_are_written_in_upper_case_hexadecimal() -> None:
    """RapidJSON's escapes are short where JSON has short ones; DEL and slash stay."""
    expected = '"\\u0000\\u001F\\b\\t\\n\\f\\r\\"\\\\/\x7f"'

    assert expected == write_string(b'\0\x1f\b\t\n\f\r"\\/\x7f')


@pytest.mark.parametrize(
    ("text", "refusal", "offset"),
    [
        (b'"a', "Missing a closing quotation mark in string.", 2),
        (b'"a\x01"', "Invalid escape character in string.", 2),
        (b'"ab\\q"', "Invalid escape character in string.", 3),
        (b'"\\u00g0"', "Incorrect hex digit after \\u escape in string.", 1),
        (b'"\\ud800"', "The surrogate pair in string is invalid.", 1),
        (b'"\\ud800\\u0041"', "The surrogate pair in string is invalid.", 1),
    ],
)
def test_refusals_tell_the_offset_of_the_escape(text: bytes, refusal: str, offset: int) -> None:
    """A refusal points at the backslash, or at the byte that must not be there."""
    with pytest.raises(JsonSyntaxError) as error:
        read_string(text + b"\0", 0)

    assert (refusal, offset) == (error.value.text, error.value.offset)
