"""The back end `binary`: the stock `tensorflow_model_server` in a supervised child process."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tfx_parity.canary.backend import ModelLoadError, RunningCanary, ServerIdentity
from tfx_parity.canary.client import DEFAULT_DEADLINE_S, CanaryClient
from tfx_parity.canary.model_server import FLAGS, NOT_EXERCISED, version_of
from tfx_parity.canary.native import CRASHES, DEFAULT_STARTUP_DEADLINE_S
from tfx_parity.canary.readiness import StartedServer
from tfx_parity.canary.supervision import SupervisedProcess
from tfx_parity.canary.versions import ModelVersion, find_version
from tfx_parity.errors import ServerUnavailableError
from tfx_parity.files import sha256_of_file

PROGRAM = "tensorflow_model_server"
VARIABLE = "TENSORFLOW_MODEL_SERVER"
_KEEPER = "tfx_parity.canary.keeper"
_LOCALHOST = "127.0.0.1"
_MODEL_NAME = "canary"
_VERSION_S = 30.0
_DYING_S = 2.0


@dataclass(frozen=True)
class BinaryBackend:
    """Starts `tensorflow_model_server`; its own flags keep it from trying a broken model again.

    The binary listens on every interface of the machine: it has no flag for another.

    Usage:
        with BinaryBackend().start(Path("/models/penguins")) as canary:
            canary.client.predict("serving_default", {"examples": examples})

    Attributes:
        program: The binary; where None `$TENSORFLOW_MODEL_SERVER`, else the one on the PATH.
        flags: Further flags of the binary, such as `--enable_batching`.
        request_deadline_s: How long one request of the canary's client may take.
    """

    program: Path | None = None
    flags: tuple[str, ...] = ()
    request_deadline_s: float = DEFAULT_DEADLINE_S

    @contextmanager
    def start(
        self, model_path: Path, *, startup_deadline_s: float = DEFAULT_STARTUP_DEADLINE_S
    ) -> Iterator[RunningCanary]:
        """Start a server with a model; see `CanaryBackend.start`."""
        version = find_version(Path(model_path), _MODEL_NAME)
        program = find_program() if self.program is None else self.program
        identity = _identity(program)
        with ExitStack() as stack:
            base = _base_path(stack, version)
            ports = _free_ports()
            child = stack.enter_context(self._child(program, base, ports))
            server = _started(child, ports)
            try:
                served = server.await_model(startup_deadline_s)
            except ModelLoadError as error:
                raise _at(error, base, version) from error
            client = stack.enter_context(self._client(server))
            yield RunningCanary(
                identity=identity,
                client=client,
                grpc_address=server.grpc_address,
                rest_address=server.rest_address,
                model_name=_MODEL_NAME,
                version=served,
                log_tail=child.log_tail,
            )

    def _child(self, program: Path, base: Path, ports: tuple[int, int]) -> SupervisedProcess:
        command = [
            str(program),
            f"--port={ports[0]}",
            f"--rest_api_port={ports[1]}",
            f"--model_name={_MODEL_NAME}",
            f"--model_base_path={base}",
            *FLAGS,
            *self.flags,
        ]
        return SupervisedProcess(_KEEPER, [f"--remove={base}", "--", *command], name=PROGRAM)

    def _client(self, server: StartedServer) -> CanaryClient:
        return CanaryClient(
            grpc_address=server.grpc_address,
            rest_address=server.rest_address,
            model_name=server.model_name,
            deadline_s=self.request_deadline_s,
            obituary=server.obituary,
        )


def find_program() -> Path:
    """Return the binary that the environment names.

    Raises:
        ServerUnavailableError: If there is none.
    """
    named = os.environ.get(VARIABLE, "")
    found = shutil.which(named or PROGRAM)
    if found is not None:
        return Path(found).absolute()
    where = f"${VARIABLE} names {named!r}, which is no program" if named else "none on the PATH"
    raise ServerUnavailableError(
        f"Expected the binary {PROGRAM}, found none: {where}. Take it from its image (COPY "
        f"--from=tensorflow/serving:2.16.1 /usr/bin/{PROGRAM} /usr/local/bin/), or name it in "
        f"${VARIABLE}."
    )


def _started(child: SupervisedProcess, ports: tuple[int, int]) -> StartedServer:
    return StartedServer(
        name=PROGRAM,
        grpc_address=f"{_LOCALHOST}:{ports[0]}",
        rest_address=f"{_LOCALHOST}:{ports[1]}",
        model_name=_MODEL_NAME,
        obituary=child.obituary,
        log_tail=child.log_tail,
        crashed=lambda: -(child.exit_code(_DYING_S) or 0) in CRASHES,
    )


def _base_path(stack: ExitStack, version: ModelVersion) -> Path:
    """Make a folder in which the model is the one version: a base path may hold later ones."""
    base = Path(tempfile.mkdtemp(prefix="tfx-parity-"))
    stack.callback(shutil.rmtree, base, ignore_errors=True)
    (base / str(version.number)).symlink_to(version.path)
    return base


def _free_ports() -> tuple[int, int]:
    """Return two ports that nobody listens on; held together, so that they differ."""
    with socket.socket() as first, socket.socket() as second:
        for held in (first, second):
            held.bind(("", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _at(error: ModelLoadError, base: Path, version: ModelVersion) -> ModelLoadError:
    """Return an error that speaks of the model's own folder, not of the link to it."""
    link, path = str(base / str(version.number)), str(version.path)
    return ModelLoadError(
        error.code, error.message.replace(link, path), error.log_tail.replace(link, path)
    )


def _identity(program: Path) -> ServerIdentity:
    state = program.stat()
    version, digest = _ask_version(program, state.st_mtime_ns, state.st_size)
    return ServerIdentity("binary", version, digest, NOT_EXERCISED)


@functools.cache
def _ask_version(program: Path, _modified_ns: int, _size: int) -> tuple[str, str]:
    """Return a binary's version and digest, asked once for each state of its file."""
    try:
        told = subprocess.run(
            [program, "--version"], capture_output=True, timeout=_VERSION_S, check=False
        )
        digest = sha256_of_file(program)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerUnavailableError(
            f"Expected {program} --version to tell its version within {_VERSION_S:g} s, found: "
            f"{error}."
        ) from error
    output = (told.stdout + told.stderr).decode(errors="replace")
    if told.returncode:
        raise ServerUnavailableError(
            f"Expected {program} --version to tell its version, found exit code "
            f"{told.returncode}: {output.strip()[-500:]}"
        )
    return version_of(output), f"sha256={digest}"
