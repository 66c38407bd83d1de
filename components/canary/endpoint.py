"""The back end `endpoint`: a server that already runs. Nothing is started, nothing is stopped."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tfx_parity.canary.backend import RunningCanary, ServerIdentity
from tfx_parity.canary.client import DEFAULT_DEADLINE_S, CanaryClient, CanaryDied, RequestError
from tfx_parity.canary.native import DEFAULT_STARTUP_DEADLINE_S
from tfx_parity.canary.readiness import served_version
from tfx_parity.canary.versions import find_version
from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.serving_api.status import Code

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:,/\[\]]+):([0-9]{1,5})(?:,([0-9]{1,5}))?")
_MAX_PORT = 65535
_POLL_S = 0.5
_CONNECT_S = 5.0
_NOT_EXERCISED = ("a fresh start of the server",)
_NO_REST = "the REST API"
_NO_FRESH_START = "the server already runs, and is not ours to start a second time"


@dataclass(frozen=True)
class Endpoint:
    """Where a server listens.

    Attributes:
        grpc_address: HOST:PORT of the gRPC API.
        rest_address: HOST:PORT of the REST API; None where it was not given.
    """

    grpc_address: str
    rest_address: str | None

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read `HOST:GRPC_PORT` or `HOST:GRPC_PORT,REST_PORT`.

        Raises:
            BadInputError: If it is neither.
        """
        found = _ADDRESS.fullmatch(text)
        ports = [int(port) for port in found.groups()[1:] if port] if found else []
        if found is None or not all(0 < port <= _MAX_PORT for port in ports):
            raise BadInputError(
                "Expected HOST:GRPC_PORT or HOST:GRPC_PORT,REST_PORT, such as localhost:8500,8501; "
                f"found {text!r}."
            )
        addresses = [f"{found[1]}:{port}" for port in ports]
        return cls(addresses[0], addresses[1] if len(addresses) > 1 else None)


@dataclass(frozen=True)
class EndpointBackend:
    """Asks a server that already runs, whoever started it.

    Usage:
        backend = EndpointBackend(Endpoint.parse("localhost:8500,8501"), "penguins")

    Attributes:
        endpoint: Where it listens.
        model_name: The model's name in requests.
        request_deadline_s: How long one request of the canary's client may take.
    """

    endpoint: Endpoint
    model_name: str
    request_deadline_s: float = DEFAULT_DEADLINE_S

    @contextmanager
    def start(
        self, model_path: Path, *, startup_deadline_s: float = DEFAULT_STARTUP_DEADLINE_S
    ) -> Iterator[RunningCanary]:
        """Find the server and its model; see `CanaryBackend.start`.

        The server holds whatever it was given: that it is the model at `model_path` is what a
        check finds out.
        """
        find_version(Path(model_path), self.model_name)
        rest = self.endpoint.rest_address
        with CanaryClient(
            grpc_address=self.endpoint.grpc_address,
            rest_address=rest,
            model_name=self.model_name,
            deadline_s=self.request_deadline_s,
            obituary=self._require_listening,
        ) as client:
            version = self._await_version(client, startup_deadline_s)
            yield RunningCanary(
                identity=ServerIdentity(
                    backend="endpoint",
                    version="not told by a running server",
                    digest="not told by a running server",
                    not_exercised=_NOT_EXERCISED if rest else (*_NOT_EXERCISED, _NO_REST),
                ),
                client=client,
                grpc_address=self.endpoint.grpc_address,
                rest_address=rest,
                model_name=self.model_name,
                version=version,
                log_tail=_no_log,
                no_fresh_start=_NO_FRESH_START,
            )

    def _await_version(self, client: CanaryClient, startup_deadline_s: float) -> int:
        """Wait while the server loads; one that does not answer at all is told at once."""
        deadline = time.monotonic() + startup_deadline_s
        while True:
            try:
                version = served_version(client.status(), lambda _lines: "")
            except RequestError as error:
                raise self._refused(error) from error
            except CanaryDied as error:
                raise ServerUnavailableError(
                    f"Expected a model server's gRPC API at {self.endpoint.grpc_address}: {error}"
                ) from error
            if version is not None:
                return version
            if time.monotonic() > deadline:
                raise ServerUnavailableError(
                    f"Expected {self.endpoint.grpc_address} to serve a version of model "
                    f"{self.model_name!r} within {startup_deadline_s:g} s, found none available: "
                    f"{client.status()}."
                )
            time.sleep(_POLL_S)

    def _require_listening(self, _wait_s: float) -> None:
        """Say nothing of a server that listens, and of no other that its model failed."""
        host, _, port = self.endpoint.grpc_address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
        except OSError as error:
            raise ServerUnavailableError(
                f"Expected a model server's gRPC API at {self.endpoint.grpc_address}, found none: "
                f"{error}. Is it still running? Why it ended is in its own log."
            ) from error

    def _refused(self, error: RequestError) -> BadInputError | ServerUnavailableError:
        if error.code is Code.NOT_FOUND:
            return BadInputError(
                f"Expected the server at {self.endpoint.grpc_address} to know the model "
                f"{self.model_name!r}, found: {error.message}. Give its name (--model-name)."
            )
        return ServerUnavailableError(
            f"Expected a model server's gRPC API at {self.endpoint.grpc_address}, found {error}."
        )


def _no_log() -> str:
    """Stand in for the log of a server that somebody else runs."""
    return ""
