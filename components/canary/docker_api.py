"""A Docker engine, asked over its HTTP API (docs.docker.com/reference/api/engine)."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from tfx_parity.errors import BadInputError, ServerUnavailableError

VARIABLE = "DOCKER_HOST"
DEFAULT_URL = "unix:///var/run/docker.sock"
DEFAULT_TIMEOUT_S = 60.0
NOT_FOUND = 404
_FIRST_ERROR = 400
_PULL_S = 1800.0
_FRAME_HEADER = 8
_TCP_PORT = 2375


class DockerError(Exception):
    """The engine refused a request.

    Attributes:
        status: The HTTP status.
        message: The engine's text.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return f"HTTP {self.status}: {self.message}"


@dataclass(frozen=True)
class ContainerState:
    """What the engine tells of a container.

    Attributes:
        is_running: Whether it runs.
        exit_code: Its exit code, once it ended; 128 and more: the signal.
        is_out_of_memory: Whether it ended because it met its memory limit.
        ports: Port in the container to port on the host, while it runs.
    """

    is_running: bool
    exit_code: int
    is_out_of_memory: bool
    ports: Mapping[int, int]


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class DockerEngine:
    """One engine; each request has a connection of its own."""

    def __init__(
        self, url: str | None = None, api_version: str = "", timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            url: `unix://PATH`, `tcp://HOST:PORT` or `http://HOST:PORT`; `$DOCKER_HOST`, else the
                usual socket, where None.
            api_version: Such as "1.41"; the engine's own where empty.
            timeout_s: How long one request may take.

        Raises:
            BadInputError: If the URL is of another kind.
        """
        self.url = url or os.environ.get(VARIABLE) or DEFAULT_URL
        self._prefix = f"/v{api_version.removeprefix('v')}" if api_version else ""
        self._timeout_s = timeout_s
        parts = urlsplit(self.url)
        if parts.scheme not in ("unix", "tcp", "http") or not (parts.path or parts.netloc):
            raise BadInputError(
                "Expected a Docker engine at unix://PATH or tcp://HOST:PORT (without TLS), found "
                f"{self.url!r} (${VARIABLE}, or client_base_url)."
            )
        self._is_unix = parts.scheme == "unix"
        # "unix://var/run/docker.sock", as docker's Python client takes it, means /var/run, too.
        self._path = "/" + f"{parts.netloc}{parts.path}".lstrip("/")
        self._address = parts.netloc if parts.port else f"{parts.netloc}:{_TCP_PORT}"

    def require(self) -> None:
        """Look whether there is an engine.

        Raises:
            ServerUnavailableError: If there is none.
        """
        try:
            self._ask("GET", "/_ping", parse=False)
        except DockerError as error:
            raise ServerUnavailableError(
                f"Expected a Docker engine at {self.url}, found {error}."
            ) from error

    def image_digest(self, image: str) -> str | None:
        """Return what tells an image from others of its name; None where it is not there."""
        try:
            found = self._ask("GET", f"/images/{quote(image, safe='/:@')}/json")
        except DockerError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        digests = found.get("RepoDigests") or [found["Id"]]
        return str(digests[0]).rpartition("@")[2]

    def pull(self, image: str) -> None:
        """Fetch an image from its registry; registries that ask for a login are not served.

        Raises:
            DockerError: If it cannot be had.
        """
        deadline = time.monotonic() + _PULL_S
        with self._request("POST", f"/images/create?fromImage={quote(image, safe='')}") as answer:
            for line in answer:
                told = json.loads(line)
                if "error" in told:
                    raise DockerError(NOT_FOUND, str(told["error"]))
                if time.monotonic() > deadline:
                    raise DockerError(0, f"not there after {_PULL_S:g} s")

    def create(self, name: str, config: Mapping[str, object]) -> None:
        """Create a container; it does not run yet."""
        self._ask("POST", f"/containers/create?name={name}", config)

    def start(self, name: str) -> None:
        """Start a container."""
        self._ask("POST", f"/containers/{name}/start", parse=False)

    def state(self, name: str) -> ContainerState:
        """Return how a container is."""
        found = self._ask("GET", f"/containers/{name}/json")
        state = found["State"]
        ports = found["NetworkSettings"].get("Ports") or {}
        return ContainerState(
            is_running=bool(state["Running"]),
            exit_code=int(state["ExitCode"]),
            is_out_of_memory=bool(state.get("OOMKilled")),
            ports={
                int(port.partition("/")[0]): int(bound[0]["HostPort"])
                for port, bound in ports.items()
                if bound
            },
        )

    def log(self, name: str, lines: int) -> str:
        """Return the last lines that a container wrote."""
        path = f"/containers/{name}/logs?stdout=1&stderr=1&tail={lines}"
        return _text_of_frames(self._ask("GET", path, parse=False))

    def run_inside(self, name: str, command: Sequence[str]) -> str:
        """Run a command in a running container, and return what it wrote."""
        wanted = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        made = self._ask("POST", f"/containers/{name}/exec", wanted)
        started = {"Detach": False, "Tty": False}
        return _text_of_frames(self._ask("POST", f"/exec/{made['Id']}/start", started, parse=False))

    def remove(self, name: str) -> None:
        """End a container and remove it, if it is there."""
        try:
            self._ask("DELETE", f"/containers/{name}?force=1&v=1", parse=False)
        except DockerError as error:
            if error.status != NOT_FOUND:
                raise

    def _ask(self, method: str, path: str, body: object = None, *, parse: bool = True) -> Any:
        with self._request(method, path, body) as answer:
            data = answer.read()
            return json.loads(data) if parse else data

    @contextmanager
    def _request(
        self, method: str, path: str, body: object = None
    ) -> Iterator[http.client.HTTPResponse]:
        connection = (
            _UnixConnection(self._path, self._timeout_s)
            if self._is_unix
            else http.client.HTTPConnection(self._address, timeout=self._timeout_s)
        )
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, self._prefix + path, data, headers)
            answer = connection.getresponse()
            if answer.status >= _FIRST_ERROR:
                raise DockerError(answer.status, _message(answer.read()))
            yield answer
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._gone(error) from error
        finally:
            connection.close()

    def _gone(self, error: Exception) -> ServerUnavailableError:
        return ServerUnavailableError(
            f"Expected a Docker engine at {self.url}, found none that answers: {error!r}. Install "
            f"or start Docker (docs.docker.com/engine/install), name its socket in ${VARIABLE}, "
            "and see that this user may open it; or take another back end (--server native)."
        )


def _message(body: bytes) -> str:
    text = body.decode(errors="replace").strip()
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text


def _text_of_frames(data: bytes) -> str:
    """Read the engine's stream format: 8 bytes (stream, 0, 0, 0, size in big endian), the text."""
    chunks, start = [], 0
    while start + _FRAME_HEADER <= len(data):
        end = start + _FRAME_HEADER + int.from_bytes(data[start + 4 : start + 8], "big")
        chunks.append(data[start + _FRAME_HEADER : end])
        start = end
    return b"".join(chunks).decode(errors="replace").rstrip("\n")
