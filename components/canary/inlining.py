"""A debug copy of a SavedModel: the functions behind its signatures written out into the graph.

A TensorFlow 2 signature is one call of one function, so a session can fetch nothing but its
outputs. With the calls replaced by the nodes of their functions any tensor can be fetched, and the
graph computes what it computed before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tfx_parity.canary.function_body import CALLS, FunctionBody, controls
from tfx_parity.canary.graph import ancestors
from tfx_parity.canary.op_uses import signature_tensors
from tfx_parity.canary.session import INIT_OP_SIGNATURE
from tfx_parity.protos import FunctionDef, GraphDef, MetaGraphDef, NodeDef, SavedModel

_SERVE_TAG = "serve"
_GRAPH_FILE = "saved_model.pb"
# XLA compiles such a function as a whole; written out it would compute otherwise.
_COMPILED = "_XlaMustCompile"
# TensorFlow 1 keeps its initialisation op in a collection (saved_model/constants.h).
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")


def write_debug_copy(source: Path, target: Path) -> MetaGraphDef:
    """Write a SavedModel whose signatures' functions are inlined.

    Variables and assets are links to the source's. The copy has no fingerprint.

    Args:
        source: The folder of a SavedModel with a `saved_model.pb`.
        target: A folder, made where it is not there.

    Returns:
        The copy's meta graph.

    Raises:
        OSError: If there is no `saved_model.pb`, or the copy cannot be written.
        LookupError: If no meta graph is tagged `serve`.
        DecodeError: If the file is no SavedModel.
    """
    meta_graph = read_serving_graph(source)
    inline_signatures(meta_graph)
    target.mkdir(parents=True, exist_ok=True)
    for name in ("variables", "assets"):
        if (source / name).is_dir() and not (target / name).exists():
            (target / name).symlink_to((source / name).resolve(), target_is_directory=True)
    unfinished = target / f"{_GRAPH_FILE}.unfinished"
    unfinished.write_bytes(SavedModel(meta_graphs=[meta_graph]).SerializeToString())
    os.replace(unfinished, target / _GRAPH_FILE)
    return meta_graph


def read_serving_graph(source: Path) -> MetaGraphDef:
    """Read the meta graph tagged `serve`; raises as `write_debug_copy` does."""
    saved = SavedModel.FromString((source / _GRAPH_FILE).read_bytes())
    for meta_graph in saved.meta_graphs:
        if list(meta_graph.meta_info_def.tags) == [_SERVE_TAG]:
            return meta_graph
    raise LookupError(f"no meta graph is tagged {_SERVE_TAG!r}")


def inline_signatures(meta_graph: MetaGraphDef) -> None:
    """Replace, in place, the calls that the signatures' outputs need by their functions' nodes.

    The calls of the saver and of the initialisation op, and all that feeds them, stay as they are;
    so do control flow (If, While, Case) and functions that XLA compiles. A replaced call keeps its
    name as a node that hands on its outputs and waits for its side effects, so whatever names it
    (a signature, a control dependency) still does.
    """
    graph = meta_graph.graph_def
    nodes = {node.name: node for node in graph.node}
    kept = set(ancestors(nodes, _setup_tensors(meta_graph)))
    wanted = set(ancestors(nodes, signature_tensors(meta_graph))) - kept
    _Inlining(graph).run(wanted)


def _setup_tensors(meta_graph: MetaGraphDef) -> Iterator[str]:
    """Yield what the loader and the saver run."""
    yield meta_graph.saver_def.restore_op_name
    yield meta_graph.saver_def.save_tensor_name
    if INIT_OP_SIGNATURE in meta_graph.signature_def:
        for info in meta_graph.signature_def[INIT_OP_SIGNATURE].outputs.values():
            yield info.name
    for name, collection in meta_graph.collection_def.items():
        if name in _INIT_COLLECTIONS:
            yield from collection.node_list.value


class _Inlining:
    """One graph, while its calls are replaced.

    Names are of the new graph and tensors are written `node:number`. What a replaced call gives is
    an alias of what its function returns: nodes read through to the producer, as after TensorFlow's
    own inlining, so the graph rewriter finds what it would find there.
    """

    def __init__(self, graph: GraphDef) -> None:
        self._graph = graph
        self._functions = {f.signature.name: f for f in graph.library.function}
        self._aliases: dict[str, str] = {}
        self._written: list[NodeDef] = []

    def run(self, wanted: set[str]) -> None:
        """Replace the wanted calls; nodes that are not wanted stay as they are."""
        originals = list(self._graph.node)
        names = {node.name for node in originals}
        unwanted = [node for node in originals if node.name not in wanted]
        for original in originals:
            if original.name not in wanted:
                continue
            node = NodeDef()
            node.CopyFrom(original)
            node.input[:] = [_numbered(tensor) for tensor in original.input]
            function = self._called(node)
            if function is None:
                self._written.append(node)
            else:
                self._inline(node, function, names)
                self._written.append(_top_level_stand_in(node, function))
        for node in self._written:
            node.input[:] = [self._producer(tensor) for tensor in node.input]
        written = [*unwanted, *self._written]
        del self._graph.node[:]
        self._graph.node.extend(written)

    def _called(self, node: NodeDef) -> FunctionDef | None:
        """Return the function that a node calls and that can be written out."""
        name = node.attr["f"].func.name if node.op in CALLS else node.op
        function = self._functions.get(name)
        if function is None or _is_compiled(node) or _is_compiled(function):
            return None
        arguments = [*function.signature.input_arg, *function.signature.output_arg]
        has_lists = any(arg.number_attr or arg.type_list_attr for arg in arguments)
        return None if has_lists else function

    def _inline(self, call: NodeDef, function: FunctionDef, siblings: Iterable[str]) -> None:
        """Write the nodes of the function that a call runs, and alias the call's outputs."""
        prefix = _free_prefix(call.name, siblings)
        body = FunctionBody(call, function, prefix, self._functions)
        names = {prefix + node.name for node in function.node_def}
        for original in function.node_def:
            node = body.renamed(original)
            called = self._called(node)
            if called is None:
                self._written.append(node)
            else:
                self._inline(node, called, names)
                # Nothing in a function refers to a call but for its outputs and its end.
                self._written.append(_end_of(node))
        for number, argument in enumerate(function.signature.output_arg):
            self._aliases[f"{call.name}:{number}"] = body.tensor(function.ret[argument.name])
        call.input.extend(f"^{name}" for name in sorted(body.effects()))

    def _producer(self, tensor: str) -> str:
        while tensor in self._aliases:
            tensor = self._aliases[tensor]
        return tensor


