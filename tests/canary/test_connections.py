"""A connection on which no request comes is closed; one that asks is not."""

from __future__ import annotations

import asyncio
import resource

import pytest
from aiohttp import web

from tfx_parity.canary.connections import ConnectionWatch, allow_many_files

pytestmark = pytest.mark.system

PATIENCE_S = 0.3


async def _answers(port: int, first: bytes, wait_s: float, second: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)
    await asyncio.sleep(wait_s)
    try:
        writer.write(second)
        await writer.drain()
        return await asyncio.wait_for(reader.read(1 << 16), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def _talk() -> tuple[bytes, bytes]:
    loop = asyncio.get_running_loop()

    async def handle(request: web.Request) -> web.Response:
        watch.heard(request.protocol)
        return web.Response(text="heard")

    application = web.Application()
    application.router.add_get("/", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    watch = ConnectionWatch(loop, PATIENCE_S)
    connect = runner.server
    assert connect is not None
    server = await loop.create_server(lambda: watch.watched(connect()), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    head, end = b"GET / HTTP/1.1\r\nHost: a\r\n", b"\r\n"
    try:
        return await asyncio.gather(
            _answers(port, head, 3 * PATIENCE_S, end),
            _answers(port, head + end, 3 * PATIENCE_S, head + end),
        )
    finally:
        server.close()
        await runner.cleanup()


def test_who_never_asks_is_closed_and_who_asked_stays() -> None:
    """Half a head is closed in time; a kept connection is answered later, too."""
    silent, asking = asyncio.run(_talk())

    assert silent == b""
    assert asking.count(b"heard") >= 1


def test_the_limit_of_open_files_is_the_systems() -> None:
    """The soft limit is raised to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        allow_many_files()

        assert (hard, hard) == resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
