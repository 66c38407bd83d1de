"""Make SavedModels whose graphs are looked into: `python make_graph_models.py DIR`.

They are made by TensorFlow itself, each at DIR/NAME/1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf
import tf_keras

RANDOM = np.random.default_rng(11)


class Holder(tf.Module):
    """A module that things can be tracked on."""


def _weights(*shape: int) -> tf.Variable:
    return tf.Variable(RANDOM.normal(size=shape).astype("float32"))


def _of_x(module: tf.Module, function: object, path: str, width: int = 4) -> None:
    module.serve = tf.function(
        function, input_signature=[tf.TensorSpec([None, width], tf.float32, name="x")]
    )
    tf.saved_model.save(module, path, signatures={"serving_default": module.serve})


def _of_text(module: tf.Module, function: object, path: str) -> None:
    module.serve = tf.function(
        function, input_signature=[tf.TensorSpec([None], tf.string, name="text")]
    )
    tf.saved_model.save(module, path, signatures={"serving_default": module.serve})


def nested(path: str) -> None:
    """Functions that call functions, one of them twice, one with several outputs."""
    module = Holder()
    module.w, module.v = _weights(4, 4), _weights(4, 3)

    @tf.function
    def inner(x: tf.Tensor, w: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        y = tf.matmul(x, w)
        return tf.nn.relu(y), x, tf.reduce_max(y, axis=1)

    @tf.function
    def outer(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        positive, same, _ = inner(x, module.w)
        again, _, largest = inner(positive + same, module.w)
        left, right = tf.split(again, 2, axis=1)
        return tf.concat([right, left], 1), largest

    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        mixed, largest = outer(x)
        return {"y": tf.matmul(mixed, module.v), "largest": largest, "x": x}

    _of_x(module, serve, path)


def branches(path: str) -> None:
    """Lookup tables, string ops, If and While, a function inside a branch."""
    module = Holder()
    keys = tf.constant(["a", "b", "c"])
    values = tf.constant([1, 2, 3], tf.int64)
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(keys, values), default_value=0
    )
    double = tf.function(lambda ids: ids * 2)

    def serve(text: tf.Tensor) -> dict[str, tf.Tensor]:
        lower = tf.strings.lower(tf.strings.strip(text))
        ids = module.table.lookup(lower)
        ids = tf.cond(tf.reduce_sum(ids) > 5, lambda: double(ids), lambda: ids + 1)
        _, total = tf.while_loop(
            lambda i, _: i < 3, lambda i, t: (i + 1, t + double(ids)), (0, tf.zeros_like(ids))
        )
        return {"ids": total, "text": tf.strings.join([lower, tf.strings.as_string(total)])}

    _of_text(module, serve, path)


def counting(path: str) -> None:
    """Variables that are written and read, in an order that control dependencies alone keep."""
    module = Holder()
    module.count = tf.Variable(0.0, name="count")
    module.log = tf.Variable([0.0, 0.0], name="log")

    @tf.function
    def count() -> tf.Tensor:
        before = module.count.read_value()
        module.count.assign_add(1.0)
        return before * 10.0 + module.count

    @tf.function
    def note(value: tf.Tensor) -> None:
        module.log.assign(tf.stack([value, module.log[0]]))

    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        first = count()
        note(first)
        second = count()
        note(second)
        return {"y": x + first - second, "log": tf.identity(module.log)}

    _of_x(module, serve, path)


def _export(model: object, path: str, *, training: bool) -> None:
    module = Holder()
    module.model = model
    module.values = [getattr(variable, "_value", variable) for variable in model.variables]
    _of_x(module, lambda x: {"y": module.model(x, training=training)}, path)


def keras3_batch_norm(path: str) -> None:
    """Batch normalisation called as in training, in the middle of a Keras 3 model."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input([4], name="x")
    hidden = keras.layers.Dense(6, activation="relu", name="encoder")(inputs)
    hidden = keras.layers.BatchNormalization(name="norm")(hidden)
    _export(keras.Model(inputs, keras.layers.Dense(2)(hidden)), path, training=True)


