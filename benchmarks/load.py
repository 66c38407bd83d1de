"""A closed loop of requests, in a process of its own: so many clients, each waiting for its answer.

    python load.py grpc ADDRESS METHOD BODY_FILE --clients 4 --seconds 5
    python load.py rest ADDRESS PATH BODY_FILE --clients 4 --seconds 5

Bodies are sent as they lie in the file, answers are not looked into beyond their status: what is
measured is the server. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

WARMUP_S = 1.0
_CHUNK = 1 << 18
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 4, 6, 7, 8
_ACK = _END_STREAM = 1
_END_HEADERS = 4
_INITIAL_WINDOW = 4
_LARGEST = (1 << 31) - 1
_FRAME = 16_384
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@contextmanager
def _grpc_client(address: str, method: str, body: bytes) -> Iterator[Callable[[], object]]:
    """Speak HTTP/2 (RFC 9113), one call at a time: grpcio takes as long as a server does."""
    host, _, port = address.rpartition(":")
    head = _literal(b":method", b"POST") + _literal(b":scheme", b"http")
    head += _literal(b":path", method.encode()) + _literal(b":authority", address.encode())
    head += _literal(b"te", b"trailers") + _literal(b"content-type", b"application/grpc")
    data = b"\0" + struct.pack(">I", len(body)) + body
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A window for all that comes: none has to be opened later.
        settings = struct.pack(">HI", _INITIAL_WINDOW, _LARGEST)
        window = struct.pack(">I", _LARGEST - 65_535)
        connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, settings))
        connection.sendall(_frame(_WINDOW_UPDATE, 0, 0, window))
        frames = _frames(connection)
        streams = itertools.count(1, 2)

        def ask() -> None:
            stream = next(streams)
            pieces = [data[at : at + _FRAME] for at in range(0, len(data), _FRAME)]
            sent = _frame(_HEADERS, _END_HEADERS, stream, head)
            for piece in pieces[:-1]:
                sent += _frame(_DATA, 0, stream, piece)
            connection.sendall(sent + _frame(_DATA, _END_STREAM, stream, pieces[-1]))
            answered = 0
            for kind, flags, number, length in frames:
                if number == stream:
                    answered += length if kind == _DATA else 0
                    if flags & _END_STREAM and kind in (_DATA, _HEADERS):
                        break
            if not answered:  # a refusal has no message
                raise SystemExit("the server refused a request")

        yield ask


def _literal(name: bytes, value: bytes) -> bytes:
    """Return a header that no table keeps (RFC 7541, 6.2.3); neither is longer than 126 bytes."""
    return b"\x10" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _frames(connection: socket.socket) -> Iterator[tuple[int, int, int, int]]:
    """Yield kind, flags, stream and length of what comes; answer what wants an answer."""
    file = connection.makefile("rb", _CHUNK)
    while head := file.read(9):
        length = int.from_bytes(head[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = file.read(length)
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            answer = b"" if kind == _SETTINGS else payload
            connection.sendall(_frame(kind, _ACK, 0, answer))
        if kind == _GOAWAY:
            raise SystemExit(f"the server ended the connection: {payload!r}")
        yield kind, flags, stream, length


@contextmanager
def _rest_client(address: str, path: str, body: bytes) -> Iterator[Callable[[], object]]:
    """Speak HTTP on a kept connection: http.client takes longer than some servers do."""
    host, _, port = address.rpartition(":")
    head = f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask() -> None:
            connection.sendall(request)
            answer = connection.recv(_CHUNK)
            while b"\r\n\r\n" not in answer:
                answer += connection.recv(_CHUNK)
            told, _, begun = answer.partition(b"\r\n\r\n")
            length = _LENGTH.search(told)
            if not told.startswith(b"HTTP/1.1 200 ") or length is None:
                raise SystemExit(f"{answer[:500]!r}")
            left = int(length[1]) - len(begun)
            while left > 0:
                left -= len(connection.recv(_CHUNK))

        yield ask


_CLIENTS = {"grpc": _grpc_client, "rest": _rest_client}


def _loop(flags: argparse.Namespace, body: bytes, begin: float, times: list[float]) -> None:
    with _CLIENTS[flags.kind](flags.address, flags.target, body) as ask:
        while time.perf_counter() < begin:
            ask()
        while time.perf_counter() < begin + flags.seconds:
            started = time.perf_counter()
            ask()
            times.append(time.perf_counter() - started)


def main() -> None:
    """Ask, and print requests a second and the median and 99th percentile in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=sorted(_CLIENTS))
    parser.add_argument("address")
    parser.add_argument("target")
    parser.add_argument("body", type=Path)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0)
    flags = parser.parse_args()
    body = flags.body.read_bytes()
    begin = time.perf_counter() + WARMUP_S
    times: list[list[float]] = [[] for _ in range(flags.clients)]
    threads = [threading.Thread(target=_loop, args=(flags, body, begin, own)) for own in times]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = sorted(one for own in times for one in own)
    if not every or not all(times):
        raise SystemExit("a client was answered nothing")
    figures = {
        "per_second": len(every) / flags.seconds,
        "p50_ms": every[len(every) // 2] * 1e3,
        "p99_ms": every[int(len(every) * 0.99)] * 1e3,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
