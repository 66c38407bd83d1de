"""Asks the server that answers for a pushed version whether it is the one, and answers alike."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tfx_parity.canary.backend import CanaryBackend
from tfx_parity.canary.client import CanaryClient, CanaryDied, RequestError, VersionStatus
from tfx_parity.canary.endpoint import EndpointBackend
from tfx_parity.canary.versions import latest_version
from tfx_parity.canary_validator.check import check_model
from tfx_parity.canary_validator.recorded import read_recorded
from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.findings import Verdict

DEFAULT_DEADLINE_S = 120.0
_MODEL_RUNS = "artifacts/Trainer/model_run/*"
_POLL_S = 0.5
_AVAILABLE, _END = "AVAILABLE", "END"


@dataclass(frozen=True)
class Confirmation:
    """Checks a pushed version where it is served, against what its trainer recorded.

    Attributes:
        destination: The push destination.
        backend: The server: one that already runs, or one that is started on the destination.
        deadline_s: How long a running server may take until it serves the version.
    """

    destination: Path
    backend: CanaryBackend
    deadline_s: float = DEFAULT_DEADLINE_S

    def __call__(self, version: int, run: Path) -> str:
        """Return what is wrong with a version's answers; nothing where they are right.

        Args:
            version: The version that should be served.
            run: The folder of the run that trained it.

        Raises:
            BadInputError: If the run left no recorded predictions.
            ServerUnavailableError: If no server could be asked.
        """
        newest = latest_version(self.destination, "model").number
        if newest != version:
            return f"version {newest} lies in the push destination and would be served instead"
        recorded = read_recorded(_model_run(run))
        if isinstance(self.backend, EndpointBackend):
            failure = self._await(self.backend, version)
            if failure:
                return failure
        result = check_model(self.destination, recorded, self.backend)
        if result.verdict is Verdict.PASS:
            return ""
        causes = "; ".join(f"{cause.code.value}, {cause.place}" for cause in result.causes)
        return f"{result.verdict.value} after the push: {causes or result.decision.sentence}"

    def _await(self, backend: EndpointBackend, version: int) -> str:
        """Wait until a running server serves a version; return why it could not load it."""
        with CanaryClient(
            grpc_address=backend.endpoint.grpc_address,
            rest_address=None,
            model_name=backend.model_name,
        ) as client:
            deadline = time.monotonic() + self.deadline_s
            while True:
                status, told = _status(client, version)
                if status is not None and status.state == _AVAILABLE:
                    return ""
                if status is not None and status.state == _END and status.message:
                    return f"the server could not load it: {status.message}"
                if time.monotonic() > deadline:
                    raise ServerUnavailableError(
                        f"Expected {backend.endpoint.grpc_address} to serve version {version} of "
                        f"{backend.model_name!r} within {self.deadline_s:g} s, found {told}. Does "
                        f"it watch {self.destination}?"
                    )
                time.sleep(_POLL_S)


def _status(client: CanaryClient, version: int) -> tuple[VersionStatus | None, str]:
    """Return the state of a version at a server, if it knows of it, and what the server told."""
    try:
        statuses = client.status()
    except RequestError as error:  # It knows of no version yet.
        return None, str(error)
    except CanaryDied as error:
        raise ServerUnavailableError(f"Expected a model server that answers: {error}") from error
    found = next((status for status in statuses if status.version == version), None)
    return found, ", ".join(f"{each.version} {each.state}" for each in statuses) or "no version"


def _model_run(run: Path) -> Path:
    """Return the folder of what a run's trainer recorded."""
    folders = list(run.glob(_MODEL_RUNS))
    if len(folders) != 1:
        raise BadInputError(
            f"Expected one model_run of the Trainer in {run}, found {len(folders)}."
        )
    return folders[0]
