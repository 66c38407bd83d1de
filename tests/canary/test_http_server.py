"""Connections are bounded: who never asks is closed, who asks stays, and too many are refused."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from aiohttp import web

from tfx_parity.canary.http_server import BoundedServer, most_connections
from tfx_parity.canary.rest_application import tell_to_continue

pytestmark = pytest.mark.system
HEAD, END = b"GET / HTTP/1.1\r\nHost: a\r\n", b"\r\n"
_Talk = Callable[[int], Awaitable[list[bytes]]]
_Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def _heard(_: web.BaseRequest) -> web.Response:
    return web.Response(text="heard")


def _talk(
    talk: _Talk, *, most: int = 100, patience_s: float = 60, answer: _Answer = _heard
) -> list[bytes]:
    """Serve while something talks to the port."""

    async def serve() -> list[bytes]:
        bounded = BoundedServer(answer, patience_s=patience_s, most=most)
        listener = await asyncio.get_running_loop().create_server(bounded.protocol, "127.0.0.1", 0)
        try:
            return await asyncio.wait_for(talk(listener.sockets[0].getsockname()[1]), 20)
        finally:
            listener.close()
            await bounded.shutdown(1)

    return asyncio.run(serve())


async def _open(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(HEAD + END)
    return await reader.readuntil(b"heard")


def test_who_never_asks_is_closed_and_who_asked_stays() -> None:
    """Half a head is closed in time; a connection that asked is answered later, too."""

    async def talk(port: int) -> list[bytes]:
        silent, asking = await _open(port), await _open(port)
        silent[1].write(HEAD)
        first = await _ask(*asking)
        told = await silent[0].read()  # until the server closes it
        return [told, first, await _ask(*asking)]

    silent, first, second = _talk(talk, patience_s=0.1)
    assert b"" == silent
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 200 ")


def test_the_oldest_that_never_asked_makes_room() -> None:
    """At the limit a new connection is answered, and of the silent ones the first is closed."""

    async def talk(port: int) -> list[bytes]:
        asked = await _open(port)
        first = await _ask(*asked)
        oldest, younger = await _open(port), await _open(port)
        answer = await _ask(*await _open(port))
        told = await oldest[0].read()
        return [first, told, answer, await _ask(*younger), await _ask(*asked)]

    first, told, *answers = _talk(talk, most=3)
    assert b"" == told
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in (first, *answers))


def test_where_all_have_asked_a_new_one_is_refused() -> None:
    """It gets 503; once another one is gone there is room."""

    async def talk(port: int) -> list[bytes]:
        kept = [await _open(port) for _ in range(2)]
        for connection in kept:
            await _ask(*connection)
        too_many = await _open(port)
        refused = await too_many[0].read()
        kept[0][1].close()
        await kept[0][1].wait_closed()
        answer = b""
        while b"heard" not in answer:  # until the server has seen that it is gone
            reader, writer = await _open(port)
            writer.write(HEAD + b"Connection: close\r\n" + END)
            answer = await reader.read()
        return [refused, answer]

    refused, answer = _talk(talk, most=2)
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert answer.startswith(b"HTTP/1.1 200 ")


@contextmanager
def _soft_limit(soft: int) -> Iterator[int]:
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard), hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


def test_the_limit_of_open_files_is_the_systems() -> None:
    """The soft limit is raised to the hard one, and some files are left for others."""
    with _soft_limit(512) as hard:
        most = most_connections()

        assert (hard, hard) == resource.getrlimit(resource.RLIMIT_NOFILE)
        assert 1 <= most <= 8_192
        if hard != resource.RLIM_INFINITY:
            assert most < hard


@pytest.mark.parametrize(
    ("expect", "told"),
    [(b"Expect: 100-continue\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"), (b"", b"")],
    ids=["asks for leave", "asks for none"],
)
def test_a_client_that_waits_for_leave_gets_it(expect: bytes, told: bytes) -> None:
    """Curl does, for bodies of more than a megabyte."""

    async def answer(request: web.BaseRequest) -> web.Response:
        await tell_to_continue(request)
        return web.Response(body=await request.read())

    async def talk(port: int) -> list[bytes]:
        reader, writer = await _open(port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n" + expect + END)
        leave = await reader.readexactly(len(told))
        writer.write(b"hi")
        return [leave, await reader.readuntil(b"hi")]

    leave, answered = _talk(talk, answer=answer)
    assert told == leave
    assert answered.startswith(b"HTTP/1.1 200 OK\r\n")
