"""Faults of the run time: what is left in training mode, drawn, kept, shared or rewritten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from corpus_folder import BATCHING, COUNT, INSTRUCTION_SET, Toy, builds, normals, record, save
from corpus_keras import classifier, image_classifier

_VECTORS = tf.TensorSpec([None, 4], tf.float32)
_IMAGES = tf.TensorSpec([None, 6, 6, 3], tf.float32)
_SLOW_STEPS = 60
Outputs = Mapping[str, object]


def _in_training(folder: Path, model: object, inputs: np.ndarray, spec: tf.TensorSpec) -> None:
    """Serve a Keras model with training=True; its trainer recorded it without."""
    module = tf.Module()
    # Of Keras 3 the values themselves: its own variables are not tracked by TensorFlow.
    module.values = [getattr(v, "_value", v) for v in model.variables]
    save(folder, module, lambda x: {"y": model(x, training=True)}, x=spec)
    record(folder, {"x": inputs}, {"y": model(inputs, training=False)})


@builds
def dropout_left_on(folder: Path, toy: Toy) -> None:
    import tf_keras

    _in_training(folder, classifier(tf_keras), normals(COUNT, 4), _VECTORS)


@builds
def dropout_left_on_keras_3(folder: Path, toy: Toy) -> None:
    import keras

    _in_training(folder, classifier(keras), normals(COUNT, 4), _VECTORS)


@builds
def batch_norm_left_in_training(folder: Path, toy: Toy) -> None:
    import tf_keras

    _in_training(folder, image_classifier(tf_keras), normals(COUNT, 6, 6, 3), _IMAGES)


class _Linear(tf.Module):
    """Four numbers times a kernel, and what a case does around it."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(normals(4, 3, seed=1), name="kernel")

    def logits(self, x: object) -> tf.Tensor:
        return tf.matmul(x, self.kernel)


def _served_otherwise(
    folder: Path, serve: Callable[[_Linear, tf.Tensor], object], trained: Callable[..., object]
) -> None:
    """Serve a linear model one way; its trainer recorded it another way."""
    module, x = _Linear(), normals(COUNT, 4)
    save(folder, module, lambda x: {"y": serve(module, x)}, x=_VECTORS)
    record(folder, {"x": x}, {"y": trained(module.logits(x))})


@builds
def random_op_without_seed(folder: Path, toy: Toy) -> None:
    def explore(module: _Linear, x: tf.Tensor) -> tf.Tensor:
        logits = module.logits(x)
        return logits + tf.random.normal(tf.shape(logits), stddev=0.1)

    _served_otherwise(folder, explore, tf.identity)


@builds
def random_op_with_a_seed(folder: Path, toy: Toy) -> None:
    def explore(module: _Linear, x: tf.Tensor) -> tf.Tensor:
        logits = module.logits(x)
        return logits + tf.random.uniform(tf.shape(logits), seed=7)

    _served_otherwise(folder, explore, tf.identity)


@builds
def normalised_over_the_batch(folder: Path, toy: Toy) -> None:
    def over_batch(module: _Linear, x: tf.Tensor) -> tf.Tensor:
        mean, variance = tf.nn.moments(x, [0])
        return module.logits((x - mean) / tf.sqrt(variance + 1e-3))

    _served_otherwise(folder, over_batch, tf.identity)


@builds
def softmax_over_the_batch(folder: Path, toy: Toy) -> None:
    _served_otherwise(
        folder, lambda module, x: tf.nn.softmax(module.logits(x), axis=0), tf.nn.softmax
    )


@builds
def answers_counted(folder: Path, toy: Toy) -> None:
    """An exploration bonus by the number of requests so far: state that requests change."""
    module, x = _Linear(), normals(COUNT, 4)
    module.requests = tf.Variable(0, dtype=tf.int64, name="requests")

    def serve(x: tf.Tensor) -> Outputs:
        seen = tf.cast(module.requests.assign_add(1), tf.float32)
        return {"y": module.logits(x) + 1 / seen}

    save(folder, module, serve, x=_VECTORS)
    record(folder, {"x": x}, {"y": module.logits(x)})


@builds
def buffer_shared_by_requests(folder: Path, toy: Toy) -> None:
    """A request keeps its features in a variable while something slow goes on."""
    module, x = _Linear(), normals(COUNT, 4)
    module.buffer = tf.Variable(tf.zeros([1, 4]), shape=tf.TensorShape([None, 4]), name="buffer")

    def serve(x: tf.Tensor) -> Outputs:
        module.buffer.assign(x)
        slow = tf.fill([128, 128], module.buffer[0, 0])
        for _ in tf.range(_SLOW_STEPS):
            slow = tf.tanh(tf.matmul(slow, slow) / 128)
        with tf.control_dependencies([slow]):
            kept = module.buffer.read_value()
        return {"y": module.logits(kept) + 0 * slow[0, 0]}

    save(folder, module, serve, x=_VECTORS)
    record(folder, {"x": x}, {"y": module.logits(x)})


@builds
def division_rewritten(folder: Path, toy: Toy) -> None:
    """X / 61 becomes x * (1 / 61), and 61 * (1 / 61) is less than one in float32."""
    amounts = (np.arange(COUNT, dtype=np.float32)[:, np.newaxis] + 1) * 61
    save(
        folder,
        tf.Module(),
        lambda amount: {"bucket": tf.cast(tf.floor(amount / 61.0), tf.int64)},
        amount=tf.TensorSpec([None, 1], tf.float32),
    )
    record(folder, {"amount": amounts}, {"bucket": np.floor(amounts / 61).astype(np.int64)})


@builds
def padded_with_its_neighbours(folder: Path, toy: Toy) -> None:
    """Inputs of different lengths that the server's own batching pads by their first element."""
    table = normals(40, 3, seed=1)
    ids = [np.arange(1 + row % 5, dtype=np.int64) + row % 35 for row in range(COUNT)]
    spec = tf.TensorSpec([None, None], tf.int64)
    save(folder, tf.Module(), lambda ids: {"y": tf.reduce_sum(tf.gather(table, ids), 1)}, ids=spec)
    record(folder, {"ids": ids}, {"y": np.stack([table[row].sum(0) for row in ids])})
    (folder / BATCHING).write_text(
        "max_batch_size { value: 8 } batch_timeout_micros { value: 4000 } "
        "num_batch_threads { value: 2 } pad_variable_length_inputs: true"
    )


def _on_an_older_processor(
    folder: Path, made: Callable[[tf.Tensor], tf.Tensor] = tf.identity
) -> None:
    """A server whose processor knows nothing newer than SSE 4.1 rounds sums of products its way."""
    kernel, images = normals(3, 3, 3, 8, seed=1), normals(COUNT, 6, 6, 3)

    def function(x: tf.Tensor) -> Outputs:
        return {"y": made(tf.nn.conv2d(x, kernel, 1, "SAME"))}

    save(folder, tf.Module(), function, x=_IMAGES)
    record(folder, {"x": images}, function(images))
    (folder / INSTRUCTION_SET).write_text("SSE41")


@builds
def coded_on_an_older_processor(folder: Path, toy: Toy) -> None:
    """Sums are cut into codes: one that lies at an edge falls on its other side."""
    _on_an_older_processor(folder, lambda sums: tf.cast(tf.floor(sums * 5000.0), tf.int32))


@builds
def summed_on_an_older_processor(folder: Path, toy: Toy) -> None:
    _on_an_older_processor(folder)
