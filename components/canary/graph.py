"""Which nodes of a graph run when a tensor is asked for, inside its functions too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tfx_parity.protos import FunctionDef, GraphDef, NodeDef


@dataclass(frozen=True)
class PlacedNode:
    """A node and where it stands.

    Attributes:
        node: The node.
        function: The function that holds it; empty for the top-level graph.
    """

    node: NodeDef
    function: str


def node_name(tensor: str) -> str:
    """Return the node of a tensor (`a:0`, in functions `a:out:0`) or a control input (`^a`)."""
    return tensor.removeprefix("^").partition(":")[0]


def called_functions(node: NodeDef, functions: Mapping[str, FunctionDef]) -> list[str]:
    """Return the functions of the library that a node calls, by its op or its attributes."""
    named = [node.op]
    for _, attribute in sorted(node.attr.items()):
        named.append(attribute.func.name)
        named.extend(function.name for function in attribute.list.func)
    return [name for name in named if name in functions]


def ancestors(nodes: Mapping[str, NodeDef], starts: Iterable[str]) -> dict[str, NodeDef]:
    """Return the nodes that a set of tensors needs, themselves included.

    Args:
        nodes: The nodes of one graph or function, by name.
        starts: Tensors or control inputs; names that are no nodes (a function's arguments) are
            passed over.
    """
    found: dict[str, NodeDef] = {}
    waiting = [node_name(start) for start in starts]
    while waiting:
        name = waiting.pop()
        if name in found or name not in nodes:
            continue
        found[name] = nodes[name]
        waiting.extend(node_name(source) for source in nodes[name].input)
    return found


class GraphWalk:
    """Follows a graph and the functions of its library, as the executor prunes them.

    Attributes:
        nodes: The nodes of the top-level graph, by name.
        functions: The functions of the library, by name.
    """

    def __init__(self, graph: GraphDef, is_stateful: Callable[[str], bool]) -> None:
        """Index the graph.

        Args:
            graph: A graph with its library.
            is_stateful: Tells whether an op has side effects; such nodes of a function run even
                where nothing depends on them (function.cc, PruneFunctionGraph).
        """
        self.nodes = {node.name: node for node in graph.node}
        self.functions = {function.signature.name: function for function in graph.library.function}
        self._is_stateful = is_stateful

    def everything(self) -> Iterator[PlacedNode]:
        """Yield every node of the graph and of all functions, run or not."""
        for node in self.nodes.values():
            yield PlacedNode(node, "")
        for name, function in self.functions.items():
            for node in function.node_def:
                yield PlacedNode(node, name)

    def beside(self, placed: PlacedNode) -> dict[str, NodeDef]:
        """Return the nodes of the graph or function that holds a node, by name."""
        if not placed.function:
            return self.nodes
        return {node.name: node for node in self.functions[placed.function].node_def}

    def reachable(self, tensors: Iterable[str]) -> Iterator[PlacedNode]:
        """Yield the nodes that run when tensors of the top-level graph are fetched.

        Args:
            tensors: Names such as `StatefulPartitionedCall:0`.
        """
        seen: set[str] = set()
        waiting: list[str] = []
        for node in ancestors(self.nodes, tensors).values():
            yield PlacedNode(node, "")
            waiting.extend(called_functions(node, self.functions))
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for node in self.run_in(self.functions[name]).values():
                yield PlacedNode(node, name)
                waiting.extend(called_functions(node, self.functions))

    def run_in(self, function: FunctionDef) -> dict[str, NodeDef]:
        """Return the nodes of a function that run when it is called, by name."""
        nodes = {node.name: node for node in function.node_def}
        starts = sorted([*function.ret.values(), *function.control_ret.values()])
        starts.extend(node.name for node in function.node_def if self._runs_anyway(node))
        return ancestors(nodes, starts)

    def _runs_anyway(self, node: NodeDef) -> bool:
        called = self.functions.get(node.op)
        return called.signature.is_stateful if called else self._is_stateful(node.op)
