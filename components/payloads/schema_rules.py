"""The rules of a data schema (TensorFlow Metadata), in one of its environments."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_parity.contract.data_schema import domain_of, label_features
from tfx_parity.payloads.feature_rules import FeatureRule, FeatureRules
from tfx_parity.protos import DataType

_DATA_TYPES = {
    schema_pb2.FLOAT: int(DataType.DT_FLOAT),
    schema_pb2.INT: int(DataType.DT_INT64),
    schema_pb2.BYTES: int(DataType.DT_STRING),
}


def rules_of_schema(schema: schema_pb2.Schema, environment: str) -> FeatureRules:
    """Return the rules of a data schema.

    Args:
        schema: The schema; deprecated and not yet released features have no rule but a name.
        environment: The environment of clients' payloads, usually "SERVING".
    """
    labels = frozenset(label_features(schema, environment))
    rules = {f.name: _of_feature(f, schema) for f in schema.feature if f.name not in labels}
    return FeatureRules(rules, labels, complete=True)


def _of_feature(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> FeatureRule:
    stages = (schema_pb2.UNKNOWN_STAGE, schema_pb2.PRODUCTION, schema_pb2.VALIDATION_DERIVED)
    if feature.deprecated or feature.lifecycle_stage not in stages:
        return FeatureRule(feature.name, None, allow_nan=True, allow_infinity=True)
    domain = domain_of(feature, schema)
    floats = feature.float_domain
    fewest, most = _counts(feature)
    return FeatureRule(
        name=feature.name,
        data_type=_DATA_TYPES.get(feature.type),
        minimum=domain.minimum,
        maximum=domain.maximum,
        values=frozenset() if _some_may_be_others(feature) else frozenset(domain.values),
        allow_nan=feature.HasField("float_domain") and not floats.disallow_nan,
        allow_infinity=feature.HasField("float_domain") and not floats.disallow_inf,
        required=feature.presence.min_fraction >= 1,
        min_count=fewest,
        max_count=most,
    )


def _some_may_be_others(feature: schema_pb2.Feature) -> bool:
    """Whether a share of the values may lie outside the domain: no single payload is at fault."""
    constraints = feature.distribution_constraints
    return feature.HasField("distribution_constraints") and constraints.min_domain_mass < 1


def _counts(feature: schema_pb2.Feature) -> tuple[int, int | None]:
    """Return the fewest and most values of an example that has the feature."""
    if feature.HasField("value_count"):
        most = feature.value_count.max if feature.value_count.HasField("max") else None
        return feature.value_count.min, most
    if feature.HasField("shape"):
        size = 1
        for dim in feature.shape.dim:
            size *= dim.size
        return size, size
    return 0, None
