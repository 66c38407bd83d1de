"""A Kubernetes cluster as far as this project asks one: its HTTP API, processes for containers.

A pod runs the command of its image, with its claim as a link. Its ports are reached as the API's
port forwarding offers them: a web socket whose messages begin with a channel's number.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from docker_engine import free_port


@dataclass
class Pod:
    """A pod: its manifest, and the process that its server became."""

    manifest: dict[str, Any]
    folder: Path
    ports: dict[int, int]
    version: str
    waiting: str
    process: subprocess.Popen[bytes] | None = None
    reason: str = ""

    @property
    def server(self) -> dict[str, Any]:
        """The server's container as it was asked for."""
        [container] = self.manifest["spec"]["containers"]
        return dict(container)

    def start(self, command: list[str], claims: dict[str, Path]) -> None:
        """Do what the node and the image's entry point do."""
        environment = {e["name"]: e.get("value", "") for e in self.server["env"]}
        volumes = {v["name"]: v for v in self.manifest["spec"]["volumes"]}
        for mount in self.server["volumeMounts"]:
            claim = volumes[mount["name"]]["persistentVolumeClaim"]["claimName"]
            target = self.folder / mount["mountPath"].lstrip("/")
            target.parent.mkdir(parents=True)
            target.symlink_to(claims[claim] / mount["subPath"])
        flags = [f"--port={self.ports[8500]}", f"--rest_api_port={self.ports[8501]}"]
        flags += [f"--model_name={environment['MODEL_NAME']}"]
        prefix = "--model_base_path="
        for argument in self.server["args"]:
            path = argument.removeprefix(prefix).lstrip("/")
            flags.append(f"{prefix}{self.folder / path}" if prefix in argument else argument)
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *flags], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def shown(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        state: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        code = None if self.process is None else self.process.poll()
        if self.process is None:
            state = {"waiting": {"reason": self.waiting, "message": "so the node says"}}
        elif code is not None:
            state = {"terminated": {"exitCode": code if code >= 0 else 128 - code}}
        phase = "Running" if "running" in state else "Failed" if code is not None else "Pending"
        container = {
            "name": self.server["name"],
            "image": self.server["image"],
            "imageID": f"docker.io/{self.server['image'].partition(':')[0]}@sha256:{'ab' * 32}",
            "ready": "running" in state,
            "restartCount": 0,
            "state": state,
        }
        status = {"phase": phase, "podIP": "10.0.0.7", "containerStatuses": [container]}
        if self.reason:
            status |= {"phase": "Failed", "reason": self.reason, "message": "so the node says"}
        return {**self.manifest, "apiVersion": "v1", "kind": "Pod", "status": status}

    def end(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)


@dataclass
class FakeCluster:
    """The cluster's state.

    Attributes:
        root: A folder of its own.
        images: Image to the command that it runs.
        claims: PersistentVolumeClaim to its folder.
        others: Pods that are there already, by name.
    """

    root: Path
    images: dict[str, list[str]]
    claims: dict[str, Path]
    others: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    manifests: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> FakeCluster:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = free_port()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self.go_away()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for pod in self.pods.values():
            pod.end()

    def go_away(self) -> None:
        """Stop to answer; pods go on."""
        self._run(self._runner.cleanup())

    def kubeconfig(self, path: Path, namespace: str = "models") -> Path:
        """Write a kubeconfig that leads here."""
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "here",
                    "clusters": [
                        {"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}
                    ],
                    "users": [{"name": "u", "user": {"token": "secret"}}],
                    "contexts": [
                        {
                            "name": "here",
                            "context": {"cluster": "c", "user": "u", "namespace": namespace},
                        }
                    ],
                }
            ),
            encoding="utf-8",
        )
        return path

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        application = web.Application(middlewares=[self._watch])
        pods = "/api/v1/namespaces/{namespace}/pods"
        application.add_routes(
            [
                web.post(pods, self._create),
                web.get(pods + "/{name}", self._read),
                web.delete(pods + "/{name}", self._delete),
                web.get(pods + "/{name}/log", self._log),
                web.get(pods + "/{name}/portforward", self._forward),
            ]
        )
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    @web.middleware
    async def _watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        self.tokens.add(request.headers.get("Authorization", ""))
        answer: web.StreamResponse = await handler(request)
        return answer

    def _pod(self, request: web.Request) -> Pod:
        name = request.match_info["name"]
        if name not in self.pods:
            text = json.dumps({"kind": "Status", "message": f'pods "{name}" not found'})
            raise web.HTTPNotFound(text=text, content_type="application/json")
        return self.pods[name]

    async def _create(self, request: web.Request) -> web.Response:
        manifest = await request.json()
        self.manifests.append(manifest)
        metadata = manifest["metadata"]
        name = f"{metadata['generateName']}{len(self.manifests)}"
        metadata |= {"name": name, "namespace": request.match_info["namespace"]}
        folder = self.root / name
        folder.mkdir()
        [first] = manifest["spec"]["initContainers"]
        command = self.images.get(first["image"])
        ports = {8500: free_port(), 8501: free_port()}
        pod = Pod(manifest, folder, ports, "", "ImagePullBackOff")
        self.pods[name] = pod
        if command is not None:
            done = subprocess.run(
                [*command, *first["command"][1:]], capture_output=True, text=True, check=False
            )
            pod.version = done.stdout
            pod.start(command, self.claims)
        return web.json_response(pod.shown(), status=201)

    async def _read(self, request: web.Request) -> web.Response:
        other = self.others.get(request.match_info["name"])
        return web.json_response(other or self._pod(request).shown())

    async def _delete(self, request: web.Request) -> web.Response:
        pod = self._pod(request)
        del self.pods[request.match_info["name"]]
        pod.end()
        return web.json_response(pod.manifest)

    async def _log(self, request: web.Request) -> web.Response:
        pod = self._pod(request)
        container = request.query["container"]
        if container == "version":
            return web.Response(text=pod.version)
        if container != pod.server["name"]:
            return web.json_response({"message": f"no container {container}"}, status=400)
        return web.Response(body=(pod.folder / "log").read_bytes())

    async def _forward(self, request: web.Request) -> web.WebSocketResponse:
        port = int(request.query["ports"])
        pod = self._pod(request)
        stream = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await stream.prepare(request)
        for channel in (0, 1):
            await stream.send_bytes(bytes([channel]) + port.to_bytes(2, "little"))
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", pod.ports[port])
        except OSError as error:
            await stream.send_bytes(b"\x01" + str(error).encode())
            await stream.close()
            return stream
        back = asyncio.create_task(_back(reader, stream))
        async for message in stream:
            if message.type == WSMsgType.BINARY and message.data[0] == 0:
                writer.write(message.data[1:])
                await writer.drain()
        writer.close()
        back.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await back
        return stream


async def _back(reader: asyncio.StreamReader, stream: web.WebSocketResponse) -> None:
    while data := await reader.read(1 << 16):
        await stream.send_bytes(b"\x00" + data)
    await stream.close()
