"""What the bodies of all REST requests have in common."""

from __future__ import annotations

from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_echo import echo
from tfx_parity.serving_api.json_reader import JsonObject, JsonValue, read_json
from tfx_parity.serving_api.predict import DEFAULT_SIGNATURE
from tfx_parity.serving_api.status import ServingError, invalid_argument


def read_object(body: bytes, generation: Generation) -> JsonObject:
    """Return the document, which must be an object.

    Raises:
        ServingError: INVALID_ARGUMENT, if it is not JSON or another JSON type.
    """
    document = read_json(body, generation)
    if not isinstance(document, JsonObject):
        raise format_error(document, "Is not object", generation)
    return document


def signature_name(
    document: JsonObject, generation: Generation, default: str = DEFAULT_SIGNATURE
) -> str:
    """Return the signature that a document names, `default` where it is absent or empty.

    Raises:
        ServingError: INVALID_ARGUMENT, if it is not a string.
    """
    member = document.first(b"signature_name")
    if member is None:
        return default
    if not isinstance(member[0], bytes):
        raise format_error(
            document,
            "not formatted correctly. 'signature_name' key must be a string value.",
            generation,
        )
    return member[0].decode("utf-8", "surrogateescape") or default


def format_error(value: JsonValue, text: str, generation: Generation) -> ServingError:
    """Return the error that echoes a value before `text`."""
    return invalid_argument(f"JSON Value: {echo(value, generation)} {text}")
