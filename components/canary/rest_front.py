"""The REST front: an HTTP server on the loopback over one servable."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from tfx_parity.canary.servable import Servable
from tfx_parity.errors import BadInputError
from tfx_parity.protos import get_model_metadata_pb2, get_model_status_pb2, model_pb2
from tfx_parity.serving_api.metadata import SIGNATURE_DEF_FIELD, format_metadata, format_status
from tfx_parity.serving_api.rest_response import format_error
from tfx_parity.serving_api.rest_urls import RestRoute, parse_url
from tfx_parity.serving_api.status import Code, ServingError, http_status

LOCALHOST = "127.0.0.1"
MAX_BODY_BYTES = 1 << 28
_READ_BODY_S = 60.0
_BACKLOG = 128
_STOP_S = 5.0
_JSON = "application/json"


class RestFront:
    """An HTTP server on the loopback: its port is bound at once, it answers after `serve`."""

    def __init__(self, port: int, num_threads: int, timeout_ms: int) -> None:
        """Bind the port.

        Args:
            port: The port; 0 lets the system choose.
            num_threads: How many requests are worked on at once.
            timeout_ms: Of the session's run for a request.

        Raises:
            BadInputError: If the port cannot be had.
        """
        self._socket = _bound_socket(port)
        self.port: int = self._socket.getsockname()[1]
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="rest")
        self._timeout_ms = timeout_ms
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rest", daemon=True)

    def serve(self, servable: Servable) -> None:
        """Answer requests from now on, in threads."""
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(self._start(servable), self._loop)
        self._runner = started.result()

    def stop(self) -> None:
        """Stop answering."""
        stopping = asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop)
        stopping.result(_STOP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _start(self, servable: Servable) -> web.AppRunner:
        application = web.Application(client_max_size=MAX_BODY_BYTES)

        async def handle(request: web.Request) -> web.Response:
            return await self._handle(servable, request)

        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.SockSite(runner, self._socket, backlog=_BACKLOG).start()
        return runner

    async def _handle(self, servable: Servable, request: web.Request) -> web.Response:
        try:
            path = request.raw_path.partition("?")[0]
            route = parse_url(request.method, path)
            body = await _read_body(request)
            answer = await asyncio.get_running_loop().run_in_executor(
                self._pool, respond, servable, route, body, self._timeout_ms
            )
        except ServingError as error:
            body = format_error(error.message, servable.generation)
            return web.Response(body=body, status=http_status(error.code), content_type=_JSON)
        return web.Response(body=answer, content_type=_JSON)


def _bound_socket(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Lets a port be used again whose last connections are still timing out, nothing more.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((LOCALHOST, port))
    except OSError as error:
        bound.close()
        raise BadInputError(
            f"Expected port {port} of {LOCALHOST} to be free for the REST API, found: "
            f"{error.strerror}. Give another --rest_api_port."
        ) from error
    return bound


async def _read_body(request: web.Request) -> bytes:
    """Return the body, refused if it is too large or comes too slowly."""
    try:
        return await asyncio.wait_for(request.read(), _READ_BODY_S)
    except web.HTTPRequestEntityTooLarge as error:
        raise ServingError(
            Code.RESOURCE_EXHAUSTED, f"The body is over {MAX_BODY_BYTES} bytes."
        ) from error
    except asyncio.TimeoutError as error:
        raise ServingError(
            Code.DEADLINE_EXCEEDED, f"The body did not come within {_READ_BODY_S:g} s."
        ) from error


def respond(servable: Servable, route: RestRoute, body: bytes, timeout_ms: int) -> bytes:
    """Return the body that answers a request.

    Raises:
        ServingError: With TF Serving's code and text.
    """
    spec = model_pb2.ModelSpec(name=route.model_name)
    if route.version is not None:
        spec.version.value = route.version
    if route.label is not None:
        spec.version_label = route.label
    if route.verb == "metadata":
        metadata_request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=spec, metadata_field=[SIGNATURE_DEF_FIELD]
        )
        return format_metadata(servable.metadata(metadata_request))
    if route.verb == "status":
        return format_status(
            servable.status(get_model_status_pb2.GetModelStatusRequest(model_spec=spec))
        )
    servable.check_spec(spec)
    return servable.predict_json(body, timeout_ms)
