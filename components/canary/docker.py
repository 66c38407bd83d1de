"""The back end `docker`: the image of a model server, run by a Docker engine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tfx_parity.canary.backend import RunningCanary, ServerIdentity
from tfx_parity.canary.client import DEFAULT_DEADLINE_S, CanaryClient
from tfx_parity.canary.docker_api import NOT_FOUND, DockerEngine, DockerError
from tfx_parity.canary.model_server import (
    ENVIRONMENT,
    FLAGS,
    GRPC_PORT,
    LOG_LINES,
    MODELS_FOLDER,
    NOT_EXERCISED,
    REST_PORT,
    VERSION_COMMAND,
    require_tag,
    version_of,
)
from tfx_parity.canary.native import CRASHES, DEFAULT_STARTUP_DEADLINE_S
from tfx_parity.canary.readiness import StartedServer
from tfx_parity.canary.supervision import SupervisedProcess, describe_exit
from tfx_parity.canary.versions import find_version
from tfx_parity.errors import ServerUnavailableError

_LOCALHOST = "127.0.0.1"
_ANYWHERE = "0.0.0.0"  # noqa: S104 - where the user says that the engine is on another host
_POLL_S = 0.1
_SIGNALLED = 128
_REAPER = "tfx_parity.canary.docker_reaper"


@dataclass(frozen=True)
class DockerBackend:
    """Starts `tensorflow/serving`, or an image that behaves as it does.

    Usage:
        with DockerBackend("tensorflow/serving:2.16.1").start(Path("/models/penguins")) as canary:
            canary.client.predict("serving_default", {"examples": examples})

    Attributes:
        image: The image, with its tag or digest.
        model_name: The model's name in requests.
        engine: The engine that runs it.
        host: Where the engine publishes ports. With another than this machine's loopback they are
            published on every interface of the engine's host.
        request_deadline_s: How long one request of the canary's client may take.
    """

    image: str
    model_name: str = "canary"
    engine: DockerEngine = field(default_factory=DockerEngine)
    host: str = _LOCALHOST
    request_deadline_s: float = DEFAULT_DEADLINE_S

    def __post_init__(self) -> None:
        require_tag(self.image)

    @contextmanager
    def start(
        self, model_path: Path, *, startup_deadline_s: float = DEFAULT_STARTUP_DEADLINE_S
    ) -> Iterator[RunningCanary]:
        """Start a server with a model; see `CanaryBackend.start`."""
        version = find_version(Path(model_path), self.model_name)
        self.engine.require()
        with ExitStack() as stack:
            container = stack.enter_context(self._container(version.path.resolve()))
            server = self._started(container, startup_deadline_s)
            served = server.await_model(startup_deadline_s)
            client = CanaryClient(
                grpc_address=server.grpc_address,
                rest_address=server.rest_address,
                model_name=self.model_name,
                deadline_s=self.request_deadline_s,
                obituary=server.obituary,
            )
            stack.enter_context(client)
            yield RunningCanary(
                identity=container.identity(),
                client=client,
                grpc_address=server.grpc_address,
                rest_address=server.rest_address,
                model_name=self.model_name,
                version=served,
                log_tail=container.log_tail,
            )

    @contextmanager
    def _container(self, model: Path) -> Iterator[_Container]:
        name = f"tfx-parity-{secrets.token_hex(8)}"
        container = _Container(self.engine, name, self.image)
        reaper = [f"--engine={self.engine.url}", f"--container={name}"]
        # Removes the container where this process is killed.
        with SupervisedProcess(_REAPER, reaper):
            try:
                with _errors_of(self.engine, self.image):
                    if self.engine.image_digest(self.image) is None:
                        self.engine.pull(self.image)
                    self.engine.create(name, self._config(model))
                    self.engine.start(name)
                yield container
            finally:
                container.remove()

    def _config(self, model: Path) -> dict[str, object]:
        on_host = _LOCALHOST if self.host in (_LOCALHOST, "localhost") else _ANYWHERE
        ports = (f"{GRPC_PORT}/tcp", f"{REST_PORT}/tcp")
        mount = {
            "Type": "bind",
            "Source": str(model),
            "Target": f"{MODELS_FOLDER}/{self.model_name}/1",
            "ReadOnly": True,
        }
        environment = ENVIRONMENT | {"MODEL_NAME": self.model_name}
        return {
            "Image": self.image,
            "Cmd": list(FLAGS),
            "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
            "Labels": {"tfx-parity": "canary"},
            "ExposedPorts": {port: {} for port in ports},
            "HostConfig": {
                # An ended container is kept until its log is read: no AutoRemove.
                "Mounts": [mount],
                "PortBindings": {port: [{"HostIp": on_host, "HostPort": ""}] for port in ports},
            },
        }

    def _started(self, container: _Container, startup_deadline_s: float) -> StartedServer:
        ports = container.await_ports(startup_deadline_s)
        return StartedServer(
            name=f"the container of {self.image}",
            grpc_address=f"{self.host}:{ports.get(GRPC_PORT, 0)}",
            rest_address=f"{self.host}:{ports.get(REST_PORT, 0)}",
            model_name=self.model_name,
            obituary=container.obituary,
            log_tail=container.log_tail,
            crashed=container.has_crashed,
        )


@dataclass(frozen=True)
class _Container:
    """A container of ours."""

    engine: DockerEngine
    name: str
    image: str

    def await_ports(self, deadline_s: float) -> Mapping[int, int]:
        """Return the ports on the host; none of a container that has ended."""
        deadline = time.monotonic() + deadline_s
        with _errors_of(self.engine, self.image):
            while True:
                state = self.engine.state(self.name)
                if state.ports or not state.is_running or time.monotonic() > deadline:
                    return state.ports
                time.sleep(_POLL_S)

    def identity(self) -> ServerIdentity:
        with _errors_of(self.engine, self.image):
            told = self.engine.run_inside(self.name, VERSION_COMMAND)
            digest = self.engine.image_digest(self.image) or "unknown"
        return ServerIdentity("docker", version_of(told), digest, NOT_EXERCISED)

    def obituary(self, wait_s: float) -> str | None:
        """Say how the container ended, None if it runs after `wait_s`."""
        deadline = time.monotonic() + wait_s
        while True:
            with _errors_of(self.engine, self.image):
                state = self.engine.state(self.name)
            if not state.is_running:
                break
            if time.monotonic() >= deadline:
                return None
            time.sleep(_POLL_S)
        code = state.exit_code
        how = describe_exit(code if code <= _SIGNALLED else _SIGNALLED - code)
        memory = ", out of memory" if state.is_out_of_memory else ""
        tail = self.log_tail()
        return f"The container of {self.image} {how}{memory}." + (
            f" Its last lines:\n{tail}" if tail else ""
        )

    def has_crashed(self) -> bool:
        with _errors_of(self.engine, self.image):
            return self.engine.state(self.name).exit_code - _SIGNALLED in CRASHES

    def log_tail(self, lines: int = LOG_LINES) -> str:
        with _errors_of(self.engine, self.image):
            return self.engine.log(self.name, lines)

    def remove(self) -> None:
        """Remove the container; what keeps it from being removed is an error of its own."""
        with _errors_of(self.engine, self.image):
            self.engine.remove(self.name)


@contextmanager
def _errors_of(engine: DockerEngine, image: str) -> Iterator[None]:
    """Tell what the engine refused: never the model's fault."""
    try:
        yield
    except DockerError as error:
        hint = ""
        if error.status == NOT_FOUND:
            hint = f" Is the image there, and the container not removed? docker pull {image}"
        raise ServerUnavailableError(
            f"Expected the Docker engine at {engine.url} to run {image}, found {error}.{hint}"
        ) from error
