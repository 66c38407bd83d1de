"""The default back end: TensorFlow's C++ loader and session in a supervised child process."""

from __future__ import annotations

import errno
import functools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tfx_parity.canary.backend import ModelLoadError, RunningCanary, ServerIdentity
from tfx_parity.canary.client import DEFAULT_DEADLINE_S, CanaryClient
from tfx_parity.canary.startup import Stage, StartupReport
from tfx_parity.canary.supervision import SupervisedProcess
from tfx_parity.canary.unrewritten import unrewritten_copy
from tfx_parity.canary.versions import ModelVersion, find_version
from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.protos import tensorflow_folder
from tfx_parity.serving_api.batching_parameters import BatchingOptions, parse_batching_parameters
from tfx_parity.serving_api.status import Code

DEFAULT_STARTUP_DEADLINE_S = 120.0
_LOCALHOST = "127.0.0.1"
_MODEL_NAME = "canary"
_SERVER_MODULE = "tfx_parity.canary.server"
_LIBRARY = "tensorflow/libtensorflow_cc.so.2"
_DYING_S = 2.0
# Signals that a program brings upon itself. SIGKILL and SIGTERM come from outside: from an
# operator, or from the kernel where memory ran out.
CRASHES = frozenset(
    {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS}
)
# What the system says where it lacks something; TensorFlow puts it behind a file's name.
_MACHINES_FAULTS = tuple(
    os.strerror(number)
    for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EIO)
)
_NO_REWRITER = b"graph_options { rewrite_options { disable_meta_optimizer: true } }\n"
_BATCHING = "request batching"
NOT_EXERCISED: tuple[str, ...] = (
    "the tensorflow_model_server binary",
    _BATCHING,
    "version management",
    "TensorFlow Serving's own HTTP server",
    "GPU kernels",
)


@dataclass(frozen=True)
class NativeBackend:
    """Starts the native canary: no docker, no compiler, no TensorFlow Python.

    Usage:
        with NativeBackend().start(Path("/models/penguins")) as canary:
            canary.client.predict("serving_default", {"examples": examples})

    Attributes:
        graph_rewriter: False switches TensorFlow's graph rewriter (Grappler) off, in functions too,
            which gives the bits of TensorFlow's eager ops: the in-process reference.
        batching_parameters: How the server batches requests (--enable_batching): TF Serving's
            BatchingParameters in text form, empty for its defaults; None for no batching.
        request_deadline_s: How long one request of the canary's client may take.
    """

    graph_rewriter: bool = True
    batching_parameters: str | None = None
    request_deadline_s: float = DEFAULT_DEADLINE_S

    @contextmanager
    def start(
        self, model_path: Path, *, startup_deadline_s: float = DEFAULT_STARTUP_DEADLINE_S
    ) -> Iterator[RunningCanary]:
        """Start a server with a model; see `CanaryBackend.start`."""
        batching = self.batching_options()
        version = find_version(Path(model_path), _MODEL_NAME)
        with ExitStack() as stack:
            path = version.path
            if not self.graph_rewriter:
                path = stack.enter_context(unrewritten_copy(path))
            child = stack.enter_context(self._child(path))
            report = _await_ready(child, version, startup_deadline_s)
            grpc_address = f"{_LOCALHOST}:{report.grpc_port}"
            rest_address = f"{_LOCALHOST}:{report.rest_port}"
            client = CanaryClient(
                grpc_address=grpc_address,
                rest_address=rest_address,
                model_name=_MODEL_NAME,
                deadline_s=self.request_deadline_s,
                obituary=child.obituary,
            )
            stack.enter_context(client)
            yield RunningCanary(
                identity=_identity(report.tensorflow, batching),
                client=client,
                grpc_address=grpc_address,
                rest_address=rest_address,
                model_name=_MODEL_NAME,
                version=report.version,
                log_tail=child.log_tail,
                largest_batch=None if batching is None else batching.max_batch_size,
            )

    def batching_options(self) -> BatchingOptions | None:
        """Return how requests are batched, None where they are not.

        Raises:
            BadInputError: If the parameters cannot be read, or make no sense.
        """
        if self.batching_parameters is None:
            return None
        return parse_batching_parameters(self.batching_parameters)

    def _child(self, path: Path) -> SupervisedProcess:
        arguments = [f"--model_name={_MODEL_NAME}", f"--saved_model_path={path}"]
        files: dict[str, bytes] = {}
        if not self.graph_rewriter:
            files["tensorflow_session_config_file"] = _NO_REWRITER
        if self.batching_parameters is not None:
            arguments.append("--enable_batching")
            files["batching_parameters_file"] = self.batching_parameters.encode()
        with ExitStack() as stack:
            inherited = [stack.enter_context(_file_in_memory(data)) for data in files.values()]
            for flag, descriptor in zip(files, inherited, strict=True):
                arguments.append(f"--{flag}=/proc/self/fd/{descriptor}")
            return SupervisedProcess(_SERVER_MODULE, arguments, inherited=inherited)


