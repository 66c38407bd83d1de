"""The REST front: an HTTP server on the loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import importlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tfx_parity.errors import BadInputError, ServerUnavailableError

if TYPE_CHECKING:
    from tfx_parity.canary.http_server import BoundedServer
    from tfx_parity.canary.monitoring import RequestMetrics
    from tfx_parity.canary.served_models import ServedModels

LOCALHOST = "127.0.0.1"
_APPLICATION_MODULE = "tfx_parity.canary.rest_application"
_BACKLOG = 1024
_FIRST_REQUEST_S = 60.0
_KEEP_ALIVE_S = 75.0
_STOP_S = 5.0
_SHUTDOWN_S = 1.0


class RestFront:
    """An HTTP server on the loopback: its port is bound at once, it answers after `serve`."""

    def __init__(
        self, port: int, num_threads: int, timeout_ms: int, metrics_path: str | None = None
    ) -> None:
        """Bind the port, and begin to import the HTTP server.

        The import takes a quarter of a second (it reads the system's certificates), which passes
        while the model is loaded.

        Args:
            port: The port; 0 lets the system choose.
            num_threads: How many requests are worked on at once.
            timeout_ms: Of the session's run for a request.
            metrics_path: Where the metrics are shown; None for nowhere.

        Raises:
            BadInputError: If the port cannot be had.
            ServerUnavailableError: If the system has none to choose.
        """
        self._socket = _bound_socket(port)
        self.port: int = self._socket.getsockname()[1]
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="rest")
        self._timeout_ms = timeout_ms
        self._metrics_path = metrics_path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rest", daemon=True)
        threading.Thread(
            target=importlib.import_module, args=(_APPLICATION_MODULE,), name="import", daemon=True
        ).start()

    def serve(self, served: ServedModels, metrics: RequestMetrics) -> None:
        """Answer requests from now on, in threads."""
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(self._start(served, metrics), self._loop)
        self._server = starting.result()

    def stop(self) -> None:
        """Stop answering."""
        stopping = asyncio.run_coroutine_threadsafe(self._stop(), self._loop)
        stopping.result(_STOP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _start(self, served: ServedModels, metrics: RequestMetrics) -> BoundedServer:
        # Imported long ago, by the constructor's thread.
        from tfx_parity.canary.http_server import BoundedServer, most_connections  # noqa: PLC0415
        from tfx_parity.canary.rest_application import RestApplication  # noqa: PLC0415

        application = RestApplication(
            served, metrics, self._pool, self._timeout_ms, metrics_path=self._metrics_path
        )
        server = BoundedServer(
            application.handle,
            patience_s=_FIRST_REQUEST_S,
            most=most_connections(),
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE_S,
        )
        self._listener = await self._loop.create_server(server, sock=self._socket, backlog=_BACKLOG)
        return server

    async def _stop(self) -> None:
        self._listener.close()
        await self._server.shutdown(_SHUTDOWN_S)


def _bound_socket(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Lets a port be used again whose last connections are still timing out, nothing more.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((LOCALHOST, port))
    except OSError as error:
        bound.close()
        if not port:
            raise ServerUnavailableError(
                f"Expected a free port of {LOCALHOST} for the REST API, found: {error.strerror}."
            ) from error
        raise BadInputError(
            f"Expected port {port} of {LOCALHOST} to be free for the REST API, found: "
            f"{error.strerror}. Give another --rest_api_port."
        ) from error
    return bound
