"""A Docker engine as far as this project asks one: real sockets, processes for containers.

Images are commands; a container of the image runs that command with the flags that the stock
image's entry point would give, on ports of this machine, with its mount as a link.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@dataclass
class Container:
    """A container: its wish, and the process it became."""

    config: dict[str, Any]
    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes] | None = None

    def start(self, command: list[str]) -> None:
        """Do what the engine and the image's entry point do."""
        environment = dict(item.split("=", 1) for item in self.config["Env"])
        for mount in self.config["HostConfig"]["Mounts"]:
            target = self.folder / mount["Target"].lstrip("/")
            target.parent.mkdir(parents=True)
            target.symlink_to(mount["Source"])
        name = environment["MODEL_NAME"]
        base = self.folder / environment["MODEL_BASE_PATH"].lstrip("/") / name
        flags = [f"--port={self.ports['8500/tcp']}", f"--rest_api_port={self.ports['8501/tcp']}"]
        flags += [f"--model_name={name}", f"--model_base_path={base}", *self.config["Cmd"]]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *flags], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def state(self) -> dict[str, Any]:
        """Return its State as the engine tells it."""
        code = None if self.process is None else self.process.poll()
        running = self.process is not None and code is None
        return {
            "Status": "running" if running else "created" if self.process is None else "exited",
            "Running": running,
            "ExitCode": 0 if code is None else code if code >= 0 else 128 - code,
            "OOMKilled": code == -signal.SIGKILL,
        }

    def end(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)


@dataclass
class FakeEngine:
    """The engine's state.

    Attributes:
        root: A folder of its own; the socket is in it.
        images: Image to the command that it runs.
        in_registry: Images that can be pulled.
    """

    root: Path
    images: dict[str, list[str]]
    in_registry: dict[str, list[str]] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    configs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"unix://{self.root}/docker.sock"

    def __enter__(self) -> FakeEngine:
        handler = type("Handler", (_Handler,), {"engine": self})
        self._server = _Server(f"{self.root}/docker.sock", handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_away()
        for container in self.containers.values():
            container.end()

    def go_away(self) -> None:
        """Stop to answer; containers go on."""
        if os.path.exists(f"{self.root}/docker.sock"):
            self._server.shutdown()
            self._server.server_close()
            os.unlink(f"{self.root}/docker.sock")


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


def _frames(data: bytes) -> bytes:
    """Return data as two frames of the engine's stream."""
    half = len(data) // 2
    parts = [(1, data[:half]), (2, data[half:])]
    return b"".join(bytes([n, 0, 0, 0]) + len(p).to_bytes(4, "big") + p for n, p in parts)


class _Handler(BaseHTTPRequestHandler):
    engine: FakeEngine
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_DELETE = do_GET  # noqa: N815 - http.server asks for these names

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"null")
        self.engine.asked.append(f"{self.command} {self.path}")
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = re.sub(r"^/v\d+\.\d+/", "/", unquote(url.path))
        try:
            status, answer = self._route(self.command, path, query, body)
        except _RefusedError as error:
            status, answer = error.status, json.dumps({"message": error.message}).encode()
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if status != 204:
            self.wfile.write(data)

    def _route(
        self, method: str, path: str, query: dict[str, str], body: Any
    ) -> tuple[int, object]:
        if path == "/_ping":
            return 200, b"OK"
        if path == "/images/create":
            return 200, self._pull(query["fromImage"])
        if match := re.fullmatch("/images/(.+)/json", path):
            self._require(self.engine.images, match[1], f"No such image: {match[1]}")
            digest = f"{match[1].partition(':')[0]}@sha256:{'ab' * 32}"
            return 200, {"Id": f"sha256:{'cd' * 32}", "RepoDigests": [digest]}
        if path == "/containers/create":
            return 201, self._create(query["name"], body)
        if match := re.fullmatch("/exec/(.+)/start", path):
            container = self._container(match[1])
            command = self.engine.images[container.config["Image"]]
            done = subprocess.run([*command, "--version"], capture_output=True, check=False)
            return 200, _frames(done.stdout + done.stderr)
        match = re.fullmatch("/containers/([^/]+)(/.*)?", path)
        assert match is not None, path
        return self._of_container(method, match[1], match[2] or "")

    def _of_container(self, method: str, name: str, verb: str) -> tuple[int, object]:
        container = self._container(name)
        if method == "DELETE":
            self.engine.containers.pop(name).end()
            return 204, b""
        if verb == "/start":
            container.start(self.engine.images[container.config["Image"]])
            return 204, b""
        if verb == "/exec":
            if not container.state()["Running"]:
                raise _RefusedError(409, f"container {name} is not running")
            return 201, {"Id": name}
        if verb == "/logs":
            return 200, _frames((container.folder / "log").read_bytes())
        bound = container.config["HostConfig"]["PortBindings"]
        ports = {
            port: [{"HostIp": bound[port][0]["HostIp"], "HostPort": str(number)}]
            for port, number in container.ports.items()
        }
        state = container.state()
        shown = ports if state["Running"] else {}
        return 200, {"State": state, "NetworkSettings": {"Ports": shown}}

    def _pull(self, image: str) -> bytes:
        if image not in self.engine.in_registry:
            told = [{"status": "Pulling"}, {"error": f"manifest for {image} not found"}]
        else:
            self.engine.images[image] = self.engine.in_registry[image]
            told = [{"status": "Pulling"}, {"status": "Downloaded newer image"}]
        return b"".join(json.dumps(line).encode() + b"\r\n" for line in told)

    def _create(self, name: str, body: Any) -> dict[str, object]:
        self._require(self.engine.images, body["Image"], f"No such image: {body['Image']}")
        for mount in body["HostConfig"]["Mounts"]:
            if not Path(mount["Source"]).exists():
                raise _RefusedError(400, f"bind source path does not exist: {mount['Source']}")
        self.engine.configs.append(body)
        folder = self.engine.root / name
        folder.mkdir()
        ports = {port: free_port() for port in body["ExposedPorts"]}
        self.engine.containers[name] = Container(body, folder, ports)
        return {"Id": name, "Warnings": []}

    def _container(self, name: str) -> Container:
        self._require(self.engine.containers, name, f"No such container: {name}")
        return self.engine.containers[name]

    def _require(self, known: dict[str, Any], name: str, message: str) -> None:
        if name not in known:
            raise _RefusedError(404, message)
