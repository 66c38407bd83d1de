"""The JSON reader and writer against recorded answers of RapidJSON itself, and against Python's."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import pytest
from alphabet import ALPHABET
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_echo import pretty
from tfx_parity.serving_api.json_reader import (
    MAX_DEPTH_2_16,
    JsonObject,
    JsonValue,
    read_json,
)
from tfx_parity.serving_api.status import Code, ServingError

RECORDED = Path(__file__).parent / "data" / "rapidjson_golden.jsonl"
PARSERS = [
    pytest.param(Generation.V2_16, "recursive", id="recursive"),
    pytest.param(Generation.V2_18, "iterative", id="iterative"),
]


def dump(value: JsonValue) -> str:
    """Return the form of record_rapidjson.cc."""
    if isinstance(value, bool) or value is None:
        return {None: "n", True: "t", False: "f"}[value]
    if isinstance(value, bytes):
        return f"s{value.hex()};"
    if isinstance(value, float):
        return "dnan;" if math.isnan(value) else f"d{struct.pack('>d', value).hex()};"
    if isinstance(value, int):
        bounds = ((-(2**31), 2**31), (0, 2**32), (-(2**63), 2**63), (0, 2**64))
        return f"i{value};" + "".join(str(int(low <= value < high)) for low, high in bounds)
    if isinstance(value, list):
        return f"[{''.join(map(dump, value))}]"
    return "{" + "".join(f"k{key.hex()};{dump(item)}" for key, item in value.members) + "}"


def answer(text: bytes, generation: Generation) -> str:
    try:
        value = read_json(text, generation)
    except ServingError as error:
        return "E" + error.message.removeprefix("JSON Parse error: ")
    written = "".join(pretty(value, single_line_arrays=generation is Generation.V2_18))
    return f"{dump(value)}\n{written.encode('utf-8', 'surrogateescape').decode('latin-1')}"


@pytest.mark.parametrize(("generation", "key"), PARSERS)
def test_reads_writes_and_refuses_as_rapidjson_does(generation: Generation, key: str) -> None:
    """Values, bits of doubles, refusals, their offsets and echoes are those that were recorded."""
    for line in RECORDED.read_text("utf-8").splitlines():
        entry = json.loads(line)
        assert entry[key] == answer(entry["text"].encode("latin-1"), generation), entry["text"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(ALPHABET, max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(ALPHABET, max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


def plain(value: JsonValue) -> object:
    if isinstance(value, JsonObject):
        return {key.decode("utf-8"): plain(item) for key, item in value.members}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.decode("utf-8") if isinstance(value, bytes) else value


@given(json_values, st.sampled_from(Generation), st.booleans(), st.sampled_from([None, 1, 4]))
def test_reads_what_python_writes(
    value: object, generation: Generation, ascii_only: bool, indent: int | None
) -> None:
    """Any JSON document without doubles is read as Python's json means it."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)

    assert value == plain(read_json(text.encode("utf-8"), generation))


@given(st.integers(-(10**14), 10**14), st.integers(0, 14))
def test_short_decimals_are_read_exactly_rounded(digits: int, places: int) -> None:
    """Decimals of at most 15 digits are read like float() reads them."""
    sign = "-" if digits < 0 else ""
    text = f"{abs(digits):0{places + 1}d}"
    token = f"{sign}{text[: len(text) - places]}.{text[len(text) - places :] or '0'}"

    assert float(token) == read_json(token.encode(), Generation.V2_16)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_are_read_within_a_few_units(value: float) -> None:
    """The shortest text of a double is read back within RapidJSON's stated 3 units."""
    got = read_json(_decimal(value), Generation.V2_16)

    distance = abs(_bits(got) - _bits(value))
    assert distance <= 3


def _decimal(value: float) -> bytes:
    text = repr(value)
    return (text if "." in text or "e" in text else text + ".0").encode()


def _bits(value: object) -> int:
    assert isinstance(value, float)
    return int(struct.unpack("<q", struct.pack("<d", abs(value)))[0])


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("opening", "closing", "levels"),
    [(b"[", b"]", 30_000), (b'{"a":', b"}", 30_000)],
    ids=["arrays", "objects"],
)
def test_deep_nesting_is_refused_where_the_parser_recurses(
    opening: bytes, closing: bytes, levels: int
) -> None:
    """Tens of thousands of levels end in a refusal in 2.16, and are read in 2.18."""
    text = opening * levels + b"1" + closing * levels

    with pytest.raises(ServingError, match="would overflow its stack") as refusal:
        read_json(text, Generation.V2_16)
    value = read_json(text, Generation.V2_18)

    expected = (Code.RESOURCE_EXHAUSTED, levels, 1)
    depth = 0
    while isinstance(value, list | JsonObject):
        value = value[0] if isinstance(value, list) else value.members[0][1]
        depth += 1
    assert expected == (refusal.value.code, depth, value)


def test_nesting_within_the_limit_is_read_in_both() -> None:
    """The limit of 2.16 lies far above the 254 dimensions that a tensor can have."""
    text = b"[" * MAX_DEPTH_2_16 + b"]" * MAX_DEPTH_2_16

    assert isinstance(read_json(text, Generation.V2_16), list)
    assert MAX_DEPTH_2_16 > 254
