"""As much of a Kubeflow Pipelines server as a schedule needs: the v2beta1 REST API, in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

_BASE = "/apis/v2beta1"


class KubeflowServer:
    """Experiments and recurring runs.

    Attributes:
        experiments: The names of the experiments, by id.
        runs: The recurring runs as they were created, with their ids.
        host: The URL.
    """

    def __init__(self) -> None:
        """Hold nothing."""
        self.experiments: dict[str, str] = {}
        self.runs: list[dict[str, Any]] = []
        self.host = ""
        self._created = 0

    def answer(self, method: str, url: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return what the server answers to a request."""
        path = urlsplit(url).path.removeprefix(_BASE)
        query = parse_qs(urlsplit(url).query)
        if path == "/healthz":
            return {"multi_user": False}
        if path == "/experiments":
            return self._experiments(method, body)
        if method == "DELETE":
            self.runs = [run for run in self.runs if not path.endswith(run["recurring_run_id"])]
            return {}
        if method == "POST":
            self._created += 1
            self.runs.append({**body, "recurring_run_id": f"run-{self._created}"})
            return self.runs[-1]
        # A page holds one run, so that whoever reads the first page only is found out.
        first = int(query.get("page_token", ["0"])[0] or 0)
        more = {"next_page_token": str(first + 1)} if first + 1 < len(self.runs) else {}
        return {"recurringRuns": self.runs[first : first + 1], **more}

    def _experiments(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        if method == "POST":
            self.experiments[f"experiment-{len(self.experiments)}"] = body["display_name"]
        known = [
            {"experiment_id": key, "display_name": name} for key, name in self.experiments.items()
        ]
        return known[-1] if method == "POST" else {"experiments": known}


@contextmanager
def kubeflow_server() -> Iterator[KubeflowServer]:
    """Run a server while the block runs."""
    server = KubeflowServer()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            data = json.dumps(server.answer(self.command, self.path, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.host = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
