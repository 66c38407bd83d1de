"""What a child says to its parent while it starts: one JSON object a line."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import Enum

from tfx_parity.serving_api.status import Code


class Stage(Enum):
    """How far a starting server has come, or why it goes no further."""

    LOADING = "loading"
    """TensorFlow's libraries are open, the model is being loaded: what happens now is its doing."""
    READY = "ready"
    """It answers."""
    MODEL_REFUSED = "model refused"
    """TensorFlow cannot load the model, or a warm-up request failed."""
    INPUT_REFUSED = "input refused"
    """What the server was given cannot be used: no model at the path, a port in use."""
    UNAVAILABLE = "unavailable"
    """This machine cannot run the server: no TensorFlow."""


@dataclass(frozen=True)
class StartupReport:
    """One report of a starting server.

    Attributes:
        stage: How far it has come.
        message: Why it goes no further.
        code: TensorFlow's code where the model was refused.
        grpc_port: Port of the gRPC API, once ready.
        rest_port: Port of the REST API, once ready.
        version: The served version's number, once ready.
        tensorflow: TensorFlow's version, once known.
    """

    stage: Stage
    message: str = ""
    code: Code = Code.OK
    grpc_port: int = 0
    rest_port: int = 0
    version: int = 0
    tensorflow: str = ""

    def to_line(self) -> bytes:
        """Return the report as one line, without its end."""
        values = dataclasses.asdict(self) | {"stage": self.stage.value, "code": int(self.code)}
        return json.dumps(values).encode()

    @classmethod
    def from_line(cls, line: bytes) -> StartupReport:
        """Read a report from its line.

        Raises:
            ValueError: If the line is not a report.
        """
        values = json.loads(line)
        values["stage"], values["code"] = Stage(values["stage"]), Code(values["code"])
        return cls(**values)
