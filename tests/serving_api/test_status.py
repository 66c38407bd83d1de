"""Status codes, generations and data types."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from tfx_parity.protos import DataType
from tfx_parity.serving_api.dtypes import data_type, numpy_dtype, type_name, value_field
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.status import Code, ServingError, http_status


def test_every_code_has_tf_servings_http_status() -> None:
    """The table of http_server.cc; what it does not list is 500."""
    listed = {1: 499, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400}
    listed |= {0: 200, 12: 501, 14: 503, 16: 401}

    assert {code: listed.get(int(code), 500) for code in Code} == {
        code: http_status(code) for code in Code
    }


def test_an_error_shows_as_absl_status_shows() -> None:
    """Nested errors echo the code's name and the text."""
    text = "Conversion of JSON Value: 1 to type: half"

    assert f"UNIMPLEMENTED: {text}" == str(ServingError(Code.UNIMPLEMENTED, text))


def test_bytes_of_a_request_survive_in_a_message() -> None:
    """An echo of invalid UTF-8 goes out as the bytes that came in."""
    received = b"x\xff"
    error = ServingError(Code.INVALID_ARGUMENT, received.decode("utf-8", "surrogateescape"))

    assert received == error.message_bytes()


@pytest.mark.parametrize(
    ("version", "generation"),
    [
        ("2.16.2", Generation.V2_16),
        ("2.17.0", Generation.V2_16),
        ("2.18.0", Generation.V2_18),
        ("2.21.0rc1", Generation.V2_18),
        ("3.0", Generation.V2_18),
    ],
)
def test_a_tensorflow_version_has_a_generation(version: str, generation: Generation) -> None:
    """The parser changed with 2.18."""
    assert generation is Generation.of_tensorflow(version)


def test_what_is_no_version_is_refused() -> None:
    """The message says what was expected, what came, and what to pass."""
    with pytest.raises(ValueError, match="got 'latest'"):
        Generation.of_tensorflow("latest")


def test_numpy_dtypes_and_data_types_translate_both_ways() -> None:
    """Every type with a numpy form comes back from it, bfloat16 included."""
    known = [kind for kind in DataType.values() if value_field(kind) is not None]

    assert known == [data_type(numpy_dtype(kind)) for kind in known]
    expected = [DataType.DT_BFLOAT16, DataType.DT_FLOAT] + 3 * [DataType.DT_STRING]
    kinds = (ml_dtypes.bfloat16, ">f4", "S3", "U3", "O")
    assert expected == [data_type(np.dtype(kind)) for kind in kinds]


def test_types_without_a_numpy_form_are_refused() -> None:
    """Resources have no values, dates no DataType."""
    with pytest.raises(ServingError, match="got resource"):
        numpy_dtype(DataType.DT_RESOURCE)
    with pytest.raises(ServingError, match="datetime64"):
        data_type(np.dtype("datetime64[s]"))


def test_names_are_tf_servings() -> None:
    """Names as error texts show them."""
    names = {1: "float", 2: "double", 9: "int64", 19: "half", 14: "bfloat16", 101: "float_ref"}
    names |= {77: "unknown dtype enum (77)"}

    assert names == {kind: type_name(kind) for kind in names}
