"""The child of `inspection`: reads a model's graph, then loads it and reads its variables."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.message import DecodeError

from tfx_parity.canary.graph import GraphWalk
from tfx_parity.canary.lifeline import end_with_parent, private_standard_output
from tfx_parity.canary.op_registry import is_stateful
from tfx_parity.canary.op_uses import find_op_uses, signature_tensors
from tfx_parity.canary.session import SavedModelSession
from tfx_parity.canary.variables import read_variables
from tfx_parity.protos import ConfigProto, MetaGraphDef, SavedModel
from tfx_parity.serving_api.status import Code, ServingError

_SERVE_TAG = "serve"


def main(arguments: Sequence[str]) -> None:
    """Inspect the model at the second argument; the first is `--supervised_by=PID`."""
    end_with_parent(int(arguments[0].partition("=")[2]))
    write_line = private_standard_output()
    path = Path(arguments[1])
    graph_facts = _read_graph_facts(path)
    write_line(json.dumps(graph_facts).encode())
    write_line(json.dumps(_loaded_facts(path, is_known="ops" in graph_facts)).encode())


def _read_graph_facts(path: Path) -> dict[str, object]:
    try:
        return _graph_facts(_read_meta_graph(path))
    except (OSError, DecodeError, LookupError) as error:
        return {"code": Code.DATA_LOSS, "message": f"Cannot read the graph in {path}: {error}"}


def _graph_facts(meta_graph: MetaGraphDef) -> dict[str, object]:
    return {
        "ops": dataclasses.asdict(find_op_uses(meta_graph)),
        "tensorflow_version": meta_graph.meta_info_def.tensorflow_version,
    }


def _read_meta_graph(path: Path) -> MetaGraphDef:
    saved = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    for meta_graph in saved.meta_graphs:
        if list(meta_graph.meta_info_def.tags) == [_SERVE_TAG]:
            return meta_graph
    raise LookupError(f"no meta graph is tagged {_SERVE_TAG!r}")


def _loaded_facts(path: Path, *, is_known: bool) -> dict[str, object]:
    """Load the model; its graph too is told where it could not be read from the plain file.

    (A SavedModel can be in text form, or split into chunks.)
    """
    config = ConfigProto()
    # Each set of variables that is read would have the graph rewritten anew.
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    try:
        session = SavedModelSession(path, config)
    except ServingError as error:
        return {"failure": (error.code, error.message)}
    with session:
        facts = {} if is_known else _graph_facts(session.meta_graph)
        walk = GraphWalk(session.meta_graph.graph_def, is_stateful)
        needed = walk.reachable(signature_tensors(session.meta_graph))
        reachable = frozenset(placed.node.name for placed in needed if not placed.function)
        held, empty = read_variables(session, reachable)
    variables = [dataclasses.asdict(found) for found in held]
    return facts | {"variables": variables, "uninitialised": empty}


if __name__ == "__main__":
    main(sys.argv[1:])
