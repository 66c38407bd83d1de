"""Connections that say nothing: what keeps them from using up the server."""

from __future__ import annotations

import asyncio
import resource
from typing import Protocol, TypeVar


class Connection(Protocol):
    """An HTTP connection, as aiohttp's server makes one for each."""

    def force_close(self) -> None:
        """Close it at once."""


_Connection = TypeVar("_Connection", bound=Connection)


class ConnectionWatch:
    """Closes the connections on which no request comes in time.

    aiohttp waits for ever for the first request of a connection; whoever opens connections and
    sends a byte now and then would keep their files open for good.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, patience_s: float) -> None:
        """Watch nothing yet.

        Args:
            loop: The server's event loop.
            patience_s: How long the head of a first request may take.
        """
        self._loop = loop
        self._patience_s = patience_s
        self._silent: dict[Connection, asyncio.TimerHandle] = {}

    def watched(self, connection: _Connection) -> _Connection:
        """Return a new connection, which has to ask in time."""
        self._silent[connection] = self._loop.call_later(self._patience_s, self._close, connection)
        return connection

    def heard(self, connection: Connection) -> None:
        """Note that a request came on a connection."""
        timer = self._silent.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def _close(self, connection: Connection) -> None:
        del self._silent[connection]
        connection.force_close()


def allow_many_files() -> None:
    """Let this process open as many files, and so connections, as the system ever lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