@keras.saving.register_keras_serializable()
class Centre(keras.layers.Layer):
    """Takes the mean over the batch from each row."""

    def call(self, x: object) -> object:
        """Answer."""
        return x - tf.reduce_mean(x, axis=0, keepdims=True)


def keras3_centred(path: str) -> None:
    """A layer that normalises over the batch, in the middle."""
    keras.utils.set_random_seed(6)
    inputs = keras.Input([4], name="x")
    hidden = keras.layers.Dense(6, activation="relu")(inputs)
    hidden = Centre(name="centre")(hidden)
    hidden = keras.layers.Dense(5, activation="tanh")(hidden)
    _export(keras.Model(inputs, keras.layers.Dense(2)(hidden)), path, training=False)


def keras3_dropout(path: str) -> None:
    """Dropout left on, Keras 3."""
    keras.utils.set_random_seed(7)
    inputs = keras.Input([4], name="x")
    hidden = keras.layers.Dense(8)(inputs)
    hidden = keras.layers.Dropout(0.5, name="drop")(hidden)
    _export(keras.Model(inputs, keras.layers.Dense(2)(hidden)), path, training=True)


def keras2_dropout(path: str) -> None:
    """Dropout left on, Keras 2."""
    tf_keras.utils.set_random_seed(7)
    inputs = tf_keras.Input([4], name="x")
    hidden = tf_keras.layers.Dense(8)(inputs)
    hidden = tf_keras.layers.Dropout(0.5, name="drop")(hidden)
    _export(tf_keras.Model(inputs, tf_keras.layers.Dense(2)(hidden)), path, training=True)


def keras2_plain(path: str) -> None:
    """A Keras 2 model as its own saver writes it: each layer a function."""
    tf_keras.utils.set_random_seed(8)
    inputs = tf_keras.Input([4], name="x")
    hidden = tf_keras.layers.Dense(6, activation="relu")(inputs)
    hidden = tf_keras.layers.BatchNormalization()(hidden)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2, activation="softmax")(hidden))
    model.save(path, save_format="tf")


class Noisy(tf.Module):
    """Adds noise in a named scope."""

    def __init__(self) -> None:
        super().__init__(name="noisy")
        self.w = _weights(4, 3)

    @tf.Module.with_name_scope
    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        logits = tf.matmul(x, self.w)
        return logits + tf.raw_ops.RandomUniform(shape=tf.shape(logits), dtype=tf.float32)


def random_noise(path: str) -> None:
    """An unseeded random op."""
    module = Noisy()
    _of_x(module, lambda x: {"y": tf.nn.tanh(module(x))}, path)


class Bag(tf.Module):
    """A sum of embeddings of words, padded to the longest text of the batch."""

    def __init__(self, *, masked: bool) -> None:
        super().__init__(name="bag")
        self.table = tf.Variable(RANDOM.normal(size=(17, 5)).astype("float32"), name="words")
        self.masked = masked

    @tf.Module.with_name_scope
    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        words = tf.strings.split(text)
        ids = tf.strings.to_hash_bucket_fast(words.to_tensor(default_value=""), 16) + 1
        ids = tf.where(words.to_tensor(default_value="") == "", tf.zeros_like(ids), ids)
        vectors = tf.gather(self.table, ids)
        if self.masked:
            vectors *= tf.cast(ids > 0, tf.float32)[..., tf.newaxis]
        return tf.reduce_sum(vectors, axis=1)


def padded(path: str) -> None:
    """Padding that counts."""
    module = Bag(masked=False)
    _of_text(module, lambda text: {"y": tf.nn.tanh(module(text))}, path)


class Scaled(tf.Module):
    """Divides by the largest norm of the batch."""

    @tf.Module.with_name_scope
    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return x / tf.reduce_max(tf.norm(x, axis=1))


