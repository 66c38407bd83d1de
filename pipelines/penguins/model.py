"""The Trainer's side of the penguins pipeline: a small Keras 3 classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx_bsl.tfxio import dataset_options

from tfx_parity.pipelines.penguins.preprocessing import (
    ISLAND,
    LABEL,
    SEX,
    Z_SCORED,
    transformed_name,
)
from tfx_parity.training import export_for_serving, record_predictions

BATCH_SIZE = 32
LEARNING_RATE = 0.01
HIDDEN_UNITS = (16, 8)
INPUT_DTYPES = {**dict.fromkeys(Z_SCORED, "float32"), ISLAND: "int64", SEX: "int64"}


def run_fn(fn_args: Any) -> None:
    """Train, export for serving, and record what the trained model answers.

    Args:
        fn_args: TFX's `FnArgs`. `custom_config["seed"]` seeds the weights and the order of the
            examples; `train_steps` is the number of batches.
    """
    model = train(fn_args, build_model)
    export_for_serving(model, fn_args)
    record_predictions(model, fn_args)


def train(fn_args: Any, build: Callable[[tft.TFTransformOutput], keras.Model]) -> keras.Model:
    """Return a trained classifier.

    Args:
        fn_args: TFX's `FnArgs`, as for `run_fn`.
        build: Makes the classifier: transformed features by name in, probabilities out.
    """
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    seed = int(fn_args.custom_config["seed"])
    keras.utils.set_random_seed(seed)
    model = build(transform_output)
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        _examples(fn_args.train_files, fn_args, transform_output, shuffle_seed=seed),
        steps_per_epoch=fn_args.train_steps,
        validation_data=_examples(fn_args.eval_files, fn_args, transform_output),
        verbose=2,
    )
    return model


def build_model(transform_output: tft.TFTransformOutput) -> keras.Model:
    """Return a classifier of transformed penguins.

    Its inputs are named as the transformed features, `[batch, 1]` each; its output
    `probabilities` is `[batch, species]`, in the order of the label's vocabulary.
    """
    inputs = {
        transformed_name(name): keras.Input((1,), name=transformed_name(name), dtype=dtype)
        for name, dtype in INPUT_DTYPES.items()
    }
    # The indices of a vocabulary of n words end at n, the bucket of unknown words; sex starts at 1.
    sizes = {
        ISLAND: transform_output.vocabulary_size_by_name(ISLAND) + 1,
        SEX: transform_output.vocabulary_size_by_name(SEX) + 2,
    }
    measures = [inputs[transformed_name(name)] for name in Z_SCORED]
    words = [_one_hot(inputs[transformed_name(name)], size) for name, size in sizes.items()]
    hidden = keras.layers.Concatenate()([*measures, *words])
    for units in HIDDEN_UNITS:
        hidden = keras.layers.Dense(units, activation="relu")(hidden)
    species = transform_output.vocabulary_size_by_name(LABEL)
    output = keras.layers.Dense(species, activation="softmax", name="probabilities")(hidden)
    return keras.Model(inputs, output)


def _one_hot(indices: keras.KerasTensor, size: int) -> keras.KerasTensor:
    return keras.layers.CategoryEncoding(num_tokens=size, output_mode="one_hot")(indices)


def _examples(
    files: list[str],
    fn_args: Any,
    transform_output: tft.TFTransformOutput,
    shuffle_seed: int | None = None,
) -> tf.data.Dataset:
    """Return batches of features and label: endless and shuffled where a seed is given."""
    training = shuffle_seed is not None
    options = dataset_options.TensorFlowDatasetOptions(
        batch_size=BATCH_SIZE,
        num_epochs=None if training else 1,
        shuffle=training,
        shuffle_seed=shuffle_seed,
        label_key=transformed_name(LABEL),
    )
    schema = transform_output.transformed_metadata.schema
    return fn_args.data_accessor.tf_dataset_factory(files, options, schema)
