"""Askers: a request for some examples, one for each way of asking, and its answer by rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary.client import CanaryClient
from tfx_parity.canary_validator.answers import Asker, split_rows, stack_rows
from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.contract import ServingContract, TransformedFeature
from tfx_parity.contract.examples import component_arrays, rows_of_components
from tfx_parity.protos import SignatureDef

Signatures = Mapping[str, SignatureDef]
_RowLists = Mapping[str, list[NDArray[np.generic]]]


def predict_asker(client: CanaryClient, signature: str, inputs: Rows) -> Asker:
    """Return what asks a signature over gRPC."""

    def ask(indices: Sequence[int]) -> _RowLists:
        return split_rows(client.predict(signature, stack_rows(inputs, indices)), len(indices))

    return ask


def columns_asker(client: CanaryClient, signature: str, inputs: Rows) -> Asker:
    """Return what asks a signature over REST in column form."""

    def ask(indices: Sequence[int]) -> _RowLists:
        outputs = client.predict_columns(signature, stack_rows(inputs, indices))
        return split_rows(outputs, len(indices))

    return ask


def rows_asker(
    client: CanaryClient, signature: str, inputs: Mapping[str, Sequence[NDArray[np.generic]]]
) -> Asker:
    """Return what asks a signature over REST in row form."""

    def ask(indices: Sequence[int]) -> _RowLists:
        instances = [{name: rows[i] for name, rows in inputs.items()} for i in indices]
        return split_rows(client.predict_rows(signature, instances), len(indices))

    return ask


def transform_asker(
    client: CanaryClient,
    contract: ServingContract,
    examples: Sequence[bytes],
    signatures: Signatures,
) -> Asker:
    """Return what asks a model for the transformed features of raw examples."""
    (input_name,) = signatures["transform_features"].inputs

    def ask(indices: Sequence[int]) -> _RowLists:
        batch = np.array([examples[i] for i in indices], dtype=object)
        outputs = client.predict("transform_features", {input_name: batch})
        rows = {
            f.name: rows_of_components(outputs, f, len(indices)) for f in contract.serving_features
        }
        return {name: found for name, found in rows.items() if found is not None}

    return ask


def transformed_asker(
    client: CanaryClient,
    contract: ServingContract,
    records: Sequence[bytes],
    signatures: Signatures,
) -> Asker:
    """Return what asks `predict_transformed` on transformed records."""
    features = _taken_features(contract, signatures["predict_transformed"])

    def ask(indices: Sequence[int]) -> _RowLists:
        inputs = component_arrays([records[i] for i in indices], features)
        return split_rows(client.predict("predict_transformed", inputs), len(indices))

    return ask


def _taken_features(contract: ServingContract, signature: SignatureDef) -> list[TransformedFeature]:
    """Return the transformed features that a signature takes."""
    inputs = set(signature.inputs)
    return [
        f for f in contract.transformed_features if f.name in inputs or f"{f.name}_values" in inputs
    ]
