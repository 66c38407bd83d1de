"""A copy of a SavedModel in which the graph rewriter leaves functions alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from google.protobuf.message import DecodeError

from tfx_parity.errors import ServerUnavailableError
from tfx_parity.protos import ConfigProto, GraphDef, NodeDef, SavedModel

_GRAPH = "saved_model.pb"
_CONFIG = "config_proto"


@contextmanager
def unrewritten_copy(path: Path) -> Iterator[Path]:
    """Yield the folder of a copy, gone after the block; everything but the graph is linked.

    A session's configuration rules over the top-level graph alone. Each call of a function carries
    a configuration of its own, written when the model was traced, and that one decides whether the
    function's body is rewritten (partitioned_function_ops.cc): all that a TensorFlow 2 model
    computes lies in such bodies.

    Args:
        path: The folder of a SavedModel. One whose graph is not in `saved_model.pb`, or is damaged,
            is yielded itself.

    Raises:
        ServerUnavailableError: If there is no room for the copy.
    """
    try:
        saved = SavedModel.FromString((path / _GRAPH).read_bytes())
    except (OSError, DecodeError):
        yield path
        return
    for meta_graph in saved.meta_graphs:
        for node in _nodes(meta_graph.graph_def):
            _leave_alone(node)
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(TemporaryDirectory(prefix="tfx-parity-unrewritten-"))
            copy = Path(folder, path.name)  # Its name can be the version's number.
            _write_copy(path, copy, saved)
        except OSError as error:
            raise ServerUnavailableError(
                f"Expected room in {gettempdir()} for a copy of the model's graph "
                f"({saved.ByteSize()} bytes), found: {error}. Free some, or set TMPDIR."
            ) from error
        yield copy


def _write_copy(path: Path, copy: Path, saved: SavedModel) -> None:
    copy.mkdir()
    for entry in path.iterdir():
        if entry.name != _GRAPH:
            (copy / entry.name).symlink_to(entry.absolute())
    (copy / _GRAPH).write_bytes(saved.SerializeToString())


def _nodes(graph: GraphDef) -> Iterator[NodeDef]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _leave_alone(node: NodeDef) -> None:
    if _CONFIG not in node.attr:
        return
    config = ConfigProto.FromString(node.attr[_CONFIG].s)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    node.attr[_CONFIG].s = config.SerializeToString()
