"""A headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
_PATIENCE_S = 60
_TALLEST_PICTURE = 12_000  # Chromium refuses to draw much more.


def find_browser() -> str | None:
    """Return the browser's command, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass(frozen=True)
class View:
    """How a page is looked at."""

    width: int
    scheme: str
    height: int = 900
    is_pictured: bool = False


@dataclass
class Visit:
    """What a page did while it was looked at.

    Attributes:
        requests: The addresses that were asked for, the page's own first.
        complaints: What the console or the log said, and exceptions.
        answers: What each script returned, in order.
        screenshot: The page as PNG; empty where the view is not pictured.
    """

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    screenshot: bytes = b""


@dataclass(frozen=True)
class Chromium:
    """A running browser."""

    port: int

    def visit(self, page: Path, view: View, *scripts: str) -> Visit:
        """Open a file and let scripts look at it; `view` says whether a picture is taken."""
        return asyncio.run(self._visit(page.resolve().as_uri(), view, scripts))

    async def _visit(self, address: str, view: View, scripts: tuple[str, ...]) -> Visit:
        async with aiohttp.ClientSession() as session:
            async with session.put(f"http://127.0.0.1:{self.port}/json/new?about:blank") as reply:
                target = await reply.json()
            socket = await session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
            tab = _Tab(socket)
            try:
                return await tab.look(address, view, scripts)
            finally:
                await socket.close()
                await session.get(f"http://127.0.0.1:{self.port}/json/close/{target['id']}")


class _Tab:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._visit = Visit()
        self._is_loaded = False

    async def look(self, address: str, view: View, scripts: tuple[str, ...]) -> Visit:
        for domain in ("Network", "Log", "Runtime", "Page"):
            await self._ask(f"{domain}.enable")
        await self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=view.width,
            height=view.height,
            deviceScaleFactor=1,
            mobile=view.width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": view.scheme}
        await self._ask("Emulation.setEmulatedMedia", features=[scheme])
        await self._ask("Page.navigate", url=address)
        while not self._is_loaded:
            self._note(await self._next())
        for script in scripts:
            found = await self._ask("Runtime.evaluate", expression=script, returnByValue=True)
            self._visit.answers.append(found["result"].get("value"))
        if view.is_pictured:
            self._visit.screenshot = await self._picture()
        return self._visit

    async def _picture(self) -> bytes:
        size = (await self._ask("Page.getLayoutMetrics"))["cssContentSize"]
        height = min(size["height"], _TALLEST_PICTURE)
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1}
        picture = await self._ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(picture["data"])

    async def _ask(self, method: str, **params: object) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            message = await self._next()
            if message.get("id") == self._number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._note(message)

    async def _next(self) -> dict[str, Any]:
        return json.loads(await asyncio.wait_for(self._socket.receive_str(), _PATIENCE_S))

    def _note(self, message: dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self._visit.requests.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self._is_loaded = True
        elif method in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self._visit.complaints.append(json.dumps(params)[:1000])


@contextlib.contextmanager
def running(browser: str) -> Iterator[Chromium]:
    """Start a browser with a new, empty profile and stop it afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [browser, *_SWITCHES, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Chromium(_port(process, Path(profile) / "DevToolsActivePort"))
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE_S)


def _port(process: subprocess.Popen[bytes], file: Path) -> int:
    """Return the port that the browser writes into its profile once it listens."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        if file.is_file() and (lines := file.read_text(encoding="utf-8").splitlines()):
            return int(lines[0])
        time.sleep(0.02)
    raise AssertionError(f"Expected the browser to listen, its exit code is {process.poll()}.")
