"""The copy of a model in which functions are left alone, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfx_parity.canary.unrewritten import unrewritten_copy
from tfx_parity.protos import ConfigProto, SavedModel


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with a graph that calls a function, which calls another, and with a vocabulary."""
    saved = SavedModel()
    graph = saved.meta_graphs.add().graph_def
    function = graph.library.function.add()
    function.signature.name = "outer"
    config = ConfigProto(inter_op_parallelism_threads=3).SerializeToString()
    for node in (graph.node.add(), function.node_def.add()):
        node.name, node.op = "call", "PartitionedCall"
        node.attr["config_proto"].s = config
    graph.node.add(name="plain", op="Relu")
    folder = tmp_path / "7"
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "words").write_text("a\n")
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    return folder


def test_calls_everywhere_are_told_to_leave_functions_alone(model: Path) -> None:
    """In the top-level graph and in functions; the rest of their configuration stays."""
    with unrewritten_copy(model) as copy:
        graph = SavedModel.FromString((copy / "saved_model.pb").read_bytes()).meta_graphs[0]

    calls = [graph.graph_def.node[0], graph.graph_def.library.function[0].node_def[0]]
    configs = [ConfigProto.FromString(call.attr["config_proto"].s) for call in calls]
    off = [config.graph_options.rewrite_options.disable_meta_optimizer for config in configs]
    assert ([True, True], [3, 3]) == (off, [c.inter_op_parallelism_threads for c in configs])
    assert "config_proto" not in graph.graph_def.node[1].attr


def test_the_copy_holds_everything_else_and_leaves_nothing(model: Path) -> None:
    """Assets are there under the version's own name, the model is untouched, the copy goes."""
    before = (model / "saved_model.pb").read_bytes()

    with unrewritten_copy(model) as copy:
        assert ("7", "a\n") == (copy.name, (copy / "assets" / "words").read_text())

    assert not copy.exists()
    assert before == (model / "saved_model.pb").read_bytes()
    assert (model / "assets" / "words").is_file()


@pytest.mark.parametrize("content", [None, b"\xff\xff\xff"], ids=["lost", "damaged"])
def test_a_graph_that_cannot_be_read_is_left_to_the_loader(
    model: Path, content: bytes | None
) -> None:
    """The model itself is yielded, so that the server says what is wrong with it."""
    (model / "saved_model.pb").unlink()
    if content is not None:
        (model / "saved_model.pb").write_bytes(content)

    with unrewritten_copy(model) as copy:
        assert model == copy
