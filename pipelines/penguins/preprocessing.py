"""What the penguins' model sees: z-scores, vocabulary indices, and the label as an integer.

Every transformed feature is dense, one value a row: `[batch, 1]`.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft

Z_SCORED = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
ISLAND = "island"
SEX = "sex"
LABEL = "species"


def transformed_name(name: str) -> str:
    """Return the name of the transformed feature that is made of a raw one."""
    return f"{name}_xf"


def preprocessing_fn(
    inputs: dict[str, tf.Tensor | tf.SparseTensor],
) -> dict[str, tf.Tensor]:
    """Transform raw penguins.

    A missing measure becomes 0, which is the mean of the z-scores: the mean is taken over the
    values that are there. A missing sex becomes index 0, so that the words of its vocabulary start
    at 1; a word that the vocabulary lacks gets the index after its last.

    Args:
        inputs: Raw features by name: island and species `[batch, 1]` strings; the measures and sex
            sparse, with no value or one a row.

    Returns:
        Transformed features by name, `[batch, 1]`: float32 z-scores and int64 indices.
    """
    outputs = {
        transformed_name(name): _filled(tft.scale_to_z_score(_floats(inputs[name])), 0.0)
        for name in Z_SCORED
    }
    outputs[transformed_name(ISLAND)] = tft.compute_and_apply_vocabulary(
        inputs[ISLAND], num_oov_buckets=1, vocab_filename=ISLAND
    )
    sex = tft.compute_and_apply_vocabulary(inputs[SEX], num_oov_buckets=1, vocab_filename=SEX)
    outputs[transformed_name(SEX)] = _filled(sex.with_values(sex.values + 1), 0)
    outputs[transformed_name(LABEL)] = tft.compute_and_apply_vocabulary(
        inputs[LABEL], vocab_filename=LABEL
    )
    return outputs


def _floats(values: tf.SparseTensor) -> tf.SparseTensor:
    """Return float32 values: the measures in whole millimetres and grams are int64."""
    return values.with_values(tf.cast(values.values, tf.float32))


def _filled(values: tf.SparseTensor, missing: float) -> tf.Tensor:
    """Return a `[batch, 1]` tensor with `missing` where a row has no value.

    A batch in which no row has a value arrives as `[batch, 0]`; the one column is given to it.
    """
    one_column = tf.stack([values.dense_shape[0], 1])
    column = tf.SparseTensor(values.indices, values.values, one_column)
    default = tf.constant(missing, values.dtype)
    return tf.reshape(tf.sparse.to_dense(column, default_value=default), [-1, 1])
