"""URLs of the REST front."""

from __future__ import annotations

import pytest

from tfx_parity.serving_api.rest_urls import RestRoute, parse_url
from tfx_parity.serving_api.status import Code, ServingError


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", "/v1/models/m:predict", RestRoute("m", None, None, "predict")),
        ("POST", "/v1/models/m/versions/007:classify", RestRoute("m", 7, None, "classify")),
        ("POST", "/V1/Models/m/Labels/canary:regress", RestRoute("m", None, "canary", "regress")),
        ("GET", "/v1/models/m", RestRoute("m", None, None, "status")),
        ("GET", "/v1/models/m/versions/3", RestRoute("m", 3, None, "status")),
        ("GET", "/v1/models/m/versions/3/metadata", RestRoute("m", 3, None, "metadata")),
        ("GET", "/v1/models/m/labels/a%20b/metadata", RestRoute("m", None, "a b", "metadata")),
        ("GET", "/v1/models/a%2Fb+c", RestRoute("a/b+c", None, None, "status")),
        ("GET", "/v1/models/m/METADATA", RestRoute("m", None, None, "status")),
        ("GET", "/v1/models/metadata", RestRoute("metadata", None, None, "status")),
        ("GET", f"/v1/models/m/versions/{2**63 - 1}", RestRoute("m", 2**63 - 1, None, "status")),
    ],
)
def test_routes(method: str, path: str, route: RestRoute) -> None:
    """Words match in any case, names are percent-decoded, a plus sign stays."""
    assert route == parse_url(method, path)


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("POST", "/v1/models/m", "Malformed request: POST /v1/models/m"),
        ("POST", "/v1/models/m:PREDICT", "Malformed request: POST /v1/models/m:PREDICT"),
        ("POST", "/v1/models/m/x:predict", "Malformed request: POST /v1/models/m/x:predict"),
        ("POST", "/v1/models/m:explain", "Malformed request: POST /v1/models/m:explain"),
        ("GET", "/v1/models/m:predict", "Malformed request: GET /v1/models/m:predict"),
        ("PUT", "/v1/models/m:predict", "Malformed request: PUT /v1/models/m:predict"),
        ("GET", "/v1/models/m/versions/x", "Malformed request: GET /v1/models/m/versions/x"),
        ("GET", "/v1/models/m/versions/٣", "Malformed request: GET /v1/models/m/versions/٣"),
        ("GET", "/v1/models", "Missing model name in request."),
        (
            "GET",
            f"/v1/models/m/versions/{2**63}",
            f"Failed to convert version: {2**63} to numeric.",
        ),
        (
            "GET",
            f"/v1/models/m/versions/{'9' * 5000}",
            f"Failed to convert version: {'9' * 5000} to numeric.",
        ),
    ],
    ids=lambda value: value[:40],
)
def test_refusals(method: str, path: str, message: str) -> None:
    """What does not match is told back with its method and path."""
    with pytest.raises(ServingError) as error:
        parse_url(method, path)

    assert (Code.INVALID_ARGUMENT, message) == (error.value.code, error.value.message)


def test_other_paths_have_no_handler() -> None:
    """Outside of /v1/ TF Serving's HTTP layer answers 404."""
    with pytest.raises(ServingError) as error:
        parse_url("GET", "/monitoring")

    expected = Code.NOT_FOUND
    assert expected == error.value.code
