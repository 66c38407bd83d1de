"""One small model over the toy features for each library that users train with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

DENSE = ("size_z", "size_log", "count_z")


class PlainModule(tf.Module):
    """A `tf.Module` that takes a sparse feature and a vocabulary id as well."""

    def __init__(self) -> None:
        super().__init__()
        random = np.random.default_rng(3)
        self.embedding = tf.Variable(
            random.normal(size=(16, 4)).astype("float32"), name="embedding"
        )
        self.kernel = tf.Variable(random.normal(size=(10, 3)).astype("float32"), name="kernel")
        self.tags = tf.Variable(random.normal(size=(16, 3)).astype("float32"), name="tags")

    @tf.function
    def __call__(self, features: Mapping[str, object]) -> dict[str, tf.Tensor]:
        columns = [tf.reshape(features[name], [-1, 1]) for name in DENSE]
        ids = tf.reshape(features["colour_id"], [-1])
        dense = tf.concat([*columns, features["vector_01"], tf.gather(self.embedding, ids)], 1)
        rows = tf.shape(dense, out_type=tf.int64)[0]
        tags = features["tags_id"]
        present = tf.sparse.to_dense(
            tf.SparseTensor(tags.indices, tags.values + 1, tf.stack([rows, tags.dense_shape[1]]))
        )
        # Padding, whose length depends on the batch, must add nothing.
        is_tag = tf.cast(present > 0, tf.float32)[..., tf.newaxis]
        embedded = tf.reduce_sum(tf.gather(self.tags, present) * is_tag, 1)
        logits = tf.matmul(dense, self.kernel) + embedded
        return {
            "probabilities": tf.nn.softmax(logits),
            "best": tf.argmax(logits, 1),
            "name": tf.gather(tf.constant(["none", "some", "all"]), tf.argmax(logits, 1)),
        }


def _keras_model(keras: object) -> object:
    inputs = {name: keras.Input((1,), name=name) for name in DENSE}
    inputs["vector_01"] = keras.Input((3,), name="vector_01")
    inputs["colour_id"] = keras.Input((), name="colour_id", dtype="int64")
    embedded = keras.layers.Embedding(16, 4)(inputs["colour_id"])
    dense = [inputs[name] for name in (*DENSE, "vector_01")]
    hidden = keras.layers.Concatenate()([*dense, embedded])
    hidden = keras.layers.Dense(16, activation="relu")(hidden)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.Dropout(0.4)(hidden)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))


def keras_3() -> object:
    """Return a Keras 3 model with dropout and batch normalisation."""
    import keras

    keras.utils.set_random_seed(1)
    return _keras_model(keras)


def keras_2() -> object:
    """Return a tf_keras (Keras 2) model with dropout and batch normalisation."""
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    return _keras_model(tf_keras)


MODELS: Mapping[str, Callable[[], object]] = {
    "keras 2": keras_2,
    "keras 3": keras_3,
    "tf.Module": PlainModule,
}
