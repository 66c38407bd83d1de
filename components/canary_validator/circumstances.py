"""Circumstances: what a result holds for, and how it is had again."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from tfx_parity.canary.backend import ServerIdentity
from tfx_parity.canary.inspection import ModelInspection
from tfx_parity.canary_validator.check_options import CheckOptions
from tfx_parity.canary_validator.comparing import tolerance_text
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.files import sha256_of_file
from tfx_parity.version import VERSION


@dataclass(frozen=True)
class Circumstances:
    """What a check was made of.

    Attributes:
        model: The SavedModel.
        recorded: What it was held against.
        options: How.
        not_exercised: What of TensorFlow Serving the canary leaves unproven.
        identity: Which server answered; None where none came so far.
        inspection: What the model shows without a request; None where nothing was seen.
    """

    model: Path
    recorded: Recorded
    options: CheckOptions
    not_exercised: tuple[str, ...]
    identity: ServerIdentity | None = None
    inspection: ModelInspection | None = None

    @property
    def tolerances(self) -> dict[str, str]:
        """The tolerance of each output, as text."""
        rows = self.recorded.outputs or {}
        return {
            name: tolerance_text(self.options.tolerances.for_output(name, values[0].dtype))
            for name, values in sorted(rows.items())
        }

    @property
    def environment(self) -> dict[str, str]:
        """Versions and digests."""
        graph = self.model / "saved_model.pb"
        environment = {
            "model": str(self.model),
            "model graph sha256": sha256_of_file(graph) if graph.is_file() else "no saved_model.pb",
            "predictions": self.recorded.source,
            "python": platform.python_version(),
            "tfx-parity": VERSION,
        }
        if self.identity is not None:
            environment["canary"] = f"{self.identity.backend}, {self.identity.version}"
            environment["canary digest"] = self.identity.digest
            if self.identity.batching:
                environment["request batching"] = self.identity.batching
        if self.inspection is not None:
            environment["model written by TensorFlow"] = self.inspection.tensorflow_version
        return dict(sorted(environment.items()))

    @property
    def command(self) -> str:
        """The command that gives the result again."""
        return self.options.command(self.model, self.recorded.source)
