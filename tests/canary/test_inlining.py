"""The debug copy of a model: its functions written out, its answers the same."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfx_parity.canary.graph import ancestors
from tfx_parity.canary.inlining import inline_signatures, read_serving_graph, write_debug_copy
from tfx_parity.canary.op_uses import signature_tensors
from tfx_parity.canary.probe_plan import ProbePlan, plan_probes
from tfx_parity.canary.session import INIT_OP_SIGNATURE, SavedModelSession
from tfx_parity.protos import ConfigProto, DataType, FunctionDef, MetaGraphDef
from tfx_parity.serving_api.dtypes import Array

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
OF_NUMBERS = (
    "nested",
    "keras2_plain",
    "keras3_batch_norm",
    "keras3_centred",
    "rewritten",
    "switched",
    "v1_rewritten",
)
OF_TEXT = ("branches", "padded", "padded_and_masked")
NUMBERS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.just(4)),
    elements=st.floats(-100, 100, width=32),
)
WORDS = st.sampled_from([b"a", b"B ", b" c", b"word", b"", b"\xc3\xa9"])
TEXTS = st.lists(st.lists(WORDS, min_size=1, max_size=4).map(b" ".join), min_size=1, max_size=5)


class Copied:
    """A model and its debug copy, both loaded."""

    def __init__(self, path: Path) -> None:
        self._folder = tempfile.TemporaryDirectory()
        copy = Path(self._folder.name)
        self.plan: ProbePlan = plan_probes(write_debug_copy(path, copy), "serving_default")
        self.model = SavedModelSession(path)
        self.copy = SavedModelSession(copy)

    def ask(
        self, inputs: Mapping[str, Array], tensors: list[str]
    ) -> tuple[list[Array], list[Array], dict[str, Array]]:
        """Return the model's answers, the copy's, and the tensors asked for beside them."""
        infos = self.model.signature_defs["serving_default"]
        feeds = {infos.inputs[name].name: value for name, value in inputs.items()}
        outputs = sorted(infos.outputs)
        theirs = self.model.run(feeds, [infos.outputs[name].name for name in outputs])
        ours = self.copy.run(feeds, [*(self.plan.outputs[name] for name in outputs), *tensors])
        return theirs, ours[: len(outputs)], dict(zip(tensors, ours[len(outputs) :], strict=True))


@pytest.fixture(scope="session")
def copied(graph_models: Path) -> functools._lru_cache_wrapper[Copied]:
    """Returns a model of graph_models with its copy, made once."""
    return functools.cache(lambda name: Copied(graph_models / name / "1"))


def _same(expected: list[Array], actual: list[Array]) -> None:
    for theirs, ours in zip(expected, actual, strict=True):
        assert (theirs.dtype, theirs.shape) == (ours.dtype, ours.shape)
        if theirs.dtype == object:
            assert theirs.tolist() == ours.tolist()
        else:
            assert theirs.tobytes() == ours.tobytes()


MANY = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("name", OF_NUMBERS)
@given(x=NUMBERS)
@MANY
def test_the_copy_answers_numbers_bit_for_bit(copied: object, name: str, x: Array) -> None:
    """Whatever is asked, the copy's outputs are the model's."""
    expected, actual, _ = copied(name).ask({"x": x}, [])

    _same(expected, actual)


@pytest.mark.parametrize("name", OF_TEXT)
@given(texts=TEXTS)
@MANY
def test_the_copy_answers_text_bit_for_bit(copied: object, name: str, texts: list[bytes]) -> None:
    """Tables, string ops, branches and loops too, and with every tensor fetched beside them."""
    model = copied(name)
    expected, actual, _ = model.ask({"text": np.array(texts, object)}, model.plan.tensors)

    _same(expected, actual)


@pytest.mark.parametrize("name", [*OF_NUMBERS, *OF_TEXT])
def test_no_call_is_left_on_the_way_to_the_outputs(graph_models: Path, name: str) -> None:
    """Every function that a signature calls is written out."""
    graph = read_serving_graph(graph_models / name / "1")
    inline_signatures(graph)
    nodes = {node.name: node for node in graph.graph_def.node}

    assert set() == {n.op for n in ancestors(nodes, signature_tensors(graph)).values()} & CALLS
    assert len(graph.graph_def.node) == len(nodes)


def test_tensors_inside_functions_are_what_they_are_named_for(
    copied: object, graph_models: Path
) -> None:
    """The products inside a function that is called twice, against numpy's."""
    x = np.arange(8, dtype=np.float32).reshape(2, 4) / 10
    model = copied("nested")
    tensors = [t for node in model.plan.nodes.values() if node.op == "MatMul" for t in node.tensors]
    reads = [t for n in model.plan.nodes.values() if n.op == "ReadVariableOp" for t in n.tensors]
    _, _, found = model.ask({"x": x}, [*tensors, *reads])
    [w] = {found[t].tobytes(): found[t] for t in reads if found[t].shape == (4, 4)}.values()
    first = x @ w
    second = (np.maximum(first, 0) + x) @ w

    assert len(tensors) == 3
    np.testing.assert_allclose(found[tensors[0]], first, rtol=1e-5)
    np.testing.assert_allclose(found[tensors[1]], second, rtol=1e-5)


