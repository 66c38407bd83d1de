"""run_fns of the penguins pipeline with one planted fault each, and one clean variant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from tfx_parity.pipelines.penguins.model import build_model, train
from tfx_parity.pipelines.penguins.preprocessing import Z_SCORED, transformed_name
from tfx_parity.training import (
    ServableModel,
    ServingModule,
    TransformGraph,
    export_for_serving,
    record_predictions,
    save_for_serving,
)


class _Unscaled(ServingModule):
    """Serves raw measures where the model was trained on their z-scores."""

    def transform(self, raw: Mapping[str, object]) -> dict[str, object]:
        features = super().transform(raw)
        for name in Z_SCORED:
            value = raw[name]
            column = tf.SparseTensor(
                value.indices, value.values, tf.stack([value.dense_shape[0], 1])
            )
            features[transformed_name(name)] = tf.cast(tf.sparse.to_dense(column), tf.float32)
        return features


def unscaled(fn_args: Any) -> None:
    """Forget the scaling in the serving function (preprocessing)."""
    model = train(fn_args, build_model)
    graph = TransformGraph(fn_args.transform_output)
    module = _Unscaled(ServableModel(model, graph.contract), graph)
    save_for_serving(module, graph, fn_args.serving_model_dir)
    record_predictions(model, fn_args)


def through_float16(fn_args: Any) -> None:
    """Export weights that went through float16 (types)."""
    model = train(fn_args, build_model)
    record_predictions(model, fn_args)
    model.set_weights([w.astype(np.float16).astype(w.dtype) for w in model.get_weights()])
    export_for_serving(model, fn_args)


class _OverTheBatch(keras.layers.Layer):
    """Normalises over the batch that it is given, also when it serves (input handling)."""

    def call(self, measure: tf.Tensor) -> tf.Tensor:
        mean = keras.ops.mean(measure, axis=0, keepdims=True)
        return (measure - mean) / (keras.ops.std(measure, axis=0, keepdims=True) + 1e-3)


def _with_layer(
    transform_output: tft.TFTransformOutput, layer: type[keras.layers.Layer], **options: object
) -> keras.Model:
    """Return the penguins' classifier behind a layer on each of its measures."""
    classifier = build_model(transform_output)
    inputs = {
        name: keras.Input(tensor.shape[1:], name=name, dtype=tensor.dtype)
        for name, tensor in classifier.input.items()
    }
    measures = {transformed_name(name) for name in Z_SCORED}
    layered = {
        name: layer(**options)(tensor) if name in measures else tensor
        for name, tensor in inputs.items()
    }
    return keras.Model(inputs, classifier(layered))


def over_the_batch(fn_args: Any) -> None:
    """Train and export a model whose answers depend on the examples beside one."""
    model = train(fn_args, lambda output: _with_layer(output, _OverTheBatch))
    export_for_serving(model, fn_args)
    record_predictions(model, fn_args)


def with_dropout(fn_args: Any) -> None:
    """Train with dropout and export rightly: nothing is wrong."""
    model = train(fn_args, lambda output: _with_layer(output, keras.layers.Dropout, rate=0.2))
    export_for_serving(model, fn_args)
    record_predictions(model, fn_args)


def nothing_recorded(fn_args: Any) -> None:
    """Forget to record the trainer's predictions."""
    export_for_serving(train(fn_args, build_model), fn_args)
