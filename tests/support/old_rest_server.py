"""A REST front that writes numbers as TensorFlow Serving did before 1.13, before a right server."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# A number with an exponent as JSON writes it.
_WITH_EXPONENT = re.compile(rb"(?<=[\[,:\s])-?\d+(?:\.\d+)?[eE][-+]?\d+")


def _as_before(found: re.Match[bytes]) -> bytes:
    """Return six digits, and ".0" behind what has no point: 6e-07.0, which is no JSON."""
    text = format(float(found[0]), ".6g")
    return (text if "." in text else f"{text}.0").encode()


@contextmanager
def old_rest_server(address: str) -> Iterator[str]:
    """Yield the HOST:PORT of a server that hands requests on to another one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._hand_on(None)

        def do_POST(self) -> None:
            self._hand_on(self.rfile.read(int(self.headers["Content-Length"])))

        def _hand_on(self, body: bytes | None) -> None:
            connection = http.client.HTTPConnection(address)
            connection.request(self.command, self.path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            connection.close()
            answer = _WITH_EXPONENT.sub(_as_before, answer)
            self.send_response(response.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
