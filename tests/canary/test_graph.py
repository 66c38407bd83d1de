"""Which nodes run is found by hand-made graphs and by an independent, slower search."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.canary.graph import GraphWalk, ancestors, node_name
from tfx_parity.canary.variables import checkpoint_keys, value_digest
from tfx_parity.protos import FunctionDef, GraphDef, MetaGraphDef, NodeDef


def _node(name: str, op: str, *inputs: str, calls: str = "") -> NodeDef:
    node = NodeDef(name=name, op=op, input=inputs)
    if calls:
        node.attr["f"].func.name = calls
    return node


def _function(name: str, *nodes: NodeDef, returns: str) -> FunctionDef:
    function = FunctionDef(node_def=nodes, ret={"out": returns})
    function.signature.name = name
    return function


def _graph(nodes: list[NodeDef], *functions: FunctionDef) -> GraphDef:
    graph = GraphDef(node=nodes)
    graph.library.function.extend(functions)
    return graph


def _reached(graph: GraphDef, *tensors: str) -> set[tuple[str, str]]:
    walk = GraphWalk(graph, is_stateful=lambda op: op == "Stateful")
    return {(placed.function, placed.node.name) for placed in walk.reachable(tensors)}


def test_names_of_tensors_are_those_of_their_nodes() -> None:
    """A tensor of the graph, of a function and a control input name a node."""
    assert [node_name(text) for text in ("a", "a:1", "a:out:0", "^a")] == ["a", "a", "a", "a"]


def test_functions_are_followed_through_ops_attributes_and_lists() -> None:
    """A function is reached by an op of its name, by an attribute, or by a list of them."""
    branches = _node("case", "Case")
    branches.attr["branches"].list.func.add(name="third")
    graph = _graph(
        [_node("call", "first"), _node("other", "Op")],
        _function("first", _node("a", "PartitionedCall", calls="second"), returns="a:output:0"),
        _function("second", branches, returns="case:output:0"),
        _function("third", _node("deep", "EagerPyFunc"), returns="deep:output:0"),
        _function("never", _node("lost", "EagerPyFunc"), returns="lost:output:0"),
    )

    expected = {("", "call"), ("first", "a"), ("second", "case"), ("third", "deep")}

    assert expected == _reached(graph, "call:0")


def test_in_a_function_stateful_nodes_run_although_nothing_needs_them() -> None:
    """The executor prunes what has no effect and is not needed, and nothing else."""
    function = _function(
        "f",
        _node("result", "Op"),
        _node("effect", "Stateful", "fed:out:0"),
        _node("fed", "Op"),
        _node("unused", "Op"),
        returns="result:out:0",
    )

    assert {("", "call"), ("f", "result"), ("f", "effect"), ("f", "fed")} == _reached(
        _graph([_node("call", "f")], function), "call:0"
    )


def test_a_function_that_calls_itself_is_walked_once() -> None:
    """Recursion ends."""
    function = _function("f", _node("again", "PartitionedCall", calls="f"), returns="again:out:0")

    assert {("", "call"), ("f", "again")} == _reached(
        _graph([_node("call", "f")], function), "call"
    )


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefghx"), max_size=4), min_size=1
    ),
    st.sampled_from("abcdefgh"),
)
def test_ancestors_are_the_closure_of_inputs(edges: dict[str, list[str]], start: str) -> None:
    """The search finds what a fixed point over all edges finds; cycles do not matter."""
    nodes = {name: _node(name, "Op", *inputs) for name, inputs in edges.items()}

    expected = {start} & set(nodes)
    for _ in nodes:
        expected |= {source for name in expected for source in edges[name] if source in nodes}

    assert expected == set(ancestors(nodes, [f"{start}:0"]))


def test_checkpoint_keys_follow_the_saver_into_its_function() -> None:
    """Each variable gets the name that the saver writes its value under, whatever the order."""
    keys = _node("keys", "Const")
    keys.attr["value"].tensor.string_val.extend(
        [b"layer/w/.ATTRIBUTES/VARIABLE_VALUE", b"b/.ATTRIBUTES/VARIABLE_VALUE", b"_GRAPH"]
    )
    save = _function(
        "save",
        _node("read_b", "ReadVariableOp", "second"),
        _node("read_w", "ReadVariableOp", "first"),
        keys,
        _node("s", "SaveV2", "prefix", "keys:output:0", "slices", "read_w:value:0",
              "read_b:value:0", "third"),
        returns="s",
    )  # fmt: skip
    for name in ("file", "first", "second", "third"):
        save.signature.input_arg.add(name=name)
    call = _node("call", "StatefulPartitionedCall", "file", "w", "b:0", "const", calls="save")
    meta_graph = MetaGraphDef(graph_def=_graph([call], save))
    meta_graph.saver_def.save_tensor_name = "call:0"

    assert checkpoint_keys(meta_graph) == {"w": "layer/w", "b": "b"}


def test_a_model_without_a_saver_has_no_keys() -> None:
    """A graph that was frozen saves nothing."""
    assert checkpoint_keys(MetaGraphDef()) == {}


def test_a_digest_is_of_the_little_endian_bytes_in_c_order() -> None:
    """Layout and byte order of the array in memory do not show in its digest."""
    value = np.arange(6, dtype=np.float32).reshape(2, 3)

    expected = hashlib.sha256(struct.pack("<6f", *range(6))).hexdigest()

    assert [expected, expected] == [value_digest(value), value_digest(np.asfortranarray(value))]


def test_a_digest_of_strings_tells_where_each_ends() -> None:
    """The same bytes cut otherwise are another value."""
    one = np.array([b"ab", b"c"], dtype=object)
    other = np.array([b"a", b"bc"], dtype=object)

    expected = hashlib.sha256(struct.pack("<Q2sQ1s", 2, b"ab", 1, b"c")).hexdigest()

    assert expected == value_digest(one)
    assert expected != value_digest(other)
