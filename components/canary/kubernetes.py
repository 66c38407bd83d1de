"""The back end `kubernetes`: the image of a model server, run as a pod of a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfx_parity.canary.backend import RunningCanary, ServerIdentity
from tfx_parity.canary.client import DEFAULT_DEADLINE_S, CanaryClient
from tfx_parity.canary.kubernetes_api import Cluster
from tfx_parity.canary.model_server import (
    GRPC_PORT,
    LOG_LINES,
    NOT_EXERCISED,
    REST_PORT,
    require_tag,
    version_of,
)
from tfx_parity.canary.native import CRASHES, DEFAULT_STARTUP_DEADLINE_S
from tfx_parity.canary.pod import SERVER, VERSION, ModelPlace, PodWishes, pod_manifest
from tfx_parity.canary.port_forward import PortForward
from tfx_parity.canary.readiness import StartedServer
from tfx_parity.canary.supervision import describe_exit
from tfx_parity.canary.versions import find_version
from tfx_parity.errors import BadInputError, ServerUnavailableError

_POLL_S = 0.5
_SIGNALLED = 128
# A container that waits for one of these waits for ever (kubelet/images and kubelet/container).
_HOPELESS = frozenset(
    {
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
    }
)


@dataclass(frozen=True)
class KubernetesBackend:
    """Starts `tensorflow/serving`, or an image that behaves as it does, as a pod.

    The pod is deleted at the end; where this process is killed, the cluster ends it after its
    active deadline, or with the pod that this process runs in.

    Usage:
        place = ModelPlace.parse("gs://bucket/models/penguins/7", "penguins")
        backend = KubernetesBackend("tensorflow/serving:2.16.1", Cluster.connect(), place)

    Attributes:
        image: The image, with its tag or digest.
        cluster: The cluster and the namespace.
        place: Where the pod finds the model; where None, the claim of this process's own pod that
            holds the model's path.
        model_name: The model's name in requests.
        wishes: What the user wants otherwise of the pod.
        request_deadline_s: How long one request of the canary's client may take.
    """

    image: str
    cluster: Cluster
    place: ModelPlace | None = None
    model_name: str = "canary"
    wishes: PodWishes = field(default_factory=PodWishes)
    request_deadline_s: float = DEFAULT_DEADLINE_S

    def __post_init__(self) -> None:
        require_tag(self.image)

    @contextmanager
    def start(
        self, model_path: Path, *, startup_deadline_s: float = DEFAULT_STARTUP_DEADLINE_S
    ) -> Iterator[RunningCanary]:
        """Start a server with a model; see `CanaryBackend.start`.

        Args:
            model_path: The same model as the pod's, here.
            startup_deadline_s: How long it may take until it answers, scheduling and the pull of
                the image included.
        """
        path = find_version(Path(model_path), self.model_name).path
        deadline = time.monotonic() + startup_deadline_s
        own_pod = self.cluster.own_pod()
        place = self.place or self._own_place(own_pod, path)
        manifest = pod_manifest(self.image, self.model_name, place, self.wishes, own_pod)
        with ExitStack() as stack:
            pod = _Pod(self.cluster, self.cluster.create_pod(manifest), self.image)
            stack.callback(self.cluster.delete_pod, pod.name)
            server = self._started(stack, pod, pod.await_running(deadline))
            served = server.await_model(deadline - time.monotonic())
            _require_version(served, place)
            client = stack.enter_context(self._client(server))
            yield RunningCanary(
                identity=pod.identity(),
                client=client,
                grpc_address=server.grpc_address,
                rest_address=server.rest_address,
                model_name=self.model_name,
                version=served,
                log_tail=pod.log_tail,
            )

    def _own_place(self, own_pod: Mapping[str, Any] | None, path: Path) -> ModelPlace:
        if own_pod is None:
            raise BadInputError(
                f"Expected where a pod finds the model at {path}: a PersistentVolumeClaim or a "
                "remote URI, as this process runs in no pod of the cluster; found neither."
            )
        return ModelPlace.in_own_claim(own_pod, path, self.model_name)

    def _started(self, stack: ExitStack, pod: _Pod, ip: str) -> StartedServer:
        if self.cluster.is_inside:
            addresses = [f"{ip}:{GRPC_PORT}", f"{ip}:{REST_PORT}"]
        else:
            addresses = [
                stack.enter_context(PortForward(self.cluster, pod.name, port)).address
                for port in (GRPC_PORT, REST_PORT)
            ]
        return StartedServer(
            name=f"the pod of {self.image}",
            grpc_address=addresses[0],
            rest_address=addresses[1],
            model_name=self.model_name,
            obituary=pod.obituary,
            log_tail=pod.log_tail,
            crashed=pod.has_crashed,
        )

    def _client(self, server: StartedServer) -> CanaryClient:
        return CanaryClient(
            grpc_address=server.grpc_address,
            rest_address=server.rest_address,
            model_name=self.model_name,
            deadline_s=self.request_deadline_s,
            obituary=server.obituary,
        )


def _require_version(served: int, place: ModelPlace) -> None:
    if served != place.version:
        raise BadInputError(
            f"Expected the server to take version {place.version} below {place.base_path}, found "
            f"that it took {served}: it takes the latest. Put the model into a folder of its own."
        )


@dataclass(frozen=True)
class _Pod:
    """A pod of ours."""

    cluster: Cluster
    name: str
    image: str

    def await_running(self, deadline: float) -> str:
        """Wait until the server's container runs or has ended, and return the pod's address."""
        while True:
            status = self._status()
            state = _container(status, SERVER).get("state", {})
            if "running" in state or "terminated" in state:
                return str(status.get("podIP", ""))
            waiting = [
                found["state"]["waiting"]
                for found in (_container(status, VERSION), _container(status, SERVER))
                if "waiting" in found.get("state", {})
            ]
            hopeless = [found for found in waiting if found.get("reason") in _HOPELESS]
            if hopeless or status.get("phase") == "Failed" or time.monotonic() > deadline:
                raise self._stuck(status, hopeless or waiting)
            time.sleep(_POLL_S)

    def _stuck(
        self, status: Mapping[str, Any], waiting: list[Mapping[str, str]]
    ) -> ServerUnavailableError:
        told = [f"{found.get('reason')}: {found.get('message', '')}" for found in waiting]
        told += [c["message"] for c in status.get("conditions", []) if c.get("message")]
        return ServerUnavailableError(
            f"Expected pod {self.name} of {self.image} to run in namespace "
            f"{self.cluster.namespace}, found it {status.get('phase')}: {'; '.join(told) or '-'}. "
            "Is the image there, and room for the pod?"
        )

    def identity(self) -> ServerIdentity:
        told = self.cluster.log(self.name, VERSION, LOG_LINES)
        image_id = str(_container(self._status(), SERVER).get("imageID", ""))
        digest = image_id.rpartition("@")[2] or "unknown"
        return ServerIdentity("kubernetes", version_of(told), digest, NOT_EXERCISED)

    def obituary(self, wait_s: float) -> str | None:
        """Say how the server's container ended, None if it runs after `wait_s`."""
        deadline = time.monotonic() + wait_s
        while (ended := self._ended()) is None:
            if time.monotonic() >= deadline:
                return None
            time.sleep(_POLL_S)
        code = int(ended["exitCode"])
        how = describe_exit(code if code <= _SIGNALLED else _SIGNALLED - code)
        memory = ", out of memory" if ended.get("reason") == "OOMKilled" else ""
        tail = self.log_tail()
        lines = f" Its last lines:\n{tail}" if tail else ""
        return f"The container {SERVER} of pod {self.name} ({self.image}) {how}{memory}.{lines}"

    def has_crashed(self) -> bool:
        ended = self._ended()
        return ended is not None and int(ended["exitCode"]) - _SIGNALLED in CRASHES

    def log_tail(self, lines: int = LOG_LINES) -> str:
        return self.cluster.log(self.name, SERVER, lines)

    def _ended(self) -> Mapping[str, Any] | None:
        status = self._status()
        if status.get("reason"):  # Evicted, DeadlineExceeded, NodeLost: the cluster's doing.
            raise ServerUnavailableError(
                f"Expected pod {self.name} to run, found that the cluster ended it: "
                f"{status['reason']}: {status.get('message', '')}"
            )
        ended: Mapping[str, Any] | None = (
            _container(status, SERVER).get("state", {}).get("terminated")
        )
        return ended

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.cluster.pod(self.name).get("status", {})
        return status


def _container(status: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the status of one container of a pod, empty where there is none yet."""
    found = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    return next((container for container in found if container["name"] == name), {})
