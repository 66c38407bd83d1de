"""Which ops of a graph are told, and which of their like are not, from graphs made by hand."""

from __future__ import annotations

import pytest

from tfx_parity.canary.op_uses import OpUses, find_op_uses
from tfx_parity.protos import DataType, MetaGraphDef, NodeDef

pytestmark = pytest.mark.native  # the registry of ops lies in TensorFlow's library


def _graph(*nodes: tuple[str, str, tuple[str, ...]], **types: DataType) -> OpUses:
    """Return what matters in a chain of nodes (name, op, inputs); the last one is answered."""
    meta_graph = MetaGraphDef()
    for name, op, inputs in nodes:
        node = meta_graph.graph_def.node.add(name=name, op=op, input=inputs)
        _set_types(node, types)
    output = meta_graph.signature_def["serving_default"].outputs["y"]
    output.name = f"{nodes[-1][0]}:0"
    return find_op_uses(meta_graph)


def _set_types(node: NodeDef, types: dict[str, DataType]) -> None:
    for name, value in types.items():
        node.attr[name].type = value


@pytest.mark.parametrize(
    ("source", "target", "count"),
    [
        (DataType.DT_FLOAT, DataType.DT_HALF, 1),
        (DataType.DT_DOUBLE, DataType.DT_BFLOAT16, 1),
        (DataType.DT_HALF, DataType.DT_FLOAT, 0),
        (DataType.DT_DOUBLE, DataType.DT_FLOAT, 0),
        (DataType.DT_INT64, DataType.DT_HALF, 0),
    ],
)
def test_casts_to_fewer_bits_are_told(source: DataType, target: DataType, count: int) -> None:
    """From float32 or float64 to float16 or bfloat16, and no other casts."""
    found = _graph(("x", "Placeholder", ()), ("cast", "Cast", ("x",)), SrcT=source, DstT=target)

    assert ["Cast"] * count == [use.op for use in found.narrowing]


@pytest.mark.parametrize(
    ("dtype", "count"), [(DataType.DT_FLOAT, 1), (DataType.DT_INT64, 0)], ids=["float", "int64"]
)
def test_statistics_are_assigned_and_counters_are_not(dtype: DataType, count: int) -> None:
    """Moving averages are numbers with a fraction; a counter of requests is no training phase."""
    found = _graph(
        ("kept", "VarHandleOp", ()),
        ("one", "Const", ()),
        ("add", "AssignAddVariableOp", ("kept", "one")),
        ("read", "ReadVariableOp", ("kept", "^add")),
        dtype=dtype,
    )

    assert ["AssignAddVariableOp"] * count == [use.op for use in found.batch_statistics]


@pytest.mark.parametrize(
    ("use", "masks"), [("GreaterEqual", True), ("AddV2", False)], ids=["dropout", "noise"]
)
def test_random_numbers_that_are_compared_and_multiply_mask(use: str, masks: bool) -> None:
    """Dropout compares its numbers with a rate, casts, and multiplies; noise is added."""
    found = _graph(
        ("x", "Placeholder", ()),
        ("shape", "Shape", ("x",)),
        ("draw", "RandomUniform", ("shape",)),
        ("rate", "Const", ()),
        ("used", use, ("draw", "rate")),
        ("cast", "Cast", ("used",)),
        ("y", "Mul", ("x", "cast")),
    )

    assert [masks] == [random.masks for random in found.random]


def test_what_no_signature_reaches_is_not_told() -> None:
    """A training step's random numbers do not concern who serves."""
    found = _graph(
        ("shape", "Const", ()), ("draw", "RandomUniform", ("shape",)), ("y", "Const", ())
    )

    assert () == found.random
