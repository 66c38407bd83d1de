"""Why a request is refused, or what of it is changed, by stable names."""

from __future__ import annotations

from enum import Enum


class Reason(str, Enum):
    """A reason for which TF Serving refuses a request, or hands the model another value."""

    NOT_JSON = "NOT_JSON"
    MALFORMED_REQUEST = "MALFORMED_REQUEST"
    UNKNOWN_SIGNATURE = "UNKNOWN_SIGNATURE"
    MISSING_INPUT = "MISSING_INPUT"
    UNKNOWN_NAME = "UNKNOWN_NAME"
    WRONG_TYPE = "WRONG_TYPE"
    NOT_OVER_REST = "NOT_OVER_REST"
    RAGGED = "RAGGED"
    BAD_BASE64 = "BAD_BASE64"
    BAD_TENSOR = "BAD_TENSOR"
    NOT_AN_EXAMPLE = "NOT_AN_EXAMPLE"
    WRAPPED = "WRAPPED"
    OVERFLOWED = "OVERFLOWED"
    UNDERFLOWED = "UNDERFLOWED"
    ROUNDED = "ROUNDED"
    REPEATED = "REPEATED"
    ZERO_FILLED = "ZERO_FILLED"
    CUT = "CUT"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    TRAILING_BYTES = "TRAILING_BYTES"
    DEFAULT_USED = "DEFAULT_USED"
