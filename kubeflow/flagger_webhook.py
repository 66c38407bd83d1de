"""A webhook for Flagger: a canary gets traffic only where `tfx-parity check` says PASS.

    python -m tfx_parity.kubeflow.flagger_webhook --models /models [--host 0.0.0.0] [--port 8080]

Flagger posts `{"name", "namespace", "phase", "metadata"}` (https://docs.flagger.app/usage/webhooks)
and goes on where it is answered 2xx. The metadata, which stands in the Canary, names the `model`
and the `predictions`, as paths below --models, and the `server`, as `check --server` takes it.

| answer | means |
| --- | --- |
| 200 | PASS |
| 412 | FAIL or INCONCLUSIVE |
| 400 | what Flagger sent cannot be used |
| 503 | the server could not be asked |

The body is check's report, or `{"error": ...}`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tfx_parity.errors import BadInputError

HEALTH_PATH = "/healthz"
_MAX_BODY = 1 << 16
_ASKED = ("model", "predictions", "server")
# By the exit codes of `tfx-parity check`.
_STATUS = {
    0: HTTPStatus.OK,
    1: HTTPStatus.PRECONDITION_FAILED,
    2: HTTPStatus.BAD_REQUEST,
    3: HTTPStatus.SERVICE_UNAVAILABLE,
    4: HTTPStatus.PRECONDITION_FAILED,
}


@dataclass(frozen=True)
class Check:
    """What Flagger wants to be checked.

    Attributes:
        model: The SavedModel.
        predictions: What its trainer recorded.
        server: The canary, as `check --server` takes it.
    """

    model: Path
    predictions: Path
    server: str

    @classmethod
    def parse(cls, body: bytes, models: Path) -> Check:
        """Read what Flagger posted.

        Args:
            body: The request's body.
            models: The folder that the paths must lie in.

        Raises:
            BadInputError: If it is not what Flagger posts, or a path leads out of the folder.
        """
        try:
            told = json.loads(body)["metadata"]
            model, predictions, server = (told[name] for name in _ASKED)
        except (ValueError, KeyError, TypeError) as error:
            raise BadInputError(
                f"Expected a Flagger webhook whose metadata names {', '.join(_ASKED)}; found "
                f"{type(error).__name__}: {error}."
            ) from error
        if not all(isinstance(value, str) and value for value in (model, predictions, server)):
            raise BadInputError(f"Expected texts for {', '.join(_ASKED)}, found others.")
        return cls(_below(models, model), _below(models, predictions), server)

    def command(self) -> list[str]:
        """Return the command that makes the check."""
        options = [f"--predictions={self.predictions}", f"--server={self.server}", "--json"]
        start = "from tfx_parity.cli import main; main()"
        return [sys.executable, "-c", start, "check", str(self.model), *options]

    def run(self) -> tuple[HTTPStatus, bytes]:
        """Make the check.

        Returns:
            The status and the body of the answer.
        """
        done = subprocess.run(self.command(), capture_output=True, check=False)
        status = _STATUS.get(done.returncode, HTTPStatus.SERVICE_UNAVAILABLE)
        if done.stdout:
            return status, done.stdout
        return status, _error(done.stderr.decode("utf-8", errors="replace").strip())


def _below(folder: Path, path: str) -> Path:
    found = (folder / path).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise BadInputError(f"Expected a path below {folder}, found {path!r}.")
    return found


def _error(text: str) -> bytes:
    return json.dumps({"error": text}).encode()


class WebhookServer(ThreadingHTTPServer):
    """Answers Flagger; one check at a time, the others wait.

    Attributes:
        models: The folder that models and predictions lie in.
        checking: Held while a check is made.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int], models: Path) -> None:
        """Listen.

        Args:
            address: Host and port; port 0 takes a free one.
            models: The folder that models and predictions lie in.
        """
        super().__init__(address, _Handler)
        self.models = models
        self.checking = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: WebhookServer
    timeout = 30

    def do_GET(self) -> None:
        is_health = self.path == HEALTH_PATH
        self._answer(HTTPStatus.OK if is_health else HTTPStatus.NOT_FOUND, b"{}")

    def do_POST(self) -> None:
        try:
            check = Check.parse(self._body(), self.server.models)
        except BadInputError as error:
            self._answer(HTTPStatus.BAD_REQUEST, _error(str(error)))
            return
        with self.server.checking:
            status, body = check.run()
        self._answer(status, body)

    def _body(self) -> bytes:
        length = str(self.headers.get("Content-Length", ""))
        if not length.isdigit() or int(length) > _MAX_BODY:
            raise BadInputError(f"Expected a body of at most {_MAX_BODY} bytes, found {length!r}.")
        return self.rfile.read(int(length))

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(arguments: Sequence[str]) -> None:
    """Serve until killed.

    Args:
        arguments: The command's arguments.
    """
    parser = argparse.ArgumentParser(prog="python -m tfx_parity.kubeflow.flagger_webhook")
    parser.add_argument("--models", type=Path, required=True, help="folder of the models")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args(list(arguments))
    with WebhookServer((options.host, options.port), options.models) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
