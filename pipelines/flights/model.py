"""The Trainer's side of the flights pipeline: a small Keras 3 classifier that starts warm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from absl import logging
from tfx_bsl.tfxio import dataset_options

from tfx_parity.pipelines.flights.preprocessing import (
    BUCKETS,
    CANCELLED,
    LABEL,
    Z_SCORED,
    transformed_name,
)
from tfx_parity.training import export_for_serving, record_predictions

BATCH_SIZE = 64
LEARNING_RATE = 0.01
HIDDEN_UNITS = (16, 8)
INPUT_DTYPES = {
    **dict.fromkeys((*Z_SCORED, CANCELLED), "float32"),
    **dict.fromkeys(BUCKETS, "int64"),
}
WEIGHTS_FILE = "assets.extra/model.weights.h5"
"""Where an exported model carries its weights as Keras reads them; a server passes it over."""


def run_fn(fn_args: Any) -> None:
    """Train, export for serving, and record what the trained model answers.

    Args:
        fn_args: TFX's `FnArgs`. `custom_config["seed"]` seeds the weights and the order of the
            examples, `custom_config["warm_start"]` is the folder of an exported model to start from
            or empty; `train_steps` is the number of batches.
    """
    model = train(fn_args)
    export(model, fn_args)
    record_predictions(model, fn_args)


def export(model: keras.Model, fn_args: Any) -> None:
    """Export for serving, with the weights that the next span's model starts from."""
    export_for_serving(model, fn_args)
    model.save_weights(f"{fn_args.serving_model_dir}/{WEIGHTS_FILE}")


def train(fn_args: Any) -> keras.Model:
    """Return a trained classifier.

    Args:
        fn_args: TFX's `FnArgs`, as for `run_fn`.
    """
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    seed = int(fn_args.custom_config["seed"])
    keras.utils.set_random_seed(seed)
    model = build_model()
    _start_warm(model, str(fn_args.custom_config["warm_start"]))
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        _examples(fn_args.train_files, fn_args, transform_output, shuffle_seed=seed),
        steps_per_epoch=fn_args.train_steps,
        validation_data=_examples(fn_args.eval_files, fn_args, transform_output),
        verbose=2,
    )
    return model


def build_model() -> keras.Model:
    """Return a classifier of transformed flights.

    Its inputs are named as the transformed features, `[batch, 1]` each; its output `late` is
    `[batch, 1]`, the probability that the flight arrives late.
    """
    inputs = {
        transformed_name(name): keras.Input((1,), name=transformed_name(name), dtype=dtype)
        for name, dtype in INPUT_DTYPES.items()
    }
    numbers = [inputs[transformed_name(name)] for name in (*Z_SCORED, CANCELLED)]
    words = [_one_hot(inputs[transformed_name(name)], count) for name, count in BUCKETS.items()]
    hidden = keras.layers.Concatenate()([*numbers, *words])
    for units in HIDDEN_UNITS:
        hidden = keras.layers.Dense(units, activation="relu")(hidden)
    output = keras.layers.Dense(1, activation="sigmoid", name=LABEL)(hidden)
    return keras.Model(inputs, output)


def _start_warm(model: keras.Model, folder: str) -> None:
    """Load the weights of an exported model, where there is one that carries them."""
    if not folder:
        logging.info("No earlier model: the weights start at random.")
        return
    weights = Path(folder) / WEIGHTS_FILE
    model.load_weights(weights)
    logging.info("The weights start from %s.", weights)


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