def test_side_effects_come_in_their_order(graph_models: Path) -> None:
    """What requests leave in variables is the same after each, whatever else is fetched."""
    x = np.zeros((1, 4), np.float32)
    model = Copied(graph_models / "counting" / "1")
    tensors = model.plan.tensors

    for fetched in ([], tensors, tensors[:1], []):
        expected, actual, _ = model.ask({"x": x}, fetched)
        _same(expected, actual)
    log, y = expected
    assert [-21.0 + 10 * 1.0] * 4 == y[0].tolist()
    assert [78.0, 67.0] == log.tolist()


@pytest.mark.parametrize("name", ["branches", "nested"])
def test_what_saves_and_initialises_is_left_alone(graph_models: Path, name: str) -> None:
    """The saver, the initialisation op and all that feeds them stay byte for byte."""
    before = read_serving_graph(graph_models / name / "1")
    after = MetaGraphDef()
    after.CopyFrom(before)
    inline_signatures(after)
    starts = [before.saver_def.restore_op_name, before.saver_def.save_tensor_name]
    starts += [i.name for i in before.signature_def[INIT_OP_SIGNATURE].outputs.values()]

    kept = [
        ancestors({node.name: node for node in graph.graph_def.node}, starts)
        for graph in (before, after)
    ]

    assert kept[0]
    assert kept[0] == kept[1]


def test_a_function_for_xla_stays_a_call(graph_models: Path) -> None:
    """Written out it would run without its compiler."""
    graph = read_serving_graph(graph_models / "compiled" / "1")
    inline_signatures(graph)

    [call] = [n for n in graph.graph_def.node if n.attr["_XlaMustCompile"].b]
    assert call.op in CALLS


def _by_hand() -> MetaGraphDef:
    """A polymorphic function, called by a node whose name is the beginning of another's."""
    graph = MetaGraphDef()
    function = FunctionDef()
    function.signature.name = "twice"
    function.signature.attr.add(name="T", type="type")
    function.signature.input_arg.add(name="a", type_attr="T")
    function.signature.output_arg.add(name="r", type_attr="T")
    body = function.node_def.add(name="y", op="AddV2", input=["a", "a"])
    body.attr["T"].placeholder = "T"
    function.ret["r"] = "y:z:0"
    graph.graph_def.library.function.append(function)
    feed = graph.graph_def.node.add(name="x", op="Placeholder")
    feed.attr["dtype"].type = DataType.DT_FLOAT
    call = graph.graph_def.node.add(name="f", op="PartitionedCall", input=["x"])
    call.attr["f"].func.name = "twice"
    call.attr["f"].func.attr["T"].type = DataType.DT_FLOAT
    call.attr["Tin"].list.type.append(DataType.DT_FLOAT)
    call.attr["Tout"].list.type.append(DataType.DT_FLOAT)
    other = graph.graph_def.node.add(name="f/y", op="Identity", input=["f", "^f"])
    other.attr["T"].type = DataType.DT_FLOAT
    graph.signature_def["serving_default"].outputs["o"].name = "f/y:0"
    return graph


