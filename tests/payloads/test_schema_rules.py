"""What a data schema allows for one payload."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_parity.payloads.feature_rules import FeatureRule, FeatureRules
from tfx_parity.payloads.schema_rules import rules_of_schema

FLOAT, INT, STRING = 1, 9, 7


def rules(text: str, environment: str = "SERVING") -> FeatureRules:
    return rules_of_schema(text_format.Parse(text, schema_pb2.Schema()), environment)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type: FLOAT", FeatureRule("x", FLOAT)),
        (
            "type: FLOAT float_domain { min: 1 max: 2 }",
            FeatureRule("x", FLOAT, 1, 2, allow_nan=True, allow_infinity=True),
        ),
        (
            "type: FLOAT float_domain { disallow_nan: true disallow_inf: true }",
            FeatureRule("x", FLOAT),
        ),
        ("type: INT int_domain { min: -1 }", FeatureRule("x", INT, minimum=-1)),
        (
            'type: BYTES string_domain { value: "a" value: "b" }',
            FeatureRule("x", STRING, values=frozenset("ab")),
        ),
        ('type: BYTES domain: "shared"', FeatureRule("x", STRING, values=frozenset("cd"))),
        (
            'type: BYTES domain: "shared" distribution_constraints { min_domain_mass: 0.9 }',
            FeatureRule("x", STRING),
        ),
        ("presence { min_fraction: 1 }", FeatureRule("x", None, required=True)),
        ("presence { min_fraction: 0.5 }", FeatureRule("x", None)),
        ("value_count { min: 1 max: 3 }", FeatureRule("x", None, min_count=1, max_count=3)),
        (
            "shape { dim { size: 2 } dim { size: 3 } }",
            FeatureRule("x", None, min_count=6, max_count=6),
        ),
        (
            "type: INT int_domain { min: 1 } deprecated: true",
            FeatureRule("x", None, allow_nan=True, allow_infinity=True),
        ),
        (
            "type: INT lifecycle_stage: PLANNED",
            FeatureRule("x", None, allow_nan=True, allow_infinity=True),
        ),
    ],
)
def test_each_word_of_the_schema_is_a_rule(text: str, expected: FeatureRule) -> None:
    """Type, bounds, domain, presence and number of values; a share of a domain is none for one."""
    shared = 'string_domain { name: "shared" value: "c" value: "d" }'

    assert {"x": expected} == rules(f'feature {{ name: "x" {text} }} {shared}').by_name


@pytest.mark.parametrize(
    ("environment", "expected"), [("SERVING", {"y"}), ("TRAINING", set()), ("OTHER", {"z"})]
)
def test_the_environment_decides_what_clients_never_send(
    environment: str, expected: set[str]
) -> None:
    """What is not in the environment is a label, whichever way the schema says so."""
    text = """
        default_environment: "SERVING" default_environment: "TRAINING"
        feature { name: "x" in_environment: "OTHER" }
        feature { name: "y" not_in_environment: "SERVING" in_environment: "OTHER" }
        feature { name: "z" }
    """

    assert expected == rules(text, environment).labels
    assert {"x", "y", "z"} - expected == set(rules(text, environment).by_name)
