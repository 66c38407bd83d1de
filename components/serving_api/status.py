"""Status codes of TF Serving and what each is over HTTP.

The numbers are those of gRPC and of absl::StatusCode, which are the same.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Canonical status codes, numbered as gRPC numbers them."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


# TF Serving, model_servers/http_server.cc, ToHTTPStatusCode; every other code is 500.
_HTTP_STATUS = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.UNAUTHENTICATED: 401,
}
_INTERNAL_SERVER_ERROR = 500


class ServingError(Exception):
    """A request that TF Serving refuses, or a failure inside its session.

    Attributes:
        code: The status code that a client sees.
        message: TF Serving's text. Bytes of a request that are not valid UTF-8 are echoed as
            lone surrogates (`surrogateescape`), so `message_bytes()` is what goes on the wire.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        """Return the text of absl::Status::ToString, which nested errors echo."""
        return f"{self.code.name}: {self.message}"

    def message_bytes(self) -> bytes:
        """Return the message as the bytes that TF Serving would send."""
        return self.message.encode("utf-8", "surrogateescape")


def invalid_argument(message: str) -> ServingError:
    """Return the error that most refusals are: INVALID_ARGUMENT, HTTP 400."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def http_status(code: Code) -> int:
    """Return the HTTP status that TF Serving answers with for `code`."""
    return _HTTP_STATUS.get(code, _INTERNAL_SERVER_ERROR)
