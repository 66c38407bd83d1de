"""What a model's signatures say without any payload."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import payload_models
import pytest

from tfx_parity.contract.data_schema import read_schema
from tfx_parity.findings import StaticFinding
from tfx_parity.payloads.feature_rules import rules_of_contract
from tfx_parity.payloads.schema_rules import rules_of_schema
from tfx_parity.payloads.served_model import ServedModel, read_served_model
from tfx_parity.payloads.static_checks import static_findings
from tfx_parity.protos import DataType, MetaGraphDef
from tfx_parity.schemas import schema_path

SCHEMA = read_schema(schema_path("penguins"))


def found(findings: tuple[StaticFinding, ...], *, blocking: bool) -> list[tuple[str, str, str]]:
    return [(f.code, f.signature, f.name) for f in findings if f.blocking is blocking]


def changed(folder: Path, graph: MetaGraphDef) -> ServedModel:
    return read_served_model(payload_models.write_model(folder / "1", graph))


def test_a_good_model_has_limits_only(model: Path) -> None:
    """Schema, contract, parsing op and signatures of the penguins model agree."""
    served = read_served_model(model)

    findings = static_findings(
        served, rules_of_schema(SCHEMA, "SERVING"), payload_models.contract()
    )

    assert [] == found(findings, blocking=True)
    assert [
        ("NULL_REFUSED", "serve_raw", "bill_length_mm"),
        ("LARGE_INTEGERS_IN_JSON", "serve_raw", "body_mass_g"),
        ("NULL_REFUSED", "serve_raw", "body_mass_g"),
        ("NULL_REFUSED", "serve_raw", "sex"),
    ] == found(findings, blocking=False)


def test_the_parsed_features_are_read_of_the_graph(model: Path) -> None:
    """Keys, types and which are required are those of the op."""
    parsed = {f.name: f for f in read_served_model(model).parsed["serving_default"]}

    assert {"bill_length_mm", "body_mass_g", "island", "sex"} == set(parsed)
    assert ((1,), True) == (parsed["island"].shape, parsed["island"].required)
    assert (None, False) == (parsed["sex"].shape, parsed["sex"].required)
    assert DataType.DT_INT64 == parsed["body_mass_g"].data_type


@pytest.mark.parametrize("damage", ["no inputs", "no constants", "no tensor"])
def test_a_graph_that_cannot_be_followed_parses_nothing_known(tmp_path: Path, damage: str) -> None:
    """What stands behind a signature stays unknown, and nothing breaks over it."""
    graph = payload_models.meta_graph()
    parse = next(node for node in graph.graph_def.node if node.op == "ParseExampleV2")
    if damage == "no inputs":
        del parse.input[1:]
    for node in graph.graph_def.node:
        if damage == "no constants" and node.op == "Const":
            node.op = "Placeholder"
        if damage == "no tensor":
            node.attr["value"].tensor.dtype = 0

    assert {} == changed(tmp_path, graph).parsed


def test_a_label_asked_of_clients_blocks(tmp_path: Path) -> None:
    """In the serving environment nobody knows the label; in the training one it may be asked."""
    served = changed(tmp_path, payload_models.meta_graph(parsed_label=True))

    findings = static_findings(served, rules_of_schema(SCHEMA, "SERVING"))

    assert [("LABEL_REQUIRED", "serving_default", "species")] == found(findings, blocking=True)
    training = static_findings(served, rules_of_schema(SCHEMA, "TRAINING"))
    assert [] == found(training, blocking=True)


def test_types_and_inputs_must_be_the_transform_graphs(tmp_path: Path) -> None:
    """A raw feature of another type, and one that cannot be sent, block."""
    graph = payload_models.meta_graph()
    graph.signature_def["serve_raw"].inputs["body_mass_g"].dtype = DataType.DT_FLOAT
    del graph.signature_def["serve_raw"].inputs["sex"]
    served = changed(tmp_path, graph)

    findings = static_findings(served, rules_of_contract(payload_models.contract()))

    assert [
        ("DTYPE_DISAGREES", "serve_raw", "body_mass_g"),
        ("FEATURE_NOT_SENDABLE", "serve_raw", "sex"),
    ] == found(findings, blocking=True)


def test_shapes_must_be_the_transform_graphs(tmp_path: Path) -> None:
    """Rows of another rank or size than an example has of a raw feature block."""
    graph = payload_models.meta_graph()
    inputs = graph.signature_def["serve_raw"].inputs
    inputs["sex"].tensor_shape.dim.add(size=1)
    inputs["island"].tensor_shape.unknown_rank = True
    own = payload_models.contract()
    raw = [replace(f, shape=(3,)) if f.name == "body_mass_g" else f for f in own.raw_features]
    inputs["body_mass_g"].tensor_shape.dim.add(size=2)
    served = changed(tmp_path, graph)

    findings = static_findings(
        served, rules_of_contract(own), replace(own, raw_features=tuple(raw))
    )

    assert [
        ("SHAPE_DISAGREES", "serve_raw", "body_mass_g"),
        ("SHAPE_DISAGREES", "serve_raw", "sex"),
    ] == found(findings, blocking=True)
    assert ["rows of shape [2]", "rows of shape [1]"] == [f.found for f in findings if f.blocking]


def test_named_inputs_of_other_signatures_must_take_the_schemas_types(tmp_path: Path) -> None:
    """A float input takes the schema's integers, an integer input no floats, a text no number."""
    graph = payload_models.meta_graph()
    for name, kind in (
        ("bill_length_mm", DataType.DT_INT32),
        ("body_mass_g", DataType.DT_FLOAT),
        ("island", DataType.DT_STRING),
        ("sex", DataType.DT_INT64),
        ("other", DataType.DT_INT64),
    ):
        graph.signature_def["tensors"].inputs[name].dtype = kind
        graph.signature_def["tensors"].inputs[name].tensor_shape.dim.add(size=-1)
    served = changed(tmp_path, graph)

    findings = static_findings(served, rules_of_schema(SCHEMA, "SERVING"))

    assert [
        ("DTYPE_DISAGREES", "tensors", "bill_length_mm"),
        ("DTYPE_DISAGREES", "tensors", "sex"),
    ] == found(findings, blocking=True)


