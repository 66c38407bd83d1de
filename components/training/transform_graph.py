"""The transform graph that a trainer was given, with its serving contract and parity sample."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import tensorflow as tf
import tensorflow_transform as tft

from tfx_parity.contract import ParitySample, ServingContract, TransformedFeature
from tfx_parity.contract.parity_sample import FOLDER_NAME, read_sample
from tfx_parity.contract.serving_contract import FILE_NAME
from tfx_parity.errors import BadInputError

Features = Mapping[str, "tf.Tensor | tf.SparseTensor | tf.RaggedTensor"]
_PARTS = {"varlen": ("indices", "values", "dense_shape"), "ragged": ("values", "row_lengths")}


class TransformGraph:
    """The artifact that TransformGraphGen wrote.

    Attributes:
        contract: Its serving contract.
        layer: A layer that applies the graph to raw features.
    """

    def __init__(self, uri: str) -> None:
        """Open a transform graph.

        Args:
            uri: The artifact's folder, local or remote (`fn_args.transform_output`).

        Raises:
            BadInputError: If the folder holds no serving contract.
        """
        self._uri = uri
        self._output = tft.TFTransformOutput(uri)
        path = f"{uri}/{FILE_NAME}"
        if not tf.io.gfile.exists(path):
            raise BadInputError(
                f"Expected {FILE_NAME} in the transform graph at {uri}, found none. It was made by "
                "TFX's Transform; make it with tfx_parity.TransformGraphGen."
            )
        self.contract = ServingContract.from_json(tf.io.gfile.GFile(path, "rb").read(), path)
        self.layer = self._output.transform_features_layer()

    def raw_feature_spec(self, *, labelled: bool) -> dict[str, object]:
        """Return the parsing spec of the raw features that the graph reads."""
        names = {feature.name for feature in self.contract.raw_features}
        if labelled:
            names |= set(self.contract.label_features)
        return {k: v for k, v in self._output.raw_feature_spec().items() if k in names}

    def transformed_feature_spec(self) -> dict[str, object]:
        """Return the parsing spec of the transformed records that serving can make, too."""
        names = {feature.name for feature in self.contract.serving_features}
        return {k: v for k, v in self._output.transformed_feature_spec().items() if k in names}

    @tf.autograph.experimental.do_not_convert  # Converting TFT's own code takes ten seconds.
    def transform(self, raw: Features) -> dict[str, object]:
        """Return the transformed features that can be made of these raw features."""
        return dict(self.layer(dict(raw)))

    @cached_property
    def sample(self) -> ParitySample:
        """The parity sample.

        Raises:
            BadInputError: If it is missing or was changed.
        """
        source = f"{self._uri}/{FOLDER_NAME}"
        with tempfile.TemporaryDirectory(prefix="tfx-parity-") as folder:
            for name in tf.io.gfile.listdir(source) if tf.io.gfile.isdir(source) else ():
                tf.io.gfile.copy(f"{source}/{name}", f"{folder}/{name}")
            return read_sample(Path(folder))


def component_names(feature: TransformedFeature) -> tuple[str, ...]:
    """Return the tensors that a feature is in a signature: TF Serving takes dense ones only."""
    if feature.kind == "fixed":
        return (feature.name,)
    return tuple(f"{feature.name}_{part}" for part in _PARTS[feature.kind])


def component_specs(feature: TransformedFeature) -> dict[str, tf.TensorSpec]:
    """Return the specs of a feature's tensors as the inputs of a signature."""
    dtype = tf.as_dtype(feature.dtype)
    if feature.kind == "fixed":
        return {feature.name: tf.TensorSpec([None, *feature.shape], dtype, name=feature.name)}
    specs = {
        "indices": tf.TensorSpec([None, 2], tf.int64),
        "values": tf.TensorSpec([None], dtype),
        "dense_shape": tf.TensorSpec([2], tf.int64),
        "row_lengths": tf.TensorSpec([None], tf.int64),
    }
    return {
        name: tf.TensorSpec(specs[part].shape, specs[part].dtype, name=name)
        for part, name in zip(_PARTS[feature.kind], component_names(feature), strict=True)
    }


def from_components(feature: TransformedFeature, tensors: Mapping[str, tf.Tensor]) -> object:
    """Return a feature from the tensors that it is in a signature."""
    parts = [tensors[name] for name in component_names(feature)]
    if feature.kind == "varlen":
        return tf.SparseTensor(*parts)
    if feature.kind == "ragged":
        return tf.RaggedTensor.from_row_lengths(*parts)
    return parts[0]


def to_components(feature: TransformedFeature, value: object) -> dict[str, tf.Tensor]:
    """Return the tensors that a feature is in a signature."""
    parts: tuple[object, ...]
    if isinstance(value, tf.SparseTensor):
        parts = (value.indices, value.values, value.dense_shape)
    elif isinstance(value, tf.RaggedTensor):
        parts = (value.values, value.row_lengths())
    else:
        parts = (value,)
    return dict(zip(component_names(feature), parts, strict=True))
