"""The folder of a case: the model that is served, and what its trainer recorded."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import tensorflow as tf
from toy_models import PlainModule

from tfx_parity.protos import prediction_log_pb2
from tfx_parity.tfrecord import write_records
from tfx_parity.training import (
    ServableModel,
    ServingModule,
    TransformGraph,
    record_predictions,
    save_for_serving,
)

COUNT = 320
MODEL, RUN, PREDICTIONS = "model", "run", "predictions.tfrecord"
# What a server that already runs serves in the place of the model.
SERVED = "served"
# There where a server's REST front writes numbers as old ones did.
OLD_REST = "old_rest"
# The newest instruction set of the processor that a server runs on, as oneDNN names it.
INSTRUCTION_SET = "instruction_set"
# How the server batches requests, where it does.
BATCHING = "batching_parameters.pbtxt"


class Toy:
    """The toy transform graph, and a model that was trained on it and exported rightly."""

    def __init__(self, uri: Path, root: Path) -> None:
        self.uri = uri
        self._root = root

    @cached_property
    def graph(self) -> TransformGraph:
        return TransformGraph(str(self.uri))

    @cached_property
    def rightly(self) -> Path:
        """A folder with the model and the run of a plain module."""
        model = PlainModule()
        save_for_serving(self.serving(model), self.graph, str(self._root / MODEL))
        self.record(model, self._root)
        return self._root

    def serving(
        self, model: Callable[..., object], kind: type[ServingModule] = ServingModule
    ) -> ServingModule:
        return kind(ServableModel(model, self.graph.contract), self.graph)

    def record(self, model: Callable[..., object], folder: Path) -> None:
        arguments = SimpleNamespace(transform_output=str(self.uri), model_run_dir=str(folder / RUN))
        record_predictions(model, arguments)

    def copy(self, folder: Path) -> Path:
        """Copy the right model and its run into a case's folder; return the model."""
        shutil.copytree(self.rightly, folder, dirs_exist_ok=True)
        return folder / MODEL

    def serve_otherwise(self, folder: Path, kind: type[ServingModule]) -> None:
        """Export the plain module behind another serving module; its trainer recorded the same."""
        shutil.copytree(self.rightly / RUN, folder / RUN)
        save_for_serving(self.serving(PlainModule(), kind), self.graph, str(folder / MODEL))


Builder = Callable[[Path, Toy], None]
BUILDERS: dict[str, Builder] = {}


def builds(function: Builder) -> Builder:
    """Register what builds the case of the function's name."""
    BUILDERS[function.__name__] = function
    return function


def save(
    folder: Path,
    module: tf.Module,
    function: Callable[..., object],
    name: str = "serving_default",
    **specs: tf.TensorSpec,
) -> None:
    """Save a module with one signature."""
    module.signature = tf.function(function).get_concrete_function(
        **{key: tf.TensorSpec(spec.shape, spec.dtype, key) for key, spec in specs.items()}
    )
    tf.saved_model.save(module, str(folder / MODEL), signatures={name: module.signature})


def record(
    folder: Path,
    inputs: Mapping[str, Sequence[object]],
    outputs: Mapping[str, object],
    signature: str = "serving_default",
) -> None:
    """Record predictions as a plain file of PredictionLogs, one example a record.

    Args:
        folder: The case's folder.
        inputs: By name, a row an example; a list where rows have different shapes.
        outputs: By name, a row an example.
        signature: The signature that was asked.
    """
    answers = {name: np.asarray(value) for name, value in outputs.items()}
    count = len(next(iter(inputs.values())))
    logs = []
    for row in range(count):
        log = prediction_log_pb2.PredictionLog().predict_log
        log.request.model_spec.signature_name = signature
        for name, values in inputs.items():
            log.request.inputs[name].CopyFrom(_batch_of_one(values[row]))
        for name, rows in answers.items():
            log.response.outputs[name].CopyFrom(_batch_of_one(rows[row]))
        logs.append(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())
    write_records(folder / PREDICTIONS, logs)


def _batch_of_one(row: object) -> object:
    # As numpy's own strings, bytes would lose the NULs at their end.
    kind = object if isinstance(row, bytes) else None
    return tf.make_tensor_proto(np.asarray(row, dtype=kind)[np.newaxis])


def normals(*shape: int, seed: int = 0) -> np.ndarray:
    """Return seeded float32 numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
