"""An HTTP server that clients who mean harm cannot use up: its connections are bounded."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

_MOST_CONNECTIONS = 8_192
# For the model's own files, gRPC's connections and the sessions' threads.
_OTHER_FILES = 512
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Refusal(asyncio.Protocol):
    """Talks on a connection for which there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(_FULL)
        transport.close()


class BoundedServer(web.Server):
    """Closes the connections on which no request comes in time, and holds no more than a limit.

    aiohttp waits long for the first request of a connection, and longer where it comes byte by
    byte; whoever opens connections without end would use up this process's files. Where the limit
    is reached, the oldest connection that has not asked yet makes room for a new one; where all
    have asked, the new one is refused with 503.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        patience_s: float,
        most: int,
        **kwargs: Any,
    ) -> None:
        """Prepare to serve; made in the event loop's thread.

        Args:
            handler: Answers a request.
            patience_s: How long the head of a first request may take.
            most: How many connections are held.
            kwargs: What aiohttp's server takes.
        """
        super().__init__(self._heard, **kwargs)
        self._handler = handler
        self._patience_s = patience_s
        self._most = most
        self._open: set[web.RequestHandler] = set()
        # Oldest first: dictionaries keep their order.
        self._silent: dict[web.RequestHandler, asyncio.TimerHandle] = {}

    async def _heard(self, request: web.BaseRequest) -> web.StreamResponse:
        timer = self._silent.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        return await self._handler(request)

    def protocol(self) -> asyncio.Protocol:
        """Return what talks on a new connection: event loops take this to make one."""
        if len(self._open) >= self._most and not self._made_room():
            return _Refusal()
        handler = self()
        self._open.add(handler)
        loop = asyncio.get_running_loop()
        self._silent[handler] = loop.call_later(self._patience_s, self._close, handler)
        return handler

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Forget a connection."""
        self._forget(handler)
        super().connection_lost(handler, exc)

    def _made_room(self) -> bool:
        oldest = next(iter(self._silent), None)
        if oldest is not None:
            self._close(oldest)
        return oldest is not None

    def _close(self, handler: web.RequestHandler) -> None:
        self._forget(handler)
        handler.force_close()

    def _forget(self, handler: web.RequestHandler) -> None:
        self._open.discard(handler)
        timer = self._silent.pop(handler, None)
        if timer is not None:
            timer.cancel()


def most_connections() -> int:
    """Return how many connections this process can hold; raises its limit of files as it can."""
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    if most_files == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return min(_MOST_CONNECTIONS, max(1, most_files - _OTHER_FILES))
