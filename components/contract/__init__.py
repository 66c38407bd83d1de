"""The serving contract, the parity sample and the trainer predictions: read, write, digest.

Files of records are loaded when they are asked for: who checks requests by a contract needs none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tfx_parity.contract.features import Domain, RawFeature, TransformedFeature
from tfx_parity.contract.serving_contract import Digests, ServingContract

if TYPE_CHECKING:
    from tfx_parity.contract.parity_sample import CoverageRow, Pair, ParitySample
    from tfx_parity.contract.trainer_predictions import TrainerPredictions, VariableDigest

_HOMES = {
    "CoverageRow": "parity_sample",
    "Pair": "parity_sample",
    "ParitySample": "parity_sample",
    "TrainerPredictions": "trainer_predictions",
    "VariableDigest": "trainer_predictions",
}

__all__ = [
    "CoverageRow",
    "Digests",
    "Domain",
    "Pair",
    "ParitySample",
    "RawFeature",
    "ServingContract",
    "TrainerPredictions",
    "TransformedFeature",
    "VariableDigest",
]


def __getattr__(name: str) -> object:
    """Load a class of a file of records when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
