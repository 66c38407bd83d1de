"""The values that a loaded model's variables hold in the server's own session."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tfx_parity.canary.graph import ancestors, called_functions, node_name
from tfx_parity.canary.grid import lies_on_grid, narrow_type
from tfx_parity.canary.session import SavedModelSession
from tfx_parity.protos import FunctionDef, MetaGraphDef, NodeDef
from tfx_parity.serving_api.dtypes import Array, data_type, numpy_dtype, type_name
from tfx_parity.serving_api.status import ServingError

_READS = ("ReadVariableOp",)
_REFERENCES = ("Variable", "VariableV2")
_KEY_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"
_LENGTH_BYTES = 8
# SaveV2's inputs: prefix, tensor_names, shape_and_slices, then the tensors (io_ops.cc).
_FIRST_SAVED = 3
_GROUP_ELEMENTS = 1 << 25


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
        is_on_grid: Whether its values lie on at most 256 evenly spaced levels, as a whole or by
            channel.
        narrow_type: The type of 16 bits that holds its values exactly though its own is wider;
            empty where none does, or too few values differ to tell.
    """

    name: str
    checkpoint_key: str
    dtype: str
    shape: tuple[int, ...]
    sha256_hex: str
    reachable: bool
    is_on_grid: bool = False
    narrow_type: str = ""


def read_variables(
    session: SavedModelSession, reachable: frozenset[str]
) -> tuple[list[ServedVariable], list[str]]:
    """Read every variable of the top-level graph.

    Args:
        session: The loaded model.
        reachable: Names of the top-level nodes that the signatures' outputs depend on.

    Returns:
        The variables that hold a value, by name, and the names of the reachable ones that hold
        none.
    """
    keys = checkpoint_keys(session.meta_graph)
    held, empty = [], []
    for node, value in _values(session):
        if value is not None:
            held.append(_served(node, value, keys.get(node.name, ""), node.name in reachable))
        # Keras 3's exporter leaves copies behind that nothing reads and nothing fills.
        elif node.name in reachable:
            empty.append(_variable_name(node))
    return sorted(held, key=lambda variable: variable.name), sorted(empty)


def _served(node: NodeDef, value: Array, key: str, reachable: bool) -> ServedVariable:
    return ServedVariable(
        name=_variable_name(node),
        checkpoint_key=key,
        dtype=type_name(data_type(value.dtype)),
        shape=value.shape,
        sha256_hex=value_digest(value),
        reachable=reachable,
        is_on_grid=lies_on_grid(value),
        narrow_type=narrow_type(value),
    )


def _values(session: SavedModelSession) -> Iterator[tuple[NodeDef, Array | None]]:
    """Yield each variable's node and its value, None where it holds none.

    Variables of quantised types, which numpy has not, are left out.

    Many are read at once: each set of tensors that a session is asked for costs it a copy of the
    graph. A set that fails is read one by one.
    """
    readable = (pair for pair in _readable(session.meta_graph) if _has_numpy_form(pair[0]))
    for group in _groups(readable):
        try:
            values: list[Array | None] = list(session.run({}, [tensor for _, tensor in group]))
        except ServingError:
            values = [_value(session, tensor) for _, tensor in group]
        for (node, _), value in zip(group, values, strict=True):
            yield node, value


def _value(session: SavedModelSession, tensor: str) -> Array | None:
    try:
        return session.run({}, [tensor])[0]
    except ServingError:
        return None


def _has_numpy_form(node: NodeDef) -> bool:
    try:
        numpy_dtype(node.attr["dtype"].type)
    except ServingError:
        return False
    return True


def _groups(
    readable: Iterable[tuple[NodeDef, str]],
) -> Iterator[list[tuple[NodeDef, str]]]:
    """Cut variables into groups whose values together fit in memory easily."""
    group: list[tuple[NodeDef, str]] = []
    size = 0
    for node, tensor in readable:
        elements = math.prod(max(1, dim.size) for dim in node.attr["shape"].shape.dim)
        if group and size + elements > _GROUP_ELEMENTS:
            yield group
            group, size = [], 0
        group.append((node, tensor))
        size += elements
    if group:
        yield group


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
