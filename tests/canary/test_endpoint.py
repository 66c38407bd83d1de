"""The back end `endpoint`: a server that already runs, which a native canary is here."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.backend import RunningCanary
from tfx_parity.canary.endpoint import Endpoint, EndpointBackend
from tfx_parity.canary.native import NativeBackend
from tfx_parity.errors import BadInputError, ServerUnavailableError

pytestmark = pytest.mark.system

X = np.array([[1, 2, 3]], np.float32)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:8500", Endpoint("localhost:8500", None)),
        ("localhost:8500,8501", Endpoint("localhost:8500", "localhost:8501")),
        ("10.1.2.3:1,65535", Endpoint("10.1.2.3:1", "10.1.2.3:65535")),
        ("[::1]:8500,8501", Endpoint("[::1]:8500", "[::1]:8501")),
    ],
)
def test_an_address_holds_one_port_or_two(text: str, expected: Endpoint) -> None:
    """The second port is that of the REST API, on the same host."""
    assert expected == Endpoint.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "localhost:", ":8500", "localhost:0", "localhost:65536", "localhost:85a",
     "localhost:8500,", "localhost:8500,h:8501", "localhost:1,2,3", "http://h:8500", "::1:8500"],
)  # fmt: skip
def test_what_is_no_address_is_told(text: str) -> None:
    """The message shows the form that is expected, and what was found."""
    with pytest.raises(BadInputError, match="HOST:GRPC_PORT,REST_PORT.*found '"):
        Endpoint.parse(text)


@pytest.fixture
def endpoint(affine: RunningCanary) -> Endpoint:
    """Return the address of a server that somebody else runs."""
    return Endpoint(affine.grpc_address, affine.rest_address)


@pytest.mark.native
@pytest.mark.tensorflow
def test_a_running_server_is_asked_and_left_running(
    endpoint: Endpoint, affine: RunningCanary, models: Path
) -> None:
    """Its model and version are asked; what a running server cannot do is said."""
    with EndpointBackend(endpoint, affine.model_name).start(models / "affine") as canary:
        over_grpc = canary.client.predict("serving_default", {"x": X})["y"].tolist()
        over_rest = canary.client.predict_rows("serving_default", [[1, 2, 3]])["y"].tolist()

    assert over_grpc == over_rest == [[11.125, 1.0]]
    assert (canary.identity.backend, canary.version) == ("endpoint", 1)
    assert canary.identity.not_exercised == ("a fresh start of the server",)
    assert canary.no_fresh_start is not None
    assert affine.client.status()[0].state == "AVAILABLE"


@pytest.mark.native
@pytest.mark.tensorflow
def test_without_a_rest_port_there_is_no_rest(
    endpoint: Endpoint, affine: RunningCanary, models: Path
) -> None:
    """The client says so before it is asked, and refuses to guess a port."""
    backend = EndpointBackend(Endpoint(endpoint.grpc_address, None), affine.model_name)

    with backend.start(models / "affine") as canary:
        assert not canary.client.has_rest
        assert "the REST API" in canary.identity.not_exercised
        with pytest.raises(BadInputError, match="REST port"):
            canary.client.predict_rows("serving_default", [[1, 2, 3]])


@pytest.mark.native
@pytest.mark.tensorflow
def test_a_model_that_the_server_does_not_know_is_bad_input(
    endpoint: Endpoint, models: Path
) -> None:
    """The server's own words are told, and which option to give."""
    with pytest.raises(BadInputError, match="'other'.*--model-name"):
        EndpointBackend(endpoint, "other").start(models / "affine").__enter__()


@pytest.mark.native
@pytest.mark.tensorflow
def test_a_server_that_goes_away_is_no_verdict(models: Path) -> None:
    """Why another's server ended cannot be known: an error, not the model's failure."""
    with NativeBackend().start(models / "affine") as server:
        endpoint = Endpoint(server.grpc_address, None)
        running = EndpointBackend(endpoint, server.model_name).start(models / "affine")
        canary = running.__enter__()
    try:
        with pytest.raises(ServerUnavailableError, match="still running"):
            canary.client.predict("serving_default", {"x": X})
    finally:
        running.__exit__(None, None, None)


@pytest.fixture
def silent() -> Iterator[str]:
    """Return the address of a port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def saved_model(tmp_path: Path) -> Path:
    """Return what looks like a SavedModel to whoever does not load it."""
    (tmp_path / "saved_model.pb").write_bytes(b"")
    return tmp_path


def test_nobody_at_the_address_is_an_error(saved_model: Path) -> None:
    """It is told at once, not after the start-up's deadline."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"

    with pytest.raises(ServerUnavailableError, match=address):
        EndpointBackend(Endpoint(address, None), "m").start(saved_model).__enter__()


def test_a_port_that_never_answers_is_an_error_within_the_deadline(
    saved_model: Path, silent: str
) -> None:
    """Whatever listens there, it is not waited for without end."""
    backend = EndpointBackend(Endpoint(silent, None), "m", request_deadline_s=1)

    with pytest.raises(ServerUnavailableError, match=silent):
        backend.start(saved_model, startup_deadline_s=2).__enter__()


def test_no_model_at_the_path_is_bad_input(tmp_path: Path) -> None:
    """The server is not asked for a model that is not there to compare with."""
    with pytest.raises(BadInputError, match="found no folder"):
        EndpointBackend(Endpoint("h:1", None), "m").start(tmp_path / "nothing").__enter__()
