"""The serving contract, the parity sample and the trainer predictions: read, write, digest."""

from tfx_parity.contract.features import Domain, RawFeature, TransformedFeature
from tfx_parity.contract.parity_sample import CoverageRow, Pair, ParitySample
from tfx_parity.contract.serving_contract import Digests, ServingContract
from tfx_parity.contract.trainer_predictions import TrainerPredictions, VariableDigest

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
