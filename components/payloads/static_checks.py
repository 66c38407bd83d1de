"""What schema, contract, transform graph and signatures say without any payload."""

from __future__ import annotations

from collections.abc import Iterator

from tfx_parity.contract import ServingContract
from tfx_parity.findings import StaticFinding
from tfx_parity.payloads.feature_rules import FeatureRule, FeatureRules
from tfx_parity.payloads.raw_inputs import against_contract, against_rules, dtype_disagrees
from tfx_parity.payloads.rest_limits import rest_limits
from tfx_parity.payloads.served_model import ServedModel
from tfx_parity.protos import SignatureDef
from tfx_parity.serving_api.example_parsing import ParsedFeature

# A signature that is there for Evaluator and reads the label by design (tfx_parity.training).
LABELLED_SUFFIX = "_labelled"


def static_findings(
    model: ServedModel, rules: FeatureRules, transform_contract: ServingContract | None = None
) -> tuple[StaticFinding, ...]:
    """Return what is wrong with, or limited in, a model's signatures.

    Args:
        model: The model.
        rules: The rules of the schema, or of the model's own contract.
        transform_contract: The contract of the transform graph that the model should hold; None
            where none is at hand.

    Returns:
        What blocks first, then the limits, each by signature and name.
    """
    found = [*_against_transform_graph(model, transform_contract)]
    contract = transform_contract or model.contract
    for name, signature in model.signature_defs.items():
        if name.endswith(LABELLED_SUFFIX):
            continue
        found += _labels(name, signature, model, rules)
        if name in model.parsed:
            found += _parsed_against_rules(name, model.parsed[name], rules)
        if contract is not None:
            found += against_contract(name, signature, model.parsed.get(name, ()), contract)
        found += against_rules(name, signature, rules)
        found += rest_limits(name, signature, rules, model.contract)
    return tuple(sorted(found, key=lambda f: (not f.blocking, f.signature, f.name, f.code)))


def _against_transform_graph(
    model: ServedModel, expected: ServingContract | None
) -> Iterator[StaticFinding]:
    if expected is None:
        return
    if model.contract is None:
        yield StaticFinding(
            "NO_CONTRACT",
            False,
            "",
            "",
            "a serving contract in assets.extra",
            "none",
            "Export the model by export_for_serving, so that its transform graph can be told.",
        )
    elif model.contract.digests.transform_graph != expected.digests.transform_graph:
        yield StaticFinding(
            "TRANSFORM_GRAPH_STALE",
            True,
            "",
            "",
            f"transform graph {expected.digests.transform_graph[:12]}",
            f"transform graph {model.contract.digests.transform_graph[:12]}",
            "Export the model with the transform graph that it was trained on.",
        )


def _labels(
    name: str, signature: SignatureDef, model: ServedModel, rules: FeatureRules
) -> Iterator[StaticFinding]:
    needed = {feature.name for feature in model.parsed.get(name, ()) if feature.required}
    for label in sorted(rules.labels & (needed | set(signature.inputs))):
        yield StaticFinding(
            "LABEL_REQUIRED",
            True,
            name,
            label,
            "no label asked of clients",
            "an input or a required feature",
            "Take the label out of the feature spec that the serving function parses with.",
        )


def _parsed_against_rules(
    name: str, parsed: tuple[ParsedFeature, ...], rules: FeatureRules
) -> Iterator[StaticFinding]:
    for feature in parsed:
        rule = rules.by_name.get(feature.name)
        if rule is None:
            if rules.complete and feature.name not in rules.labels:
                yield StaticFinding(
                    "NOT_IN_SCHEMA",
                    feature.required,
                    name,
                    feature.name,
                    "a feature of the schema",
                    "one that the graph parses and the schema does not know",
                    "Add the feature to the schema, or leave it out of the feature spec.",
                )
            continue
        if rule.data_type is not None and rule.data_type != feature.data_type:
            yield dtype_disagrees(name, feature.name, rule.data_type, feature.data_type, "schema")
        if feature.required and not rule.required:
            yield StaticFinding(
                "PRESENCE_DISAGREES",
                True,
                name,
                feature.name,
                "a feature that may be left out, as the schema says",
                "a dense feature without a default: an example without it is refused",
                "Make it required in the schema (presence.min_fraction: 1), or parse it sparse.",
            )
        yield from _count_disagrees(name, feature, rule)


def _count_disagrees(
    name: str, feature: ParsedFeature, rule: FeatureRule
) -> Iterator[StaticFinding]:
    if feature.shape is None or None in feature.shape:
        return
    size = 1
    for length in feature.shape:
        size *= length or 1
    if not rule.min_count <= size <= (size if rule.max_count is None else rule.max_count):
        most = "any number" if rule.max_count is None else rule.max_count
        yield StaticFinding(
            "SHAPE_DISAGREES",
            True,
            name,
            feature.name,
            f"{rule.min_count} to {most} of values, as the schema says",
            f"exactly {size}",
            "Give the schema the shape that the graph parses, and train anew if it was wrong.",
        )
