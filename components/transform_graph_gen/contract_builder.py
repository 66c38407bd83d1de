"""The serving contract of a transform graph."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_parity.contract import (
    Digests,
    Domain,
    RawFeature,
    ServingContract,
    TransformedFeature,
)
from tfx_parity.contract.data_schema import domain_of, label_features
from tfx_parity.contract.features import DType, Kind
from tfx_parity.errors import BadInputError
from tfx_parity.transform_graph_gen.dependencies import raw_features_by_output
from tfx_parity.version import VERSION

_DTYPES: Mapping[tf.DType, DType] = {
    tf.string: "string",
    tf.float32: "float32",
    tf.int64: "int64",
}
SIGNATURES = {
    "serving_default": "predictions of serialized tf.Examples without their label",
    "serve_raw": "predictions of one tensor a raw feature, for REST clients",
    "transform_features": "transformed features of serialized tf.Examples without their label",
    "transform_features_labelled": "the same of tf.Examples with their label, for Evaluator",
    "predict_transformed": "predictions of transformed features",
}
MISSING_VALUES = {
    "tf.Example": "leave the feature out, or send it with no value",
    "serve_raw string": "the empty string; it cannot be sent as a value",
    "serve_raw float32": "NaN; it cannot be sent as a value",
    "serve_raw int64": "-9223372036854775808; it cannot be sent as a value",
}


def build_contract(
    output: tft.TFTransformOutput,
    schema: schema_pb2.Schema,
    serving_environment: str,
    digests: Digests,
) -> ServingContract:
    """Return the serving contract of a transform graph.

    Args:
        output: The transform graph.
        schema: The data schema that it was made with.
        serving_environment: The schema's environment of clients' payloads.
        digests: Digests of this run.

    Raises:
        BadInputError: If the graph reads a feature of a kind that clients cannot send.
    """
    dependencies = raw_features_by_output(output.transform_savedmodel_dir)
    used = {name for names in dependencies.values() for name in names}
    labels = label_features(schema, serving_environment)
    domains = {feature.name: domain_of(feature, schema) for feature in schema.feature}
    single = {f.name for f in schema.feature if f.value_count.max == 1}
    raw = [
        _raw_feature(name, spec, domains.get(name, Domain()), name in single)
        for name, spec in sorted(output.raw_feature_spec().items())
        if name in used and name not in labels
    ]
    transformed = [
        _transformed_feature(name, spec, dependencies[name])
        for name, spec in sorted(output.transformed_feature_spec().items())
    ]
    return ServingContract(
        raw_features=tuple(raw),
        label_features=labels,
        transformed_features=tuple(transformed),
        signatures=SIGNATURES,
        missing_values=MISSING_VALUES,
        digests=digests,
        versions={
            "tensorflow": tf.__version__,
            "tensorflow_transform": tft.__version__,
            "tfx_parity": VERSION,
        },
    )


def _raw_feature(name: str, spec: object, domain: Domain, is_single: bool) -> RawFeature:
    if isinstance(spec, tf.io.FixedLenFeature):
        kind: Kind = "fixed"
        shape: tuple[int | None, ...] = tuple(spec.shape)
        required = spec.default_value is None
    elif isinstance(spec, tf.io.VarLenFeature):
        kind, required = "varlen", False
        shape = (1,) if is_single else (None,)
    else:
        raise BadInputError(
            f"Expected dense or variable-length raw features, found {type(spec).__name__} for "
            f"{name!r}: TF Serving's clients cannot send it as one tensor. Take the tensor "
            "representation out of the schema, or build the feature in preprocessing_fn."
        )
    return RawFeature(name, _DTYPES[spec.dtype], kind, shape, required, domain)


def _transformed_feature(
    name: str, spec: object, raw_features: tuple[str, ...]
) -> TransformedFeature:
    if isinstance(spec, tf.io.FixedLenFeature):
        kind: Kind = "fixed"
        shape: tuple[int | None, ...] = tuple(spec.shape)
    elif isinstance(spec, tf.io.VarLenFeature):
        kind, shape = "varlen", (None,)
    elif isinstance(spec, tf.io.RaggedFeature) and not spec.partitions:
        kind, shape = "ragged", (None,)
    else:
        raise BadInputError(
            f"Expected dense, variable-length or one-level ragged transformed features, found "
            f"{spec} for {name!r}. Make it dense in preprocessing_fn."
        )
    return TransformedFeature(name, _DTYPES[spec.dtype], kind, shape, raw_features)


def schema_digest(schema: schema_pb2.Schema) -> str:
    """Return the hexadecimal sha256 of a schema."""
    return hashlib.sha256(schema.SerializeToString(deterministic=True)).hexdigest()
