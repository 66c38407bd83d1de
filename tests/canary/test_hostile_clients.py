"""Clients that mean harm are refused or survived, in bounded memory and time."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tfx_line import LINE

from tfx_parity.canary.backend import RunningCanary
from tfx_parity.canary.native import NativeBackend

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

GIGABYTE = 1 << 30
MEGABYTE = 1 << 20
HEAD = b"POST /v1/models/canary:predict HTTP/1.1\r\nHost: a\r\n"
PREDICT = "/v1/models/canary:predict"


@pytest.fixture(scope="module")
def canary(models: Path) -> Iterator[RunningCanary]:
    """A canary of its own: what is done to it must not spoil others' memory."""
    with NativeBackend().start(models / "dtypes") as running:
        yield running


def _port(canary: RunningCanary) -> int:
    assert canary.rest_address is not None
    return int(canary.rest_address.rpartition(":")[2])


def _most_memory(canary: RunningCanary) -> int:
    """Return the most bytes that the server's process ever held, found by its port's inode."""
    pids = Path("/proc/self/task").glob("*/children")
    children = {pid for file in pids for pid in file.read_text().split()}
    held = [
        int(found[1]) * 1024
        for pid in children
        if (found := re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()))
    ]
    return max(held)


def _answer(canary: RunningCanary, body: bytes, timeout_s: float = 60) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", _port(canary), timeout=timeout_s)
    with contextlib.closing(connection):
        connection.request("POST", PREDICT, body)
        response = connection.getresponse()
        return response.status, response.read()


def _still_answers(canary: RunningCanary) -> None:
    body = b'{"signature_name": "t_float32", "instances": [1.5]}'
    assert (200, {"predictions": [1.5]}) == (
        (found := _answer(canary, body))[0],
        json.loads(found[1]),
    )


def test_a_gigabyte_that_is_announced_is_refused_unread(canary: RunningCanary) -> None:
    """The head says enough."""
    with socket.create_connection(("127.0.0.1", _port(canary)), timeout=20) as connection:
        connection.sendall(HEAD + f"Content-Length: {GIGABYTE}\r\n\r\n".encode())
        told = connection.recv(1 << 16)

    assert told.startswith(b"HTTP/1.1 429 ")
    _still_answers(canary)


def test_a_gigabyte_in_chunks_is_refused_within_bounded_memory(canary: RunningCanary) -> None:
    """Whoever does not announce a size is refused at the limit, and may not send for ever."""
    before = _most_memory(canary)
    chunk = b"1" * MEGABYTE
    framed = f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"
    sent = 0
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", _port(canary)), timeout=20) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while sent < 2 * GIGABYTE:
                connection.sendall(framed)
                sent += len(chunk)
        with contextlib.suppress(ConnectionError):
            connection.recv(1 << 16)

    assert time.monotonic() - started < 60
    assert _most_memory(canary) - before < 700 * MEGABYTE
    _still_answers(canary)


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": ' + b"[" * 100_000 + b"1" + b"]" * 100_000 + b"}",
        b'{"instances": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b"[" * 100_000,
        b'{"signature_name": "t_int64", "inputs": ' + b"[" * 100_000 + b"1" + b"]" * 100_000 + b"}",
    ],
    ids=["lists", "objects", "open", "columns"],
)
def test_deep_nesting_is_refused(canary: RunningCanary, body: bytes) -> None:
    """A hundred thousand levels end TF Serving 2.16, whose parser recurses; here they are told.

    The parser of later ones does not, and refuses what the levels hold.
    """
    status, answer = _answer(canary, body)

    assert {"1.16": (429, True), "1.21": (400, False)}[LINE] == (status, b"levels" in answer)
    _still_answers(canary)


def test_text_that_is_no_utf8_is_echoed_as_it_is(canary: RunningCanary) -> None:
    """TF Serving does not look at it: the bytes come back, from an identity and in an error."""
    echo = _answer(canary, b'{"signature_name": "t_string", "instances": ["\xff\xc0"]}')
    refusal = _answer(canary, b'{"signature_name": "\xff", "instances": [1]}')

    assert (200, True) == (echo[0], b"\xff\xc0" in echo[1])
    assert (400, True) == (refusal[0], b"\xff" in refusal[1])


@contextlib.contextmanager
def _files(most: int) -> Iterator[None]:
    """Let this process open more files than usual."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < most:
        pytest.skip(f"this system lets a process open {hard} files, {most} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ten_thousand_slow_connections_are_survived(canary: RunningCanary) -> None:
    """While each of them sends half a head, others are answered, and little memory is used."""
    before = _most_memory(canary)
    with _files(10_500), ExitStack() as stack:
        for number in range(10_000):
            connection = socket.create_connection(("127.0.0.1", _port(canary)), timeout=20)
            stack.enter_context(connection)
            with contextlib.suppress(ConnectionError):  # the oldest make room for the youngest
                connection.sendall(HEAD if number % 2 else HEAD + b"Content-Length: 99\r\n\r\n{")
        started = time.monotonic()
        _still_answers(canary)
        took_s = time.monotonic() - started

    assert took_s < 10
    assert _most_memory(canary) - before < 700 * MEGABYTE
    _still_answers(canary)


def test_thousands_of_silent_connections_to_grpc_are_survived(canary: RunningCanary) -> None:
    """They say nothing, or no HTTP/2; others are answered over both APIs."""
    port = int(canary.grpc_address.rpartition(":")[2])
    before = _most_memory(canary)
    with _files(3_500), ExitStack() as stack:
        for number in range(3_000):
            connection = socket.create_connection(("127.0.0.1", port), timeout=20)
            stack.enter_context(connection)
            if number % 2:
                connection.sendall(b"PRI * HTTP/2.0\r\n")
        statuses = canary.client.status()
        _still_answers(canary)

    assert ["AVAILABLE"] == [status.state for status in statuses]
    assert _most_memory(canary) - before < 700 * MEGABYTE


@pytest.mark.parametrize(
    "junk",
    [b"\x00" * 5000, b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n", HEAD + b"a: b\r\n" * 5000,
     HEAD + b"Content-Length: -1\r\n\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
     HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk",
     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ids=["zeros", "path", "headers", "length", "chunk", "gzip", "http2"],
)  # fmt: skip
def test_what_is_no_http_is_refused(canary: RunningCanary, junk: bytes) -> None:
    """Each is answered with a refusal or closed at once."""
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection(("127.0.0.1", _port(canary)), timeout=20) as connection,
    ):
        connection.sendall(junk)
        told = connection.recv(1 << 16)
        assert not told or re.match(rb"HTTP/1.[01] (4\d\d|5\d\d) ", told)

    _still_answers(canary)
