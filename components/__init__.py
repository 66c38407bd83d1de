"""Proof that a model answers in TensorFlow Serving what it answered in training.

Importing this package loads neither TensorFlow nor TFX: what needs them is loaded when it is asked
for (Kubeflow resolves an artifact's type name, `tfx_parity.ParityReport`, by importing this).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tfx_parity.version import VERSION

if TYPE_CHECKING:
    from tfx_parity.artifacts import ParityReport, PayloadReport
    from tfx_parity.canary_validator.component import CanaryValidator
    from tfx_parity.payload_validator.component import PayloadValidator
    from tfx_parity.payloads.guard import PayloadGuard
    from tfx_parity.prediction_logs.comparison import ComparePredictions
    from tfx_parity.transform_graph_gen.component import TransformGraphGen

__version__ = VERSION

_HOMES = {
    "CanaryValidator": "tfx_parity.canary_validator.component",
    "ComparePredictions": "tfx_parity.prediction_logs.comparison",
    "ParityReport": "tfx_parity.artifacts",
    "PayloadGuard": "tfx_parity.payloads.guard",
    "PayloadReport": "tfx_parity.artifacts",
    "PayloadValidator": "tfx_parity.payload_validator.component",
    "TransformGraphGen": "tfx_parity.transform_graph_gen.component",
}

__all__ = [
    "CanaryValidator",
    "ComparePredictions",
    "ParityReport",
    "PayloadGuard",
    "PayloadReport",
    "PayloadValidator",
    "TransformGraphGen",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Load a component, a transform or an artifact class when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tfx_parity' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
