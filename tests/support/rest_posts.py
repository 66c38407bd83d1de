"""A body posted to a running canary."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from tfx_parity.canary.backend import RunningCanary


def post(canary: RunningCanary, method: str, body: bytes) -> tuple[int, str]:
    """Return the status and the error's text of an answer."""
    url = f"http://{canary.rest_address}/v1/models/{canary.model_name}:{method}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, str(json.loads(error.read(), strict=False)["error"])