def test_names_stay_unique_and_types_are_filled_in() -> None:
    """A node named as one inside the call would be, and a type that the caller gives."""
    graph = _by_hand()
    inline_signatures(graph)
    nodes = {node.name: node for node in graph.graph_def.node}

    assert ["f", "f/y", "f_body/y", "x"] == sorted(nodes)
    assert len(graph.graph_def.node) == len(nodes)
    assert ["f_body/y:0", "^f"] == nodes["f/y"].input[:]
    assert DataType.DT_FLOAT == nodes["f_body/y"].attr["T"].type
    assert [DataType.DT_FLOAT] == nodes["f"].attr["T"].list.type[:]


def test_the_source_stays_and_its_variables_are_linked(graph_models: Path, tmp_path: Path) -> None:
    """Nothing is copied but the graph, and the model is not touched."""
    source = graph_models / "nested" / "1"
    before = {path.name: path.read_bytes() for path in source.glob("*.pb")}
    write_debug_copy(source, tmp_path)

    assert before == {path.name: path.read_bytes() for path in source.glob("*.pb")}
    assert (source / "variables").resolve() == (tmp_path / "variables").resolve()
    assert ["assets", "saved_model.pb", "variables"] == sorted(p.name for p in tmp_path.iterdir())


def test_a_folder_without_a_graph_is_an_error(tmp_path: Path) -> None:
    """There is nothing to copy."""
    with pytest.raises(FileNotFoundError):
        write_debug_copy(tmp_path, tmp_path / "copy")


def test_the_plan_orders_nodes_and_leaves_out_what_cannot_be_fetched(graph_models: Path) -> None:
    """Each node stands behind its sources; handles, constants and inputs are no probes."""
    graph = read_serving_graph(graph_models / "branches" / "1")
    inline_signatures(graph)
    plan = plan_probes(graph, "serving_default")
    position = {name: number for number, name in enumerate(plan.nodes)}

    for node in plan.nodes.values():
        assert all(position[s.partition(":")[0]] < position[node.name] for s in node.sources)
    probed = {node.op for node in plan.nodes.values() if node.tensors}
    assert {"StatelessIf", "StatelessWhile", "LookupTableFindV2"} <= probed
    assert set() == probed & {"HashTableV2", "Const", "Placeholder"}


def test_shapes_and_what_is_made_of_them_are_known(graph_models: Path) -> None:
    """A mean is not made of shapes, what counts the rows is."""
    graph = read_serving_graph(graph_models / "random_noise" / "1")
    inline_signatures(graph)
    plan = plan_probes(graph, "serving_default")
    kinds = {node.op: node.is_of_shapes for node in plan.nodes.values()}

    assert (True, False, False) == (kinds["Shape"], kinds["MatMul"], kinds["AddV2"])


def test_nothing_in_a_branch_or_a_loop_is_fetched(copied: object) -> None:
    """TensorFlow 1's control flow: what may not have run has no value."""
    model = copied("switched")
    probed = {node.op for node in model.plan.nodes.values() if node.tensors}
    off = ConfigProto()
    off.graph_options.rewrite_options.disable_meta_optimizer = True

    assert {"Mean", "Exit"} <= probed
    assert set() == probed & {"Switch", "Enter", "NextIteration", "LoopCond", "Exp"}
    model.ask({"x": np.ones((2, 4), np.float32)}, model.plan.tensors)