def padded_and_masked(path: str) -> None:
    """Padding that adds nothing, and behind it a layer that looks at the whole batch."""
    module, module.scaled = Bag(masked=True), Scaled(name="scaled")
    _of_text(module, lambda text: {"y": module.scaled(module(text)) + 1.0}, path)


def _shifted(x: tf.Tensor) -> tf.Tensor:
    """Two additions that the graph rewriter makes one of: it undoes what rounding loses."""
    with tf.name_scope("shifted"):
        return (x * 2.0 + tf.constant(3e5)) + tf.constant(-3e5)


def rewritten(path: str) -> None:
    """A function whose graph the rewriter changes."""
    _of_x(Holder(), lambda x: {"y": tf.nn.tanh(_shifted(x))}, path)


def _v1(path: str, answer: Callable[[tf.Tensor], tf.Tensor], *, draws: bool = False) -> None:
    """Save a graph without functions, as TensorFlow 1 does."""
    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4], name="x")
        signature = v1.saved_model.signature_def_utils.predict_signature_def(
            {"x": x}, {"y": answer(x)}
        )
        builder = v1.saved_model.Builder(path)
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map={"serving_default": signature},
            main_op=v1.local_variables_initializer() if draws else None,
        )
        builder.save()


def v1_rewritten(path: str) -> None:
    """A graph without functions that the rewriter changes."""
    _v1(path, lambda x: tf.nn.tanh(_shifted(x)))


def drawn_at_start(path: str) -> None:
    """A variable that each start of the server fills with other numbers."""
    v1 = tf.compat.v1

    def answer(x: tf.Tensor) -> tf.Tensor:
        with v1.variable_scope("head"):
            drawn = v1.get_variable(
                "drawn", [4, 2], initializer=v1.random_normal_initializer(), use_resource=True,
                collections=[v1.GraphKeys.LOCAL_VARIABLES],
            )  # fmt: skip
            return tf.nn.relu(tf.matmul(x * 2.0, drawn))

    _v1(path, answer, draws=True)


def switched(path: str) -> None:
    """TensorFlow 1's control flow, and a mean over the batch behind it."""
    v1 = tf.compat.v1

    def answer(x: tf.Tensor) -> tf.Tensor:
        y = v1.cond(tf.reduce_sum(x) < 1e9, lambda: tf.exp(-x * x), lambda: x - 1.0)
        _, y = v1.while_loop(lambda i, _: i < 3, lambda i, t: (i + 1, t * 1.5), [0, y])
        with v1.name_scope("centre"):
            return y - tf.reduce_mean(y, axis=0)

    v1.disable_control_flow_v2()
    _v1(path, answer)
    v1.enable_control_flow_v2()


def counting_rows(path: str) -> None:
    """A model that takes eight rows for something else: what padding to eight rows shows."""

    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x + tf.cast(tf.equal(tf.shape(x)[0], 8), tf.float32)}

    _of_x(Holder(), serve, path)


def compiled(path: str) -> None:
    """A function that XLA compiles."""
    inner = tf.function(lambda x: x * 2, jit_compile=True)
    _of_x(Holder(), lambda x: {"y": inner(x)}, path)


def great_sums(path: str) -> None:
    """Sums of thousands of numbers that cancel: the size of a batch changes their last bits."""
    module = Holder()
    module.w = _weights(2048, 64)
    _of_x(module, lambda x: {"y": x @ module.w}, path, width=2048)


MODELS = (
    nested, branches, counting, keras3_batch_norm, keras3_centred, keras3_dropout, keras2_dropout,
    keras2_plain, random_noise, padded, padded_and_masked, rewritten, v1_rewritten, drawn_at_start,
    switched, counting_rows, compiled, great_sums,
)  # fmt: skip


def main() -> None:
    """Make them all."""
    for make in MODELS:
        make(str(Path(sys.argv[1]) / make.__name__ / "1"))


if __name__ == "__main__":
    main()
