"""A small client of the REST API: JSON out, arrays of the signature's dtypes back."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from tfx_parity.protos import DataType, TensorInfo
from tfx_parity.serving_api.dtypes import Array, numpy_dtype
from tfx_parity.serving_api.status import Code

_OK = 200
_CHUNK_BYTES = 1 << 20
# Several codes share an HTTP status; these are the ones that requests meet.
_CODES = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    408: Code.DEADLINE_EXCEEDED,
    409: Code.ABORTED,
    413: Code.RESOURCE_EXHAUSTED,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}


class Refusal(NamedTuple):
    """An answer that is no prediction."""

    code: Code
    message: str


class RestClient:
    """Asks one model; each request has a connection of its own, so threads need no care."""

    def __init__(self, address: str, model_name: str, deadline_s: float) -> None:
        """Prepare to ask.

        Args:
            address: HOST:PORT.
            model_name: The model's name in URLs.
            deadline_s: How long one request may take.
        """
        self._address = address
        self._model_name = model_name
        self._deadline_s = deadline_s

    def predict(
        self, signature_name: str, form: str, value: object, outputs: Mapping[str, TensorInfo]
    ) -> dict[str, Array] | Refusal:
        """Send one `:predict` request.

        Args:
            signature_name: The signature to call.
            form: "instances" or "inputs".
            value: What stands under that key.
            outputs: The signature's outputs, whose dtypes the answer gets.

        Returns:
            Output name to value, or why there is none.
        """
        body = json.dumps({"signature_name": signature_name, form: value}, default=_json_value)
        path = f"/v1/models/{quote(self._model_name, safe='')}:predict"
        try:
            status, answer = self._post(path, body.encode())
        except TimeoutError:
            return Refusal(
                Code.DEADLINE_EXCEEDED, f"No answer over REST within {self._deadline_s:g} s."
            )
        except (OSError, http.client.HTTPException) as error:
            return Refusal(Code.UNAVAILABLE, f"No answer over REST from {self._address}: {error!r}")
        if status != _OK:
            return Refusal(_CODES.get(status, Code.UNKNOWN), _error_text(answer))
        try:
            return _outputs(answer, form, outputs)
        except (ValueError, LookupError, TypeError, OverflowError) as error:
            text = f"Expected {sorted(outputs)} in the answer over REST, found: {error!r}"
            return Refusal(Code.DATA_LOSS, text)

    def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        deadline = time.monotonic() + self._deadline_s
        connection = http.client.HTTPConnection(self._address, timeout=self._deadline_s)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            chunks = []
            while chunk := response.read1(_CHUNK_BYTES):
                chunks.append(chunk)
                if time.monotonic() > deadline:
                    raise TimeoutError
            return response.status, b"".join(chunks)
        finally:
            connection.close()


def _json_value(value: object) -> object:
    """Return JSON for what `json` does not know."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"Expected a JSON value, bytes or an array, got {type(value).__name__}.")


def _error_text(body: bytes) -> str:
    text = body.decode("utf-8", "surrogateescape")
    try:
        return str(json.loads(text, strict=False)["error"])
    except (ValueError, KeyError, TypeError):
        return text


def _outputs(answer: bytes, form: str, outputs: Mapping[str, TensorInfo]) -> dict[str, Array]:
    # TF Serving writes the bytes of a string output as they are, valid UTF-8 or not.
    document = json.loads(answer.decode("utf-8", "surrogateescape"))
    if form == "instances":
        return _from_rows(document["predictions"], outputs)
    return _from_columns(document["outputs"], outputs)


def _from_rows(predictions: list[object], outputs: Mapping[str, TensorInfo]) -> dict[str, Array]:
    """Turn rows around; with one output a row is the bare value."""
    if len(outputs) == 1:
        [(name, info)] = outputs.items()
        return {name: _array(predictions, info)}
    return {
        name: _array([row[name] for row in predictions], info)  # type: ignore[index] # an object
        for name, info in sorted(outputs.items())
    }


def _from_columns(value: object, outputs: Mapping[str, TensorInfo]) -> dict[str, Array]:
    """Read columns; with one output the value is bare."""
    if len(outputs) == 1:
        [(name, info)] = outputs.items()
        return {name: _array(value, info)}
    return {
        name: _array(value[name], info)  # type: ignore[index] # an object
        for name, info in sorted(outputs.items())
    }


def _array(value: object, info: TensorInfo) -> Array:
    if info.dtype == DataType.DT_STRING:
        return np.array(_bytes_of(value), dtype=object)
    array = np.array(value, dtype=numpy_dtype(info.dtype))
    # NumPy 1 wraps what an integer's dtype cannot hold, where NumPy 2 raises.
    if array.dtype.kind in "iu" and (array != np.array(value, dtype=object)).any():
        raise OverflowError(f"numbers that are no {array.dtype.name}")
    return array


def _bytes_of(value: object) -> object:
    """Return nested lists of bytes for nested lists of strings and `{"b64": ...}` objects."""
    if isinstance(value, list):
        return [_bytes_of(item) for item in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    return str(value).encode("utf-8", "surrogateescape")
