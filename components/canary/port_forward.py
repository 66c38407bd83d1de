"""A local port that leads to a port of a pod, over the cluster's API."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Any

from tfx_parity.canary.kubernetes_api import Cluster

_CHUNK_BYTES = 1 << 16


class PortForward:
    """Listens on the loopback; each connection gets a stream of its own to the pod.

    A stream that the cluster refuses closes its connection: what asks over it sees a server that
    does not answer.
    """

    def __init__(self, cluster: Cluster, pod: str, port: int) -> None:
        """Start to listen.

        Args:
            cluster: The cluster.
            pod: The pod's name.
            port: The pod's port.
        """
        self._cluster = cluster
        self._pod = pod
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._listen, name="port forward", daemon=True).start()

    @property
    def address(self) -> str:
        """HOST:PORT on this machine."""
        host, port = self._listener.getsockname()[:2]
        return f"{host}:{port}"

    def __enter__(self) -> PortForward:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Wakes the thread that waits in accept, which close alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # the listener was closed
            threading.Thread(target=self._relay, args=(connection,), daemon=True).start()

    def _relay(self, connection: socket.socket) -> None:
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
        from kubernetes.stream import portforward  # noqa: PLC0415 - this back end alone needs it

        with connection:
            api = self._cluster.make_client()  # a stream takes its client over
            try:
                stream = portforward(
                    api.connect_get_namespaced_pod_portforward,
                    self._pod,
                    self._cluster.namespace,
                    ports=str(self._port),
                )
            except (ApiException, OSError):
                return
            far = stream.socket(self._port)
            back = threading.Thread(target=_copy, args=(far, connection), daemon=True)
            back.start()
            _copy(connection, far)
            stream.close()
            back.join()


def _copy(source: Any, target: Any) -> None:
    """Copy bytes until either side is closed."""
    try:
        while data := source.recv(_CHUNK_BYTES):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue  # it is closed
