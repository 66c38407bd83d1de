"""A node's place in words."""

from __future__ import annotations

import pytest

from tfx_parity.canary.probe_plan import PlannedNode, ProbePlan
from tfx_parity.canary_validator.places import place_of, readable_path


def _node(
    name: str, op: str = "Add", *sources: str, variables: tuple[str, ...] = ()
) -> PlannedNode:
    return PlannedNode(name, op, sources, (f"{name}:0",), variables, is_of_shapes=False)


def _plan(*nodes: PlannedNode) -> ProbePlan:
    return ProbePlan({node.name: node for node in nodes}, {})


@pytest.mark.parametrize(
    ("node", "path"),
    [
        (
            "StatefulPartitionedCall_9/StatefulPartitionedCall/model/dense/MatMul",
            "model/dense/MatMul",
        ),
        ("PartitionedCall_body/model/PartitionedCall_1/Relu", "model/Relu"),
        ("model/dense/BiasAdd", "model/dense/BiasAdd"),
        ("StatefulPartitionedCall", "StatefulPartitionedCall"),
    ],
)
def test_calls_are_left_out_of_a_path(node: str, path: str) -> None:
    """What functions it stood behind says nothing to an author."""
    assert path == readable_path(node)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("model/batch_normalization/moments/mean", "layer batch_normalization "),
        ("model/batch_normalization/batchnorm/mul_1", "layer batch_normalization "),
        ("model/dense/MatMul/ReadVariableOp", "layer dense "),
        ("model/dropout/dropout/random_uniform/RandomUniform", "layer dropout "),
        ("model/dropout_2/dropout/Mul", "layer dropout_2 "),
        ("model/encoder/dropout/stateless_dropout/GreaterEqual", "layer dropout "),
        (
            "Call/transform_features_layer_2/scale_to_z_score/sub",
            "transform graph, scale_to_z_score ",
        ),
        ("transform_features_layer/Cast", "transform graph "),
    ],
)
def test_the_layer_is_the_innermost_scope_that_is_no_ops(name: str, layer: str) -> None:
    """Scopes that ops open for themselves are passed over."""
    name = name.removeprefix("Call/")
    node = _node(name)

    assert f"{layer}(op Add, node {name})" == place_of(node, _plan(node)).sentence


def test_a_scope_that_keras_numbered_gets_its_layers_own_name() -> None:
    """The variables that are read in it tell the name, and the neighbours' for a layer without."""
    mean = _node("f_1/norm_1/moments/mean")
    drop = _node("f_1/drop_1/stateless_dropout/Mul")
    read = _node("f_1/norm_1/Read", "ReadVariableOp", variables=("norm/gamma",))
    plan = _plan(mean, drop, read)

    assert place_of(mean, plan).sentence.startswith("layer norm (")
    assert place_of(drop, plan).sentence.startswith("layer drop (")


def test_a_layer_whose_own_name_has_a_number_keeps_it() -> None:
    """`dense_1` reads the variables of `dense_1`, though there is a `dense`."""
    node = _node("m/dense_1/MatMul")
    other = _node("m/dense/Read", "ReadVariableOp", variables=("dense/kernel",))
    read = _node("m/dense_1/Read", "ReadVariableOp", variables=("dense_1/kernel",))
    drop = _node("m/drop_1/Mul")

    assert place_of(node, _plan(node, other, read)).sentence.startswith("layer dense_1 (")
    assert place_of(drop, _plan(drop, other, read)).sentence.startswith("layer drop_1 (")


def test_a_node_in_no_layer_is_told_by_the_variables_behind_it() -> None:
    """A plain module opens no scopes."""
    read = _node("Gather", "ResourceGather", variables=("tags",))
    total = _node("Sum", "Sum", "Gather:0")

    assert "op Sum (node Sum, behind variable tags)" == place_of(total, _plan(read, total)).sentence
    assert (
        "op ResourceGather of variable tags (node Gather)"
        == place_of(read, _plan(read, total)).sentence
    )
