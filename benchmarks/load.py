"""A closed loop of requests, in a process of its own: so many clients, each waiting for its answer.

    python load.py grpc ADDRESS METHOD BODY_FILE --clients 4 --seconds 5
    python load.py rest ADDRESS PATH BODY_FILE --clients 4 --seconds 5

Bodies are sent as they lie in the file, answers are not looked into beyond their status: what is
measured is the server. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

WARMUP_S = 1.0
_CHUNK = 1 << 18
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@contextmanager
def _grpc_client(address: str, method: str, body: bytes) -> Iterator[Callable[[], object]]:
    # A channel of its own for each client: channels with equal arguments share a connection.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        call = channel.unary_unary(method)
        yield lambda: call(body, timeout=60)


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
