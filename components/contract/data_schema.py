"""What a data schema (TensorFlow Metadata) says of environments and domains."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_parity.contract.features import Domain
from tfx_parity.errors import BadInputError


def read_schema(path: Path) -> schema_pb2.Schema:
    """Return the data schema of a text file.

    Raises:
        BadInputError: If there is no such file, or it is no text `Schema`.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return text_format.Parse(text, schema_pb2.Schema())
    except FileNotFoundError as error:
        raise BadInputError(f"Expected a data schema, found no file at {path}.") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"Expected a data schema as text (schema.pbtxt), found in {path}: {error}."
        ) from error


def label_features(schema: schema_pb2.Schema, serving_environment: str) -> tuple[str, ...]:
    """Return the features that the schema keeps out of the serving environment, sorted."""
    known = set(schema.default_environment)
    for feature in schema.feature:
        known |= {*feature.in_environment, *feature.not_in_environment}
    if serving_environment not in known:
        return ()
    return tuple(
        sorted(f.name for f in schema.feature if not is_in(f, schema, serving_environment))
    )


def is_in(feature: schema_pb2.Feature, schema: schema_pb2.Schema, environment: str) -> bool:
    """Whether a feature belongs to an environment, by the rule of TFMD's schema.proto."""
    if environment in feature.not_in_environment:
        return False
    return environment in schema.default_environment or (
        environment in feature.in_environment or not schema.default_environment
    )


def domain_of(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> Domain:
    """Return the values that a schema allows for a feature."""
    kind = feature.WhichOneof("domain_info")
    if kind in ("int_domain", "float_domain"):
        bounds = getattr(feature, kind)
        return Domain(
            minimum=bounds.min if bounds.HasField("min") else None,
            maximum=bounds.max if bounds.HasField("max") else None,
        )
    if kind == "string_domain":
        return Domain(values=tuple(feature.string_domain.value))
    if kind == "domain":
        shared = {domain.name: domain for domain in schema.string_domain}
        return Domain(values=tuple(shared[feature.domain].value))
    return Domain()
