"""The values that a loaded model's variables hold in the server's own session."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tfx_parity.canary.graph import ancestors, called_functions, node_name
from tfx_parity.canary.session import SavedModelSession
from tfx_parity.protos import FunctionDef, MetaGraphDef, NodeDef
from tfx_parity.serving_api.dtypes import Array, data_type, type_name
from tfx_parity.serving_api.status import ServingError

_READS = ("ReadVariableOp",)
_REFERENCES = ("Variable", "VariableV2")
_KEY_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"
_LENGTH_BYTES = 8
# SaveV2's inputs: prefix, tensor_names, shape_and_slices, then the tensors (io_ops.cc).
_FIRST_SAVED = 3


@dataclass(frozen=True)
class ServedVariable:
    """A variable as the server holds it.

    Attributes:
        name: Its name in the graph, such as `dense/kernel`.
        checkpoint_key: Its path in the object graph, such as `layer_with_weights-0/kernel`; empty
            where the saver does not save it.
        dtype: TF Serving's name of its dtype.
        shape: Its shape.
        sha256_hex: Of its value's little-endian bytes in C order; strings are each preceded by
            their length as eight little-endian bytes.
        reachable: Whether a signature's outputs depend on it.
    """

    name: str
    checkpoint_key: str
    dtype: str
    shape: tuple[int, ...]
    sha256_hex: str
    reachable: bool


def read_variables(
    session: SavedModelSession, reachable: frozenset[str]
) -> tuple[list[ServedVariable], list[str]]:
    """Read every variable of the top-level graph, one at a time.

    Args:
        session: The loaded model.
        reachable: Names of the top-level nodes that the signatures' outputs depend on.

    Returns:
        The variables that hold a value, by name, and the names of the reachable ones that hold
        none.
    """
    keys = checkpoint_keys(session.meta_graph)
    held, empty = [], []
    for node, tensor in sorted(_readable(session.meta_graph), key=lambda pair: pair[0].name):
        try:
            [value] = session.run({}, [tensor])
        except ServingError:
            # Keras 3's exporter leaves copies behind that nothing reads and nothing fills.
            if node.name in reachable:
                empty.append(_variable_name(node))
            continue
        held.append(
            ServedVariable(
                name=_variable_name(node),
                checkpoint_key=keys.get(node.name, ""),
                dtype=type_name(data_type(value.dtype)),
                shape=value.shape,
                sha256_hex=value_digest(value),
                reachable=node.name in reachable,
            )
        )
    return held, empty


def value_digest(value: Array) -> str:
    """Return the sha256 of a value; see `ServedVariable.sha256_hex`."""
    digest = hashlib.sha256()
    if value.dtype == object:
        for item in value.ravel().tolist():
            digest.update(len(item).to_bytes(_LENGTH_BYTES, "little") + item)
        return digest.hexdigest()
    array = np.asarray(value, order="C")
    digest.update((array if sys.byteorder == "little" else array.byteswap()).tobytes())
    return digest.hexdigest()


def _variable_name(node: NodeDef) -> str:
    shared_name: str = node.attr["shared_name"].s.decode()
    return shared_name or node.name


def _readable(meta_graph: MetaGraphDef) -> Iterator[tuple[NodeDef, str]]:
    """Yield each variable's node and a tensor of the top-level graph that holds its value."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    seen = set()
    for node in nodes.values():
        if node.op in _REFERENCES:
            yield node, f"{node.name}:0"
        if node.op not in _READS or not node.input:
            continue
        handle = node_name(node.input[0])
        if handle in nodes and handle not in seen:
            seen.add(handle)
            yield nodes[handle], f"{node.name}:0"


def checkpoint_keys(meta_graph: MetaGraphDef) -> dict[str, str]:
    """Return the path in the object graph of each variable that the saver saves, by its node.

    The saver is a function call of the top-level graph: each of its arguments that is a variable
    is read inside, and ends in SaveV2 beside its name.
    """
    graph = meta_graph.graph_def
    functions = {function.signature.name: function for function in graph.library.function}
    nodes = {node.name: node for node in graph.node}
    saver = nodes.get(node_name(meta_graph.saver_def.save_tensor_name))
    keys: dict[str, str] = {}
    if saver is None:
        return keys
    for name in called_functions(saver, functions):
        for argument, key in _saved_arguments(functions[name]):
            keys[node_name(saver.input[argument])] = key.removesuffix(_KEY_ENDING)
    return keys


def _saved_arguments(function: FunctionDef) -> Iterator[tuple[int, str]]:
    """Yield the number of each argument that the function saves, and the key it saves it under."""
    nodes = {node.name: node for node in function.node_def}
    arguments = {arg.name: number for number, arg in enumerate(function.signature.input_arg)}
    for save in nodes.values():
        if save.op != "SaveV2":
            continue
        keys = nodes[node_name(save.input[1])].attr["value"].tensor.string_val
        for key, source in zip(keys, save.input[_FIRST_SAVED:], strict=False):
            argument = _read_argument(nodes, source, arguments)
            if argument is not None:
                yield argument, key.decode()


def _read_argument(
    nodes: Mapping[str, NodeDef], tensor: str, arguments: Mapping[str, int]
) -> int | None:
    for node in ancestors(nodes, [tensor]).values():
        if node.op in _READS and node_name(node.input[0]) in arguments:
            return arguments[node_name(node.input[0])]
    return None
