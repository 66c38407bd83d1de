"""How a check is made."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from tfx_parity.canary_validator.comparing import Limits
from tfx_parity.comparison.tolerance import TolerancePolicy


@dataclass(frozen=True)
class CheckOptions:
    """How a check is made.

    Attributes:
        max_mismatch_rate: The rate of mismatching examples allowed, a fraction.
        confidence: Confidence of the bound on that rate.
        tolerances: The tolerance of each output.
        batch_size: How many examples to send at once.
        startup_deadline_s: How long a server may take until it answers.
        redact: Whether to leave what clients send out of the result.
        allow_version_mismatch: Whether a server of another TensorFlow than the model's is told as a
            warning and is no cause to fail.
        server_options: The command's words that choose the server, for the result's command.
    """

    max_mismatch_rate: float = 0.01
    confidence: float = 0.95
    tolerances: TolerancePolicy = field(default_factory=TolerancePolicy)
    batch_size: int = 64
    startup_deadline_s: float = 120.0
    redact: bool = False
    allow_version_mismatch: bool = False
    server_options: tuple[str, ...] = ()

    @property
    def limits(self) -> Limits:
        """What decides over a count of mismatching examples."""
        return Limits(self.max_mismatch_rate, self.confidence)

    def command(self, model: Path, predictions: str) -> str:
        """Return the command of such a check, with every option that is not its default.

        Args:
            model: What is checked.
            predictions: Where the recorded predictions lie.
        """
        defaults = CheckOptions()
        words = ["tfx-parity", "check", str(model), "--predictions", predictions]
        words += self.server_options
        for name, value, default in (
            ("--max-mismatch-rate", self.max_mismatch_rate, defaults.max_mismatch_rate),
            ("--confidence", self.confidence, defaults.confidence),
            ("--batch-size", self.batch_size, defaults.batch_size),
            ("--startup-deadline", self.startup_deadline_s, defaults.startup_deadline_s),
        ):
            if value != default:
                words += [name, f"{value!r}"]
        for name, tolerance in sorted(self.tolerances.overrides.items()):
            words += ["--tolerance", f"{name}={tolerance.rtol!r},{tolerance.atol!r}"]
        if self.redact:
            words.append("--redact")
        if self.allow_version_mismatch:
            words.append("--allow-version-mismatch")
        return shlex.join(words)
