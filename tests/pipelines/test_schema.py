"""The curated schema of the penguins."""

from __future__ import annotations

import csv
import io

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_parity.errors import BadInputError
from tfx_parity.pipelines.penguins.data import COLUMNS, REQUIRED, read_penguins
from tfx_parity.schemas import schema_path


@pytest.fixture(scope="module")
def schema() -> schema_pb2.Schema:
    """Return the schema."""
    text = schema_path("penguins").read_text(encoding="utf-8")
    return text_format.Parse(text, schema_pb2.Schema())


def test_it_has_the_columns_of_the_data(schema: schema_pb2.Schema) -> None:
    """Every column is a feature and every feature a column, of one type."""
    kinds = {
        schema_pb2.BYTES: "a text",
        schema_pb2.FLOAT: "a number",
        schema_pb2.INT: "a whole number",
    }

    assert {name: form.kind for name, form in COLUMNS.items()} == {
        feature.name: kinds[feature.type] for feature in schema.feature
    }


def test_clients_send_everything_but_the_species(schema: schema_pb2.Schema) -> None:
    """The label is in the environment TRAINING and not in SERVING."""
    assert list(schema.default_environment) == ["TRAINING", "SERVING"]
    assert {
        feature.name: list(feature.not_in_environment)
        for feature in schema.feature
        if feature.not_in_environment
    } == {"species": ["SERVING"]}


def test_what_can_be_missing_has_no_fixed_shape(schema: schema_pb2.Schema) -> None:
    """A blank arrives as an empty list: value_count from 0 to 1, and no shape of one value."""
    for feature in schema.feature:
        if feature.name in REQUIRED:
            assert [dim.size for dim in feature.shape.dim] == [1], feature.name
            assert feature.presence.min_fraction == 1.0, feature.name
        else:
            assert (feature.value_count.min, feature.value_count.max) == (0, 1), feature.name
            assert not feature.HasField("shape"), feature.name
            assert feature.presence.min_fraction == 0.0, feature.name


def test_the_data_lie_in_the_domains(schema: schema_pb2.Schema) -> None:
    """Every value of every penguin is one that the schema allows."""
    words = {domain.name: set(domain.value) for domain in schema.string_domain}
    rows = list(csv.DictReader(io.StringIO(read_penguins().decode())))

    for feature in schema.feature:
        values = {row[feature.name] for row in rows} - {""}
        if feature.type == schema_pb2.BYTES:
            assert words[feature.domain] == values, feature.name
            continue
        domain = feature.WhichOneof("domain_info")
        low, high = getattr(feature, domain).min, getattr(feature, domain).max
        assert low <= min(map(float, values)) <= max(map(float, values)) <= high, feature.name


def test_an_unknown_schema_is_refused_with_the_known_ones() -> None:
    """The error lists what there is."""
    with pytest.raises(BadInputError, match=r"\(.*penguins.*\), found 'ostriches'"):
        schema_path("ostriches")