def test_another_transform_graph_blocks(model: Path) -> None:
    """A model exported with another run's graph is stale."""
    own = payload_models.contract()
    other = replace(own, digests=replace(own.digests, transform_graph="other"))

    findings = static_findings(read_served_model(model), rules_of_contract(own), other)

    assert [("TRANSFORM_GRAPH_STALE", "", "")] == found(findings, blocking=True)


@pytest.mark.parametrize(
    ("feature", "text", "expected"),
    [
        ("island", "presence { min_count: 1 }", "PRESENCE_DISAGREES"),
        ("island", "shape { dim { size: 2 } } presence { min_fraction: 1 }", "SHAPE_DISAGREES"),
        ("sex", "type: INT", "DTYPE_DISAGREES"),
    ],
)
def test_a_schema_that_disagrees_blocks(
    model: Path, tmp_path: Path, feature: str, text: str, expected: str
) -> None:
    """What the schema allows and the graph refuses is told before any client finds out."""
    names = ["island", "sex", "bill_length_mm", "body_mass_g"]
    others = [f'feature {{ name: "{name}" presence {{ min_fraction: 1 }} }}' for name in names]
    changed_one = f'feature {{ name: "{feature}" {text} }}'
    lines = [changed_one if feature in line else line for line in others]
    (tmp_path / "schema.pbtxt").write_text("\n".join(lines))
    rules = rules_of_schema(read_schema(tmp_path / "schema.pbtxt"), "SERVING")

    findings = static_findings(read_served_model(model), rules)

    assert [(expected, "serving_default", feature)] == found(findings, blocking=True)


def test_what_json_cannot_carry_is_a_limit_with_its_way_out(tmp_path: Path) -> None:
    """Half, scalars, a fixed batch, small integers, a text output and a scalar output."""
    graph = payload_models.meta_graph()
    odd = graph.signature_def["odd"]
    for name, kind, sizes in (
        ("half", DataType.DT_HALF, [-1]),
        ("scalar", DataType.DT_FLOAT, []),
        ("fixed", DataType.DT_FLOAT, [4]),
        ("small", DataType.DT_INT8, [-1]),
    ):
        odd.inputs[name].dtype = kind
        for size in sizes:
            odd.inputs[name].tensor_shape.dim.add(size=size)
    odd.outputs["label"].dtype = DataType.DT_STRING
    odd.outputs["label"].tensor_shape.dim.add(size=-1)
    odd.outputs["raw_bytes"].CopyFrom(odd.outputs["label"])
    odd.outputs["sum"].dtype = DataType.DT_FLOAT
    odd.outputs["three"].dtype = DataType.DT_FLOAT
    odd.outputs["three"].tensor_shape.dim.add(size=3)
    served = changed(tmp_path, graph)

    findings = static_findings(served, rules_of_contract(payload_models.contract()))

    assert [
        ("NO_BATCH_DIMENSION", "odd", "fixed"),
        ("NOT_OVER_REST", "odd", "half"),
        ("TEXT_OUTPUT", "odd", "label"),
        ("SCALAR_IN_ROWS", "odd", "scalar"),
        ("WRAPS_IN_JSON", "odd", "small"),
        ("OUTPUT_WITHOUT_ROWS", "odd", "sum"),
        ("OUTPUT_WITHOUT_ROWS", "odd", "three"),
    ] == [f for f in found(findings, blocking=False) if f[1] == "odd"]
    assert all(finding.cure.endswith(".") for finding in findings)
