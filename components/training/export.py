"""Export of a trained model for TensorFlow Serving."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfx_parity.contract import RawFeature
from tfx_parity.contract.examples import raw_arrays, without_features
from tfx_parity.contract.serving_contract import FILE_NAME
from tfx_parity.errors import BadInputError
from tfx_parity.protos import prediction_log_pb2
from tfx_parity.training.row_counts import check_row_counts
from tfx_parity.training.servable_model import ServableModel
from tfx_parity.training.serving_module import ServingModule
from tfx_parity.training.transform_graph import TransformGraph

Asked: TypeAlias = "Callable[..., dict[str, tf.Tensor]]"

_log = logging.getLogger(__name__)
_WARMUP_FILE = "tf_serving_warmup_requests"
_WARMUP_EXAMPLES = 3


class ExportArguments(Protocol):
    """What `export_for_serving` reads of TFX's `FnArgs`."""

    transform_output: str
    serving_model_dir: str


def export_for_serving(model: Callable[..., object], fn_args: ExportArguments) -> None:
    """Save a trained model with every signature that its check and its clients need.

    Signatures: `serving_default` (serialized `tf.Example`s), `serve_raw` (one tensor a raw feature,
    for REST clients), `transform_features` and `predict_transformed` (its two halves), and
    `transform_features_labelled` (for Evaluator). The serving contract and warm-up requests go into
    `assets.extra`.

    Args:
        model: A built tf_keras or Keras 3 model, or a callable `tf.Module` that takes a dict of
            transformed features. Keras models are called with `training=False`.
        fn_args: TFX's `FnArgs`: `transform_output` of TransformGraphGen, `serving_model_dir`.

    Raises:
        BadInputError: If the model takes a feature that the transform graph does not make or one
            that needs a label, or answers another number of rows than it is asked for.
    """
    graph = TransformGraph(fn_args.transform_output)
    module = ServingModule(ServableModel(model, graph.contract), graph)
    save_for_serving(module, graph, fn_args.serving_model_dir)


def save_for_serving(module: ServingModule, graph: TransformGraph, directory: str) -> None:
    """Save a serving module, its contract and its warm-up requests, whole or not at all.

    Args:
        module: The module to save.
        graph: The transform graph that it holds.
        directory: Where to save; local or remote; replaced if it exists.

    Raises:
        BadInputError: If the module answers another number of rows than it is asked for.
    """
    records = _serving_records(graph)
    signatures = module.signatures()
    _check_rows(cast("Asked", signatures["serving_default"]), records)
    beside = f"{directory.rstrip('/')}.tmp"
    if tf.io.gfile.exists(beside):
        tf.io.gfile.rmtree(beside)
    tf.saved_model.save(module, beside, signatures=signatures)
    _write_extra(beside, FILE_NAME, graph.contract.to_json())
    requests = _warmup_requests(records[:_WARMUP_EXAMPLES], graph.contract.raw_features)
    _write_warmup(beside, requests)
    if tf.io.gfile.exists(directory):
        tf.io.gfile.rmtree(directory)
    tf.io.gfile.rename(beside, directory)
    _log.info("Exported %d signatures to %s", len(signatures), directory)


def _serving_records(graph: TransformGraph) -> list[bytes]:
    labels = graph.contract.label_features
    pairs = graph.sample.pairs[:_WARMUP_EXAMPLES]
    return [without_features(pair.raw, labels) for pair in pairs]


def _check_rows(serving_default: Asked, records: list[bytes]) -> None:
    if not records:
        raise BadInputError("Expected a parity sample with examples, found an empty one.")
    for count in sorted({1, len(records)}):
        answer = serving_default(examples=tf.constant(records[:count]))
        check_row_counts({name: value.shape for name, value in answer.items()}, count)


def _write_extra(directory: str, name: str, data: bytes) -> None:
    tf.io.gfile.makedirs(f"{directory}/assets.extra")
    with tf.io.gfile.GFile(f"{directory}/assets.extra/{name}", "wb") as file:
        file.write(data)


def _write_warmup(directory: str, requests: Sequence[bytes]) -> None:
    with tf.io.TFRecordWriter(f"{directory}/assets.extra/{_WARMUP_FILE}") as writer:
        for request in requests:
            writer.write(request)


def _warmup_requests(records: Sequence[bytes], features: Sequence[RawFeature]) -> list[bytes]:
    requests = {
        "serving_default": {"examples": np.array(records, dtype=object)},
        "serve_raw": raw_arrays(records, features),
    }
    return [_warmup_request(name, inputs) for name, inputs in requests.items()]


def _warmup_request(signature_name: str, inputs: Mapping[str, NDArray[np.generic]]) -> bytes:
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature_name
    for name, array in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    return log.SerializeToString(deterministic=True)
