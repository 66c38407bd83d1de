"""Waiting until a model server holds its model, or says that it cannot."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import grpc

from tfx_parity.canary.backend import ModelLoadError
from tfx_parity.canary.client import VersionStatus, open_channel, version_statuses
from tfx_parity.canary.model_server import LOG_LINES, find_refusal, has_begun_to_load
from tfx_parity.errors import ServerUnavailableError
from tfx_parity.protos import get_model_status_pb2, model_pb2, model_service_pb2_grpc
from tfx_parity.serving_api.status import Code

_POLL_S = 0.1
_ANSWER_S = 5.0
_OK = 200
# A server that loads refuses connections, or knows no model yet.
_NOT_YET = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.CANCELLED,
    }
)


@dataclass(frozen=True)
class StartedServer:
    """A server that was started and of which nothing is known yet.

    Attributes:
        name: What it is called in messages.
        grpc_address: HOST:PORT of the gRPC API.
        rest_address: HOST:PORT of the REST API.
        model_name: The model's name in requests.
        obituary: Given seconds to wait, says how it died, None if it lives.
        log_tail: Given a number of lines, returns the last that it logged.
        crashed: Whether it ended by a signal that a program brings upon itself.
    """

    name: str
    grpc_address: str
    rest_address: str
    model_name: str
    obituary: Callable[[float], str | None]
    log_tail: Callable[[int], str]
    crashed: Callable[[], bool]

    def await_model(self, startup_deadline_s: float) -> int:
        """Wait until the server answers for its model over gRPC and REST.

        Args:
            startup_deadline_s: How long that may take.

        Returns:
            The number of the version that it serves.

        Raises:
            ModelLoadError: If the server says that it cannot load the model, crashes while it
                loads it, or is not done in time.
            ServerUnavailableError: If it ends, or does not answer, for another reason.
        """
        deadline = time.monotonic() + startup_deadline_s
        version = self._await(deadline, startup_deadline_s, self._served_version)
        self._await(deadline, startup_deadline_s, self._rest_answers)
        return version

    def _await(
        self, deadline: float, startup_deadline_s: float, look: Callable[[float], int | None]
    ) -> int:
        while (left := deadline - time.monotonic()) > 0:
            found = look(min(left, _ANSWER_S))
            obituary = self.obituary(0.0)
            if obituary is not None:
                raise self._ended(obituary)
            if found is not None:
                return found
            time.sleep(_POLL_S)
        raise self._late(startup_deadline_s)

    def _served_version(self, timeout_s: float) -> int | None:
        statuses = ask_status(self.grpc_address, self.model_name, timeout_s)
        return served_version(statuses, self.log_tail)

    def _rest_answers(self, timeout_s: float) -> int | None:
        """Return 1 where the REST front answers: it is opened after the gRPC front."""
        connection = http.client.HTTPConnection(self.rest_address, timeout=timeout_s)
        try:
            connection.request("GET", f"/v1/models/{quote(self.model_name, safe='')}")
            return 1 if connection.getresponse().status == _OK else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _ended(self, obituary: str) -> ModelLoadError | ServerUnavailableError:
        log = self.log_tail(LOG_LINES)
        refusal = find_refusal(log)
        if refusal is not None:
            return refusal
        if self.crashed() and has_begun_to_load(log):
            return ModelLoadError(Code.INTERNAL, f"While loading the model, {obituary}", log)
        return ServerUnavailableError(f"Expected {self.name} to start, found: {obituary}")

    def _late(self, startup_deadline_s: float) -> ModelLoadError | ServerUnavailableError:
        log = self.log_tail(LOG_LINES)
        if has_begun_to_load(log):
            return ModelLoadError(
                Code.DEADLINE_EXCEEDED,
                f"{self.name} did not load the model within {startup_deadline_s:g} s.",
                log,
            )
        tail = f" Its last lines:\n{log}" if log else ""
        return ServerUnavailableError(
            f"Expected {self.name} to answer at {self.grpc_address} (gRPC) and "
            f"{self.rest_address} (REST) within {startup_deadline_s:g} s, found no answer. Give it "
            f"longer (--startup-deadline), or look what keeps it.{tail}"
        )


def ask_status(grpc_address: str, model_name: str, timeout_s: float) -> tuple[VersionStatus, ...]:
    """Ask a server once for the state of its model, over a connection of its own.

    A connection that failed is tried again after ever longer pauses; a new one at once.

    Returns:
        The states, none where the server does not answer yet.

    Raises:
        ServerUnavailableError: If the server refuses to tell.
    """
    request = get_model_status_pb2.GetModelStatusRequest(
        model_spec=model_pb2.ModelSpec(name=model_name)
    )
    with open_channel(grpc_address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        try:
            return version_statuses(stub.GetModelStatus(request, timeout=timeout_s))
        except grpc.RpcError as error:
            if error.code() in _NOT_YET:
                return ()
            raise ServerUnavailableError(
                f"Expected the state of model {model_name!r} from {grpc_address}, found "
                f"{error.code().name}: {error.details()}. Is it a TensorFlow Serving gRPC port?"
            ) from error


def served_version(
    statuses: tuple[VersionStatus, ...], log_tail: Callable[[int], str]
) -> int | None:
    """Return the version that requests get: the latest that is available; None for not yet.

    Raises:
        ModelLoadError: If every version ended, one of them with an error.
    """
    available = [status.version for status in statuses if status.state == "AVAILABLE"]
    if available:
        return max(available)
    failed = [status for status in statuses if status.state == "END" and status.code]
    if failed and all(status.state == "END" for status in statuses):
        raise ModelLoadError(failed[0].code, failed[0].message, log_tail(LOG_LINES))
    return None
