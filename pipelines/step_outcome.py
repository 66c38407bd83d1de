"""What became of a pipeline's step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StepOutput:
    """An artifact that a step put out.

    Attributes:
        path: Its folder.
        properties: Its own and custom properties that are texts or whole numbers.
    """

    path: Path
    properties: Mapping[str, str | int]


@dataclass(frozen=True)
class StepOutcome:
    """What became of a step.

    Attributes:
        cached: Whether its outputs were taken from an earlier run.
        outputs: The artifacts by key; of several under one key the last.
    """

    cached: bool
    outputs: Mapping[str, StepOutput]