def _is_compiled(holder: NodeDef | FunctionDef) -> bool:
    # Asking for an attribute that is not there would write an empty one.
    return _COMPILED in holder.attr and bool(holder.attr[_COMPILED].b)


def _free_prefix(name: str, siblings: Iterable[str]) -> str:
    prefix = f"{name}/"
    while any(sibling.startswith(prefix) for sibling in siblings):
        prefix = f"{prefix.removesuffix('/')}_body/"
    return prefix


def _numbered(tensor: str) -> str:
    return tensor if tensor.startswith("^") or ":" in tensor else f"{tensor}:0"


def _end_of(call: NodeDef) -> NodeDef:
    return NodeDef(name=call.name, op="NoOp", input=controls(call), device=call.device)


def _top_level_stand_in(call: NodeDef, function: FunctionDef) -> NodeDef:
    """Return a node that gives what the call gave: the signatures' outputs name it."""
    outputs = function.signature.output_arg
    if not outputs:
        return _end_of(call)
    node = NodeDef(name=call.name, op="IdentityN", device=call.device)
    node.input.extend(f"{call.name}:{number}" for number in range(len(outputs)))
    node.input.extend(controls(call))
    types = [output.type or call.attr["f"].func.attr[output.type_attr].type for output in outputs]
    node.attr["T"].list.type.extend(types)
    return node