@contextmanager
def _file_in_memory(data: bytes) -> Iterator[int]:
    """Yield the descriptor of a file that cannot be left behind, whatever happens to a process."""
    try:
        descriptor = os.memfd_create("canary")
    except OSError as error:
        raise ServerUnavailableError(f"Expected a file in memory, found: {error}.") from error
    try:
        _write(descriptor, data)
        yield descriptor
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
    except OSError as error:
        raise ServerUnavailableError(
            f"Expected to write {len(data)} bytes into memory, found: {error}."
        ) from error


def _await_ready(
    child: SupervisedProcess, version: ModelVersion, startup_deadline_s: float
) -> StartupReport:
    """Read the child's reports until it is ready, and raise what else it says."""
    deadline = time.monotonic() + startup_deadline_s
    stage = None
    while stage is not Stage.READY:
        try:
            report = StartupReport.from_line(child.read_line(deadline))
        except TimeoutError as error:
            raise _late(child, version, stage, startup_deadline_s) from error
        except EOFError as error:
            raise _dead(child, version, stage) from error
        stage = report.stage
        _raise_refusal(child, report)
    return report


def _raise_refusal(child: SupervisedProcess, report: StartupReport) -> None:
    if report.stage is Stage.MODEL_REFUSED:
        child.exit_code(_DYING_S)
        if report.message.rstrip(".").endswith(_MACHINES_FAULTS):
            raise ServerUnavailableError(f"Loading the model: {report.message}")
        raise ModelLoadError(report.code, report.message, child.log_tail())
    if report.stage is Stage.INPUT_REFUSED:
        raise BadInputError(report.message)
    if report.stage is Stage.UNAVAILABLE:
        raise ServerUnavailableError(report.message)


def _late(
    child: SupervisedProcess, version: ModelVersion, stage: Stage | None, deadline_s: float
) -> ModelLoadError | ServerUnavailableError:
    if stage is Stage.LOADING:
        return ModelLoadError(
            Code.DEADLINE_EXCEEDED,
            f"The model at {version.path} was not loaded within {deadline_s:g} s.",
            child.log_tail(),
        )
    return ServerUnavailableError(
        f"Expected the native canary to begin to load within {deadline_s:g} s, found it still "
        f"starting.{child.last_words()} Give it longer, or look what else this machine does."
    )


def _dead(
    child: SupervisedProcess, version: ModelVersion, stage: Stage | None
) -> ModelLoadError | ServerUnavailableError:
    """Say what an end without a report is: a crash of the model's loading, or something else's."""
    obituary = child.obituary(_DYING_S) or "The native canary closed its output and still runs."
    code = child.exit_code() or 0
    if stage is Stage.LOADING and -code in CRASHES:
        return ModelLoadError(
            Code.INTERNAL, f"Loading {version.path}: {obituary}", child.log_tail()
        )
    return ServerUnavailableError(f"Expected the native canary to start, found: {obituary}")


def _identity(tensorflow: str, batching: BatchingOptions | None) -> ServerIdentity:
    not_exercised = NOT_EXERCISED
    if batching is not None:
        not_exercised = tuple(what for what in NOT_EXERCISED if what != _BATCHING)
    return ServerIdentity(
        "native",
        f"TensorFlow {tensorflow}",
        _library_digest(),
        not_exercised,
        "" if batching is None else batching.in_words(),
    )


@functools.cache
def _library_digest() -> str:
    """Return the sha256 of TensorFlow's library as its wheel records it.

    The library itself is a gigabyte: reading it would take longer than the canary.
    """
    site_packages = tensorflow_folder().parent
    for record in sorted(site_packages.glob("tensorflow*.dist-info/RECORD")):
        for line in record.read_text(encoding="utf-8").splitlines():
            path, _, rest = line.partition(",")
            if path == _LIBRARY:
                return rest.partition(",")[0]
    return "unknown"
