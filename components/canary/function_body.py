"""The nodes of a function as one call of it would put them into the graph."""

from __future__ import annotations

from collections.abc import Mapping

from tfx_parity.canary.graph import node_name
from tfx_parity.canary.op_registry import is_stateful, registered_ops
from tfx_parity.protos import AttrValue, FunctionDef, NodeDef, OpDef

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})


def output_types(node: NodeDef, definition: OpDef) -> list[list[int]]:
    """Return the dtypes of a node's outputs, a list for each output argument of its op."""
    found = []
    for argument in definition.output_arg:
        if argument.type_list_attr:
            types = list(_attribute(node, definition, argument.type_list_attr).list.type)
        else:
            count = 1
            if argument.number_attr:
                count = _attribute(node, definition, argument.number_attr).i
            single = argument.type or _attribute(node, definition, argument.type_attr).type
            types = [single] * count
        found.append(types)
    return found


def _attribute(node: NodeDef, definition: OpDef, name: str) -> AttrValue:
    """Return an attribute, or its default, which a SavedModel leaves out."""
    if name in node.attr:
        return node.attr[name]
    return next(attr.default_value for attr in definition.attr if attr.name == name)


def controls(node: NodeDef) -> list[str]:
    """Return a node's control inputs."""
    return [tensor for tensor in node.input if tensor.startswith("^")]


class FunctionBody:
    """The nodes of a function, as one call of it puts them into the graph."""

    def __init__(
        self,
        call: NodeDef,
        function: FunctionDef,
        prefix: str,
        functions: Mapping[str, FunctionDef],
    ) -> None:
        self._call = call
        self._function = function
        self._prefix = prefix
        self._functions = functions
        self._nodes = {node.name: node for node in function.node_def}
        names = [argument.name for argument in function.signature.input_arg]
        self._arguments = dict(zip(names, call.input, strict=False))

    def renamed(self, original: NodeDef) -> NodeDef:
        """Return a node of the function under its new name, reading from its new sources."""
        node = NodeDef()
        node.CopyFrom(original)
        node.name = self._prefix + original.name
        node.device = original.device or self._call.device
        # Colocation names nodes by their old names.
        node.attr.pop("_class", None)
        self._fill_placeholders(node)
        waits = {self.tensor(t) for t in original.input if t.startswith("^")} - {""}
        if self._has_effects(original):
            waits.update(controls(self._call))
        data = [self.tensor(t) for t in original.input if not t.startswith("^")]
        node.input[:] = [*data, *sorted(waits)]
        return node

    def _fill_placeholders(self, node: NodeDef) -> None:
        """Fill in the attributes that a function leaves to its caller."""
        given = self._call.attr["f"].func.attr if self._call.op in CALLS else self._call.attr
        for value in node.attr.values():
            if value.WhichOneof("value") == "placeholder":
                value.CopyFrom(given[value.placeholder])

    def tensor(self, written: str) -> str:
        """Return the name in the graph of what a function calls `argument` or `node:output:0`.

        A control dependency on an argument says nothing: the empty name.
        """
        if written.startswith("^"):
            return f"^{self._prefix}{written[1:]}" if written[1:] in self._nodes else ""
        name, _, rest = written.partition(":")
        if name in self._arguments:
            return self._arguments[name]
        output, _, index = rest.partition(":")
        return f"{self._prefix}{name}:{self._number(self._nodes[name], output, int(index or 0))}"

    def _number(self, node: NodeDef, output: str, index: int) -> int:
        definition = self._definition(node.op)
        before = 0
        for argument, types in zip(
            definition.output_arg, output_types(node, definition), strict=True
        ):
            if argument.name == output:
                break
            before += len(types)
        return before + index

    def _definition(self, op: str) -> OpDef:
        function = self._functions.get(op)
        return registered_ops()[op] if function is None else function.signature

    def _has_effects(self, node: NodeDef) -> bool:
        function = self._functions.get(node.op)
        return is_stateful(node.op) if function is None else function.signature.is_stateful

    def effects(self) -> set[str]:
        """Return the nodes that run whenever the function does, wanted or not.

        Those are its control outputs, and every stateful node (function.cc, PruneFunctionGraph).
        """
        names = {node_name(name) for name in self._function.control_ret.values()}
        names |= {name for name, node in self._nodes.items() if self._has_effects(node)}
        return {self._prefix + name for name in names}
