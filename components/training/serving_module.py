"""The signatures of an exported model."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tfx_parity.contract import RawFeature
from tfx_parity.training.servable_model import ServableModel, trackables_below
from tfx_parity.training.transform_graph import (
    TransformGraph,
    component_specs,
    from_components,
    to_components,
)

_EXAMPLES = tf.TensorSpec([None], tf.string, name="examples")


class ServingModule(tf.Module):
    """A trained model behind its transform graph, ready to be saved.

    Override `transform` or `answer` to change what serving does; the comparison with the trainer's
    predictions tells what the change did.
    """

    def __init__(self, model: ServableModel, graph: TransformGraph) -> None:
        """Hold what the signatures need.

        Args:
            model: The trained model.
            graph: The transform graph that it was trained on.
        """
        super().__init__()
        self._servable = model
        self._graph = graph
        self.resources = [*model.trackables(), *trackables_below(graph.layer)]

    def transform(self, raw: Mapping[str, object]) -> dict[str, object]:
        """Return the transformed features of raw ones, as every signature makes them."""
        return self._graph.transform(raw)

    def answer(self, transformed: Mapping[str, object]) -> dict[str, tf.Tensor]:
        """Return the model's outputs for transformed features, as every signature does."""
        return self._servable(transformed)

    def signatures(self) -> dict[str, object]:
        """Return the concrete functions to save, by signature name."""
        raw = {f.name: raw_tensor_spec(f) for f in self._graph.contract.raw_features}
        parts: dict[str, tf.TensorSpec] = {}
        for feature in self._servable.features:
            parts |= component_specs(feature)
        functions = {
            "serving_default": (self._serving_default, {"examples": _EXAMPLES}),
            "serve_raw": (self._serve_raw, raw),
            "transform_features": (self._transform_features, {"examples": _EXAMPLES}),
            "transform_features_labelled": (
                self._transform_features_labelled,
                {"examples": _EXAMPLES},
            ),
            "predict_transformed": (self._predict_transformed, parts),
        }
        return {
            name: tf.function(function).get_concrete_function(**specs)
            for name, (function, specs) in functions.items()
        }

    def _serving_default(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = self._graph.raw_feature_spec(labelled=False)
        return self.answer(self.transform(tf.io.parse_example(examples, spec)))

    def _serve_raw(self, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        raw = {
            feature.name: _from_marks(feature, tensors[feature.name])
            for feature in self._graph.contract.raw_features
        }
        return self.answer(self.transform(raw))

    def _transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = self._graph.raw_feature_spec(labelled=False)
        return self._components(self.transform(tf.io.parse_example(examples, spec)))

    def _transform_features_labelled(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = self._graph.raw_feature_spec(labelled=True)
        return self._components(self.transform(tf.io.parse_example(examples, spec)))

    def _components(self, transformed: Mapping[str, object]) -> dict[str, tf.Tensor]:
        tensors: dict[str, tf.Tensor] = {}
        for feature in self._graph.contract.transformed_features:
            if feature.name in transformed:
                tensors |= to_components(feature, transformed[feature.name])
        return tensors

    def _predict_transformed(self, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.answer({f.name: from_components(f, tensors) for f in self._servable.features})


def raw_tensor_spec(feature: RawFeature) -> tf.TensorSpec:
    """Return the input that a raw feature is in `serve_raw`.

    One value an example is `[None]`: a REST client's `{"island": "Biscoe"}` arrives as `[B]`.
    """
    shape = () if feature.is_single_valued else feature.shape
    return tf.TensorSpec([None, *shape], tf.as_dtype(feature.dtype), name=feature.name)


def _from_marks(feature: RawFeature, tensor: tf.Tensor) -> object:
    """Return a raw feature from its dense tensor: marks of missing values become absent values."""
    if feature.kind == "fixed":
        return tf.reshape(tensor, [-1, *(1 if size is None else size for size in feature.shape)])
    if feature.is_single_valued:
        tensor = tf.reshape(tensor, [-1, 1])
    return _sparse(tensor)


def _sparse(tensor: tf.Tensor) -> tf.SparseTensor:
    present = tf.where(_is_value(tensor))
    shape = tf.shape(tensor, out_type=tf.int64)
    return tf.SparseTensor(present, tf.gather_nd(tensor, present), shape)


def _is_value(tensor: tf.Tensor) -> tf.Tensor:
    if tensor.dtype == tf.string:
        return tf.not_equal(tensor, "")
    if tensor.dtype.is_floating:
        return tf.logical_not(tf.math.is_nan(tensor))
    return tf.not_equal(tensor, tensor.dtype.min)
