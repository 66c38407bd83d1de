"""A preprocessing_fn over every kind of raw feature that clients can send."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft


def preprocessing_fn(inputs: dict[str, object]) -> dict[str, object]:
    """Make dense floats and ids, a vector, and a sparse feature of any length."""
    count = _filled(inputs["count"], 0)
    return {
        "size_z": tft.scale_to_z_score(inputs["size"]),
        "size_log": tf.math.log1p(tf.abs(inputs["size"])),
        "count_z": tft.scale_to_z_score(tf.cast(count, tf.float32)),
        "vector_01": tft.scale_to_0_1(inputs["vector"], elementwise=True),
        "colour_id": tft.compute_and_apply_vocabulary(
            inputs["colour"], num_oov_buckets=1, vocab_filename="colour"
        ),
        "tags_id": tft.compute_and_apply_vocabulary(
            inputs["tags"], num_oov_buckets=1, vocab_filename="tags"
        ),
        "label_id": tft.compute_and_apply_vocabulary(inputs["label"], vocab_filename="label"),
    }


def _filled(values: tf.SparseTensor, missing: int) -> tf.Tensor:
    column = tf.SparseTensor(
        values.indices, values.values, tf.stack([values.dense_shape[0], tf.constant(1, tf.int64)])
    )
    default = tf.constant(missing, values.dtype)
    return tf.reshape(tf.sparse.to_dense(column, default_value=default), [-1, 1])
