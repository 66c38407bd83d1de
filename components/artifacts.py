"""Artifact types of tfx-parity."""

from __future__ import annotations

from tfx.types import artifact


class ParityReport(artifact.Artifact):
    """A model's answers in Serving against its trainer's: `report.json` and `report.html`."""

    TYPE_NAME = "ParityReport"
    PROPERTIES = {  # noqa: RUF012 - TFX reads it from the class
        "verdict": artifact.Property(type=artifact.PropertyType.STRING),
        "examples": artifact.Property(type=artifact.PropertyType.INT),
        "mismatching": artifact.Property(type=artifact.PropertyType.INT),
    }


class PayloadReport(artifact.Artifact):
    """What clients send against what a model takes: `report.json` and `report.html`."""

    TYPE_NAME = "PayloadReport"
    PROPERTIES = {  # noqa: RUF012 - TFX reads it from the class
        "verdict": artifact.Property(type=artifact.PropertyType.STRING),
        "payloads": artifact.Property(type=artifact.PropertyType.INT),
        "faults": artifact.Property(type=artifact.PropertyType.INT),
    }
