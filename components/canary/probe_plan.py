"""Which tensors of a debug copy can be looked at, on the way to a signature's outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfx_parity.canary.function_body import output_types
from tfx_parity.canary.graph import node_name
from tfx_parity.canary.op_registry import registered_ops
from tfx_parity.protos import MetaGraphDef, NodeDef
from tfx_parity.serving_api.dtypes import numpy_dtype
from tfx_parity.serving_api.status import ServingError

# What these give is known beforehand, or is what was fed.
_GIVEN = frozenset({"Const", "Placeholder"})
_SHAPES = frozenset({"Rank", "Shape", "ShapeN", "Size"})
_HANDLES = frozenset({"VarHandleOp", "Variable", "VariableV2"})
_READS = frozenset({"ReadVariableOp"})
# A weight is the same number in every request: a very large one is not worth its copy.
_LARGEST_READ = 1 << 22
# The session's executor refuses to give a value of what may not have run (TensorFlow 1's control
# flow), or has run many times.
_BRANCHES = frozenset({"Enter", "RefEnter", "RefSwitch", "Switch", "_SwitchN"})
_LOOPS = frozenset({"NextIteration", "RefNextIteration"})
_JOINS = frozenset({"Exit", "Merge", "RefExit", "RefMerge"})


@dataclass(frozen=True)
class PlannedNode:
    """A node on the way to the outputs.

    Attributes:
        name: Its name in the debug copy.
        op: Its op.
        sources: The tensors that it reads, as `node:number`.
        tensors: Those of its outputs that are read on the way and can be fetched.
        variables: The names of the variables that it reads.
        is_of_shapes: Whether it depends on nothing but the shapes of other tensors.
    """

    name: str
    op: str
    sources: tuple[str, ...]
    tensors: tuple[str, ...]
    variables: tuple[str, ...]
    is_of_shapes: bool


@dataclass(frozen=True)
class ProbePlan:
    """The way to a signature's outputs.

    Attributes:
        nodes: The nodes by name, each behind all that it reads (but for loops).
        outputs: The signature's outputs: name to tensor.
    """

    nodes: Mapping[str, PlannedNode]
    outputs: Mapping[str, str]

    @property
    def tensors(self) -> list[str]:
        """Every tensor that can be fetched, in the nodes' order."""
        return [tensor for node in self.nodes.values() for tensor in node.tensors]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ProbePlan:
        """Read what `dataclasses.asdict` made, through JSON."""
        nodes = {}
        for name, fields in value["nodes"].items():
            lists = {key: tuple(fields[key]) for key in ("sources", "tensors", "variables")}
            nodes[name] = PlannedNode(**(fields | lists))
        return cls(nodes, value["outputs"])


def plan_probes(meta_graph: MetaGraphDef, signature_name: str) -> ProbePlan:
    """Return the way to a signature's outputs.

    Args:
        meta_graph: That of a debug copy.
        signature_name: One of its signatures.

    Raises:
        LookupError: If there is no such signature.
    """
    if signature_name not in meta_graph.signature_def:
        raise LookupError(f"the model has no signature {signature_name!r}")
    infos = meta_graph.signature_def[signature_name].outputs
    outputs = {alias: _numbered(info.name) for alias, info in sorted(infos.items())}
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    order = _in_order(nodes, [node_name(tensor) for tensor in outputs.values()])
    read = {t for node in order for t in _data(node)} | set(outputs.values())
    planned: dict[str, PlannedNode] = {}
    hidden = _hidden(order, nodes)
    for node in order:
        planned[node.name] = _planned(node, nodes, planned, read, is_hidden=node.name in hidden)
    return ProbePlan(planned, outputs)


def _numbered(tensor: str) -> str:
    return tensor if ":" in tensor else f"{tensor}:0"


def _data(node: NodeDef) -> list[str]:
    return [_numbered(tensor) for tensor in node.input if not tensor.startswith("^")]


def _in_order(nodes: Mapping[str, NodeDef], starts: Sequence[str]) -> list[NodeDef]:
    """Return what the starts need, each node behind its sources; loops are cut where they close."""
    order: list[NodeDef] = []
    seen: set[str] = set()
    stack: list[tuple[str, Iterator[str]]] = [("", iter(starts))]
    while stack:
        name, sources = stack[-1]
        source = next((s for s in sources if s not in seen and s in nodes), None)
        if source is not None:
            seen.add(source)
            stack.append((source, iter([node_name(t) for t in _data(nodes[source])])))
            continue
        stack.pop()
        if name:
            order.append(nodes[name])
    return order


def _hidden(order: Sequence[NodeDef], nodes: Mapping[str, NodeDef]) -> set[str]:
    """Return the nodes that may not run, or may run many times: in a branch or a loop."""
    hidden: set[str] = set()
    size = -1
    # A loop's nodes read what comes behind them in the order.
    while len(hidden) > size:
        size = len(hidden)
        hidden.update(node.name for node in order if _is_hidden(node, nodes, hidden))
    return hidden


def _is_hidden(node: NodeDef, nodes: Mapping[str, NodeDef], hidden: set[str]) -> bool:
    sources = [node_name(source) for source in _data(node)]
    is_loop = any(name in nodes and nodes[name].op in _LOOPS for name in sources)
    if node.op in _BRANCHES or is_loop:
        return True
    return node.op not in _JOINS and any(name in hidden for name in sources)


def _planned(
    node: NodeDef,
    nodes: Mapping[str, NodeDef],
    planned: Mapping[str, PlannedNode],
    read: set[str],
    *,
    is_hidden: bool,
) -> PlannedNode:
    sources = _data(node)
    handles = [n for s in sources if (n := nodes.get(node_name(s))) is not None and _is_handle(n)]
    is_known = not is_hidden and node.op not in _GIVEN and not _reads_much(node, handles)
    fetchable = [t for t in _numeric_outputs(node) if t in read] if is_known else []
    return PlannedNode(
        name=node.name,
        op=node.op,
        sources=tuple(sources),
        tensors=tuple(fetchable),
        variables=tuple(h.attr["shared_name"].s.decode() or h.name for h in handles),
        is_of_shapes=node.op in _SHAPES or _is_of_shapes(sources, planned),
    )


def _is_handle(node: NodeDef) -> bool:
    return node.op in _HANDLES


def _reads_much(node: NodeDef, handles: Sequence[NodeDef]) -> bool:
    sizes = [math.prod(dim.size for dim in h.attr["shape"].shape.dim) for h in handles]
    return node.op in _READS and any(size > _LARGEST_READ for size in sizes)


def _is_of_shapes(sources: Sequence[str], planned: Mapping[str, PlannedNode]) -> bool:
    found = [planned[name] for s in sources if (name := node_name(s)) in planned]
    found = [source for source in found if source.op != "Const"]
    return bool(found) and all(source.is_of_shapes for source in found)


def _numeric_outputs(node: NodeDef) -> Iterator[str]:
    """Yield the outputs that have a form as arrays: no resources, variants, references."""
    definition = registered_ops().get(node.op)
    if definition is None:
        return
    types = [kind for kinds in output_types(node, definition) for kind in kinds]
    for number, kind in enumerate(types):
        try:
            numpy_dtype(kind)
        except ServingError:
            continue
        yield f"{node.name}:{number}"
