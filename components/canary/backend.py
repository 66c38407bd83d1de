"""What every back end of the canary is: a way to start a server that holds a model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tfx_parity.canary.client import CanaryClient
from tfx_parity.serving_api.status import Code


@dataclass(frozen=True)
class ServerIdentity:
    """Which server answered, for the report.

    Attributes:
        backend: The back end's name, such as "native".
        version: The server's version.
        digest: What tells this build from another, such as the sha256 of its library.
        not_exercised: What of TensorFlow Serving this back end does not exercise.
        batching: How the server batches requests, in words; empty where it is not known to.
    """

    backend: str
    version: str
    digest: str
    not_exercised: tuple[str, ...]
    batching: str = ""


class ModelLoadError(Exception):
    """The server runs here, and cannot load this model: the model's fault, not the machine's.

    Attributes:
        code: TensorFlow's code.
        message: TensorFlow's text.
        log_tail: The last lines that the server logged.
    """

    def __init__(self, code: Code, message: str, log_tail: str) -> None:
        super().__init__(code, message, log_tail)
        self.code = code
        self.message = message
        self.log_tail = log_tail

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


@dataclass(frozen=True)
class RunningCanary:
    """A server that holds the model and answers.

    Attributes:
        identity: Which server it is.
        client: Asks it; closed with the canary.
        grpc_address: HOST:PORT of the gRPC API.
        rest_address: HOST:PORT of the REST API; None where it cannot be reached.
        model_name: The model's name in requests.
        version: The number of the version that is served.
        log_tail: Returns the last lines that the server logged.
        no_fresh_start: Why this server cannot be started a second time; None where it can.
        largest_batch: The most rows of a request that it is known to take; None for no such limit.
    """

    identity: ServerIdentity
    client: CanaryClient
    grpc_address: str
    rest_address: str | None
    model_name: str
    version: int
    log_tail: Callable[[], str]
    no_fresh_start: str | None = None
    largest_batch: int | None = None


class CanaryBackend(Protocol):
    """A way to start a server."""

    def start(
        self, model_path: Path, *, startup_deadline_s: float
    ) -> AbstractContextManager[RunningCanary]:
        """Start a server with a model; nothing of it is left after the block.

        Args:
            model_path: A SavedModel, or a base path with numbered versions.
            startup_deadline_s: How long it may take until it answers.

        Raises:
            ModelLoadError: If the model cannot be loaded.
            BadInputError: If there is no model at the path.
            ServerUnavailableError: If the server cannot be run for a reason outside the model.
        """
        ...
