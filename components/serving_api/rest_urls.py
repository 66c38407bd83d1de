"""URLs of TF Serving's REST front.

Sources: model_servers/http_rest_api_util.cc and http_rest_api_handler.cc.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import unquote_to_bytes

from tfx_parity.serving_api.status import Code, ServingError, invalid_argument

Verb = Literal["predict", "classify", "regress", "metadata", "status"]

_FLAGS = re.IGNORECASE | re.ASCII
_ROOT = re.compile(r"/v1/.*", _FLAGS)
_VERSION_OR_LABEL = r"(?:(?:/versions/(\d+))|(?:/labels/([^/:]+)))?"
_PREDICTION = re.compile(
    rf"/v1/models/([^/:]+){_VERSION_OR_LABEL}:(classify|regress|predict)", _FLAGS
)
_STATUS = re.compile(rf"/v1/models(?:/([^/:]+))?{_VERSION_OR_LABEL}(?:/(metadata))?", _FLAGS)
_MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class RestRoute:
    """What a REST request asks for.

    Attributes:
        model_name: The model, percent-decoded.
        version: The version asked for, None for the latest or the label's.
        label: The version label asked for, percent-decoded.
        verb: What to do.
    """

    model_name: str
    version: int | None
    label: str | None
    verb: Verb


def parse_url(method: str, path: str) -> RestRoute:
    """Return what a request asks for.

    The words of a path match in any case, but `:PREDICT` is no verb, and `/METADATA` asks for the
    status: TF Serving compares the word it matched with the lower-case one.

    Args:
        method: The HTTP method, upper case.
        path: The path of the URL, without the query and not percent-decoded.

    Raises:
        ServingError: NOT_FOUND outside /v1/, where TF Serving's HTTP layer has no handler;
            otherwise INVALID_ARGUMENT with TF Serving's text.
    """
    if not _ROOT.fullmatch(path):
        raise ServingError(Code.NOT_FOUND, "Not Found")
    malformed = invalid_argument(f"Malformed request: {method} {path}")
    pattern = {"POST": _PREDICTION, "GET": _STATUS}.get(method)
    match = pattern.fullmatch(path) if pattern else None
    if match is None:
        raise malformed
    name, version, label, word = match.groups()
    route = RestRoute(
        model_name=_decode(name) if name else "",
        version=_version(version) if version else None,
        label=_decode(label) if label else None,
        verb=_verb(method, word),
    )
    if method == "POST" and route.verb != word:
        raise malformed
    if not route.model_name:
        raise invalid_argument("Missing model name in request.")
    return route


def _verb(method: str, word: str | None) -> Verb:
    if method == "GET":
        return "metadata" if word == "metadata" else "status"
    return cast("Verb", str(word).lower())


def _version(digits: str) -> int:
    significant = digits.lstrip("0")
    if len(significant) > len(str(_MAX_VERSION)) or int(significant or "0") > _MAX_VERSION:
        raise invalid_argument(f"Failed to convert version: {digits} to numeric.")
    return int(significant or "0")


def _decode(text: str) -> str:
    """Percent-decode as curl_easy_unescape does: a plus sign stays one."""
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode(
        "utf-8", "surrogateescape"
    )
