"""Faults of a server's start: values that are not there, or made anew, and ops without a kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from corpus_folder import COUNT, MODEL, Toy, builds, normals, record, save
from corpus_keras import classifier

_WORDS = np.array([b"red", b"green", b"blue"], dtype=object)


@builds
def keras_3_only_eager(folder: Path, toy: Toy) -> None:
    """Saved by tf.saved_model.save: eager Python answers, a server finds no variable."""
    import keras

    model, x = classifier(keras), normals(COUNT, 4)
    module = tf.Module()
    module.model = model
    save(
        folder,
        module,
        lambda x: {"y": model(x, training=False)},
        x=tf.TensorSpec([None, 4], tf.float32),
    )
    record(folder, {"x": x}, {"y": model(x, training=False)})


def save_session(
    folder: Path,
    build: Callable[[], tuple[Mapping[str, tf.Tensor], Mapping[str, tf.Tensor]]],
    init_op: Callable[[], tf.Operation] | None,
    before: Callable[[tf.compat.v1.Session], None] = lambda _: None,
) -> None:
    """Save a graph of TensorFlow 1's API.

    Args:
        folder: The case's folder.
        build: Makes the graph; returns its inputs and outputs.
        init_op: Makes the op that a server runs after it has restored the variables.
        before: Gives the variables their trained values.
    """
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        inputs, outputs = build()
        session.run(v1.global_variables_initializer())
        before(session)
        builder = v1.saved_model.Builder(str(folder / MODEL))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": v1.saved_model.predict_signature_def(inputs, outputs)},
            main_op=None if init_op is None else init_op(),
        )
        builder.save()


def _linear() -> tuple[Mapping[str, tf.Tensor], Mapping[str, tf.Tensor]]:
    v1 = tf.compat.v1
    x = v1.placeholder(tf.float32, [None, 4], "x")
    kernel = v1.get_variable(
        "kernel", [4, 3], initializer=v1.random_normal_initializer(), use_resource=True
    )
    return {"x": x}, {"y": tf.matmul(x, kernel)}


@builds
def initialised_at_random_at_load(folder: Path, toy: Toy) -> None:
    kernel, x = normals(4, 3, seed=1), normals(COUNT, 4)

    def train(session: tf.compat.v1.Session) -> None:
        (variable,) = tf.compat.v1.global_variables()
        variable.load(kernel, session)

    save_session(folder, _linear, tf.compat.v1.global_variables_initializer, train)
    record(folder, {"x": x}, {"y": tf.matmul(x, kernel)})


def _lookup() -> tuple[Mapping[str, tf.Tensor], Mapping[str, tf.Tensor]]:
    word = tf.compat.v1.placeholder(tf.string, [None], "word")
    values = tf.lookup.KeyValueTensorInitializer(_WORDS.tolist(), np.arange(3))
    return {"word": word}, {"id": tf.lookup.StaticHashTable(values, -1).lookup(word)}


@builds
def table_never_initialised(folder: Path, toy: Toy) -> None:
    """Saved without the op that fills its tables (the main_op that TensorFlow 1 asks for)."""
    save_session(folder, _lookup, None)
    ids = np.arange(COUNT) % 3
    record(folder, {"word": _WORDS[ids]}, {"id": ids})


@builds
def python_in_the_graph(folder: Path, toy: Toy) -> None:
    """A numpy function in the serving function: no server has this process' Python."""

    def serve(x: tf.Tensor) -> Mapping[str, tf.Tensor]:
        made = tf.numpy_function(np.log1p, [tf.abs(x)], tf.float32)
        return {"y": tf.ensure_shape(made, [None, 2])}

    x = normals(COUNT, 2)
    save(folder, tf.Module(), serve, x=tf.TensorSpec([None, 2], tf.float32))
    record(folder, {"x": x}, {"y": np.log1p(np.abs(x))})


@builds
def compiled_by_xla(folder: Path, toy: Toy) -> None:
    """A function that XLA must compile, which a server leaves off by default."""

    @tf.function(jit_compile=True)
    def compiled(x: tf.Tensor) -> tf.Tensor:
        return tf.tanh(x) * 2

    x = normals(COUNT, 2)
    module = tf.Module()
    module.compiled = compiled
    save(folder, module, lambda x: {"y": compiled(x)}, x=tf.TensorSpec([None, 2], tf.float32))
    record(folder, {"x": x}, {"y": np.tanh(x) * 2})
