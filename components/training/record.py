"""The trainer's own answers on the parity sample."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import ml_dtypes
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfx_parity.contract import CoverageRow, TrainerPredictions, VariableDigest
from tfx_parity.contract.examples import without_features
from tfx_parity.contract.trainer_predictions import (
    FOLDER_NAME,
    CoverageOutcome,
    write_trainer_predictions,
)
from tfx_parity.protos import prediction_log_pb2
from tfx_parity.training.row_counts import check_row_counts
from tfx_parity.training.servable_model import ServableModel
from tfx_parity.training.transform_graph import TransformGraph

_log = logging.getLogger(__name__)
_BATCH = 64
Outputs = Mapping[str, NDArray[np.generic]]


class RecordArguments(Protocol):
    """What `record_predictions` reads of TFX's `FnArgs`."""

    transform_output: str
    model_run_dir: str


def record_predictions(model: Callable[..., object], fn_args: RecordArguments) -> None:
    """Write what the trained model answers on the parity sample into the Trainer's `model_run`.

    The model in memory is asked with *transformed* records, as in training: not the exported
    serving function. Of each variable its digests are kept, so that a difference of weights can be
    placed later.

    Args:
        model: A built tf_keras or Keras 3 model, or a callable `tf.Module` that takes a dict of
            transformed features.
        fn_args: TFX's `FnArgs`: `transform_output` of TransformGraphGen, `model_run_dir`.

    Raises:
        BadInputError: If the model takes a feature that the transform graph does not make or one
            that needs a label, or answers another number of rows than it is asked for.
    """
    graph = TransformGraph(fn_args.transform_output)
    predictions = trainer_predictions(ServableModel(model, graph.contract), graph)
    target = f"{fn_args.model_run_dir.rstrip('/')}/{FOLDER_NAME}"
    with tempfile.TemporaryDirectory(prefix="tfx-parity-") as folder:
        write_trainer_predictions(Path(folder), predictions)
        _copy(Path(folder), target)
    _log.info("Recorded %d trainer predictions in %s", len(predictions.logs), target)


def _copy(folder: Path, target: str) -> None:
    """Copy a written folder to where it belongs, local or remote; the manifest comes last."""
    tf.io.gfile.makedirs(target)
    for path in sorted(folder.iterdir(), key=lambda p: (p.name == "manifest.json", p.name)):
        tf.io.gfile.copy(str(path), f"{target}/{path.name}", overwrite=True)


def trainer_predictions(model: ServableModel, graph: TransformGraph) -> TrainerPredictions:
    """Ask a model with the parity sample's transformed records.

    Args:
        model: The trained model.
        graph: The transform graph that it was trained on.

    Raises:
        BadInputError: If the model answers another number of rows than it is asked for.
    """
    sample, labels = graph.sample, graph.contract.label_features
    transformed = [pair.transformed for pair in sample.pairs]
    answers = _answers(model, graph, transformed, _BATCH)
    logs = [
        _prediction_log(without_features(pair.raw, labels), answer)
        for pair, answer in zip(sample.pairs, answers, strict=True)
    ]
    return TrainerPredictions(
        logs=tuple(logs),
        transformed=tuple(transformed),
        coverage=tuple(CoverageOutcome(r.feature, r.value, r.error) for r in sample.coverage),
        coverage_logs=tuple(_coverage_log(model, graph, row) for row in sample.coverage),
        coverage_transformed=tuple(row.transformed or b"" for row in sample.coverage),
        variables=tuple(_digest(path, value) for path, value in model.variables().items()),
        contract=graph.contract,
    )


def _answers(
    model: ServableModel, graph: TransformGraph, records: Sequence[bytes], batch: int
) -> list[Outputs]:
    """Return the model's answer to each record, asked in batches."""
    answers: list[Outputs] = []
    for start in range(0, len(records), batch):
        asked = list(records[start : start + batch])
        features = tf.io.parse_example(asked, graph.transformed_feature_spec())
        outputs = {name: value.numpy() for name, value in model(features).items()}
        check_row_counts({name: value.shape for name, value in outputs.items()}, len(asked))
        answers += [
            {name: value[row : row + 1] for name, value in outputs.items()}
            for row in range(len(asked))
        ]
    return answers


def _coverage_log(model: ServableModel, graph: TransformGraph, row: CoverageRow) -> bytes:
    raw = without_features(row.raw, graph.contract.label_features)
    if row.transformed is None:
        return _prediction_log(raw, {})
    return _prediction_log(raw, _answers(model, graph, [row.transformed], 1)[0])


def _prediction_log(raw: bytes, outputs: Outputs) -> bytes:
    """Return a `PredictionLog` of one example, in deterministic form."""
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = "serving_default"
    request.inputs["examples"].CopyFrom(tf.make_tensor_proto([raw]))
    for name, value in outputs.items():
        log.predict_log.response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log.SerializeToString(deterministic=True)


def _digest(path: str, value: NDArray[np.generic]) -> VariableDigest:
    is_float = np.issubdtype(value.dtype, np.floating)
    with np.errstate(over="ignore"):  # What float16 cannot hold becomes infinite, as in an export.
        half = value.astype(np.float16).astype(value.dtype) if is_float else value
    brain = value.astype(ml_dtypes.bfloat16).astype(value.dtype) if is_float else value
    return VariableDigest(
        path=path,
        dtype=str(value.dtype),
        shape=value.shape,
        sha256=_sha256(value),
        sha256_float16=_sha256(half),
        sha256_bfloat16=_sha256(brain),
    )


def _sha256(value: NDArray[np.generic]) -> str:
    if value.dtype == object:  # A string variable: its elements have no bytes in common memory.
        return hashlib.sha256(b"\0".join(bytes(v) for v in value.ravel().tolist())).hexdigest()
    little_endian = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<"))
    return hashlib.sha256(little_endian.tobytes()).hexdigest()
