"""What the flights' model sees: z-scores, buckets of words, and whether the flight came late.

Every transformed feature is dense, one value a row: `[batch, 1]`. Words become buckets of a hash,
not indices of a vocabulary: a model that starts from the weights of an earlier span must find each
word where it was, and a span's vocabulary has an order of its own.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft

Z_SCORED = ("distance", "hour", "day", "dep_delay")
BUCKETS = {"carrier": 32, "origin": 8, "dest": 128}
"""How many buckets each word's hash falls into."""

DELAY = "arr_delay"
LABEL = "late"
LATE_AFTER_MINUTES = 15
CANCELLED = "cancelled"


def transformed_name(name: str) -> str:
    """Return the name of the transformed feature that is made of a raw one."""
    return f"{name}_xf"


def preprocessing_fn(
    inputs: dict[str, tf.Tensor | tf.SparseTensor],
) -> dict[str, tf.Tensor]:
    """Transform raw flights.

    A flight is late if it arrives more than a quarter of an hour late, or never. A missing delay at
    departure becomes 0, the mean of the z-scores, beside a feature that says that it is missing.

    Args:
        inputs: Raw features by name: words and known numbers `[batch, 1]`; the delays sparse, with
            no value or one a row, in minutes.

    Returns:
        Transformed features by name, `[batch, 1]`: float32 z-scores, int64 buckets, and the label
        as int64 0 or 1.
    """
    known = {name: _known(inputs[name]) for name in Z_SCORED}
    outputs = {
        transformed_name(name): _column(tft.scale_to_z_score(known[name]), 0.0) for name in Z_SCORED
    }
    for name, count in BUCKETS.items():
        outputs[transformed_name(name)] = tft.hash_strings(inputs[name], count)
    departed = known["dep_delay"]
    outputs[transformed_name(CANCELLED)] = 1.0 - _column(
        departed.with_values(tf.ones_like(departed.values)), 0.0
    )
    delay = _column(_known(inputs[DELAY]), LATE_AFTER_MINUTES + 1.0)
    outputs[transformed_name(LABEL)] = tf.cast(delay > LATE_AFTER_MINUTES, tf.int64)
    return outputs


def _known(values: tf.Tensor | tf.SparseTensor) -> tf.Tensor | tf.SparseTensor:
    """Return float32 values."""
    if isinstance(values, tf.SparseTensor):
        return values.with_values(tf.cast(values.values, tf.float32))
    return tf.cast(values, tf.float32)


def _column(values: tf.Tensor | tf.SparseTensor, missing: float) -> tf.Tensor:
    """Return a `[batch, 1]` tensor with `missing` where a row has no value.

    A batch in which no row has a value arrives as `[batch, 0]`; the one column is given to it.
    """
    if isinstance(values, tf.SparseTensor):
        one_column = tf.stack([values.dense_shape[0], 1])
        column = tf.SparseTensor(values.indices, values.values, one_column)
        values = tf.sparse.to_dense(column, default_value=tf.constant(missing, values.dtype))
    return tf.reshape(values, [-1, 1])
