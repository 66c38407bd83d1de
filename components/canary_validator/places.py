"""The place of a difference in a graph, in words that a model's author knows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tfx_parity.canary.graph import node_name
from tfx_parity.canary.probe_plan import PlannedNode, ProbePlan

_CALL = re.compile(r"(Stateful)?PartitionedCall(_\d+)?(_body)*")
# Scopes that ops and layers open for themselves: CamelCase, as ops are named, and these.
_OP_SCOPE = re.compile(r"[A-Z][A-Za-z0-9]*(_\d+)?")
_INNER_SCOPES = frozenset(
    {
        "batchnorm",
        "moments",
        "random_normal",
        "random_uniform",
        "stateless_dropout",
        "stateless_random_normal",
        "stateless_random_uniform",
        "stateless_truncated_normal",
        "truncated_normal",
    }
)
_NUMBER = re.compile(r"_\d+$")
# How tensorflow_transform's Keras layer is named, in which the transform graph lies.
_TRANSFORM_SCOPE = "transform_features_layer"
_STEPS_TO_VARIABLES = 3
_WITH_INNER_DROPOUT = 3


@dataclass(frozen=True)
class Place:
    """Where a graph's answers part.

    Attributes:
        node: The node in the debug copy.
        op: Its op.
        path: The node without the function calls in its name: the layers or modules, then the op.
        sentence: All this in words, such as
            `layer batch_normalization (op Mean, node model/batch_normalization/moments/mean)`.
    """

    node: str
    op: str
    path: str
    sentence: str


def place_of(node: PlannedNode, plan: ProbePlan) -> Place:
    """Return the place of a node."""
    path = readable_path(node.name)
    scopes = _layer_scopes(path)
    variables = f" of variable {', '.join(node.variables)}" if node.variables else ""
    words = f"op {node.op}{variables}, node {path}"
    if scopes and scopes[0].startswith(_TRANSFORM_SCOPE):
        inner = "/".join(scopes[1:])
        sentence = f"transform graph{f', {inner}' if inner else ''} ({words})"
    elif scopes:
        sentence = f"layer {_layer_name(scopes, plan)} ({words})"
    else:
        behind = "" if variables else _variable_words(node, plan)
        sentence = f"op {node.op}{variables} (node {path}{behind})"
    return Place(node.name, node.op, path, sentence)


def _variable_words(node: PlannedNode, plan: ProbePlan) -> str:
    """Say which variables are read close before a node that lies in no layer."""
    level = [node]
    for _ in range(_STEPS_TO_VARIABLES):
        names = {node_name(source) for near in level for source in near.sources}
        level = [plan.nodes[name] for name in sorted(names) if name in plan.nodes]
        variables = sorted({variable for near in level for variable in near.variables})
        if variables:
            return f", behind variable {', '.join(variables)}"
    return ""


def readable_path(node: str) -> str:
    """Return a node's name without the calls of functions that it stood behind."""
    parts = [part for part in node.split("/") if not _CALL.fullmatch(part)]
    return "/".join(parts) or node


def _layer_scopes(path: str) -> list[str]:
    """Return the names of the layers or modules that a node lies in, outermost first."""
    scopes = path.split("/")[:-1]
    while scopes and _is_of_op(scopes[-1]):
        scopes.pop()
    # tf_keras' Dropout opens this scope inside the layer's own, MODEL/LAYER/dropout; Keras 3 does
    # not.
    if len(scopes) >= _WITH_INNER_DROPOUT and scopes[-1] == "dropout" and "/stateless_" not in path:
        scopes.pop()
    return scopes


def _is_of_op(scope: str) -> bool:
    return _bare(scope) in _INNER_SCOPES or _OP_SCOPE.fullmatch(scope) is not None


def _bare(scope: str) -> str:
    return _NUMBER.sub("", scope)


def _layer_name(scopes: list[str], plan: ProbePlan) -> str:
    """Return the innermost layer's name.

    Keras 3 numbers a scope anew with each call of a layer (`dense_1` where the layer is `dense`).
    Variables that are read in a scope bear the layer's own name; a layer without any is numbered
    as its neighbours are.
    """
    scope, depth = scopes[-1], len(scopes) - 1
    owners: dict[str, set[str]] = {}
    for node in plan.nodes.values():
        parts = readable_path(node.name).split("/")
        if parts[:depth] == scopes[:depth] and len(parts) > depth + 1:
            possible = {parts[depth], _bare(parts[depth])}
            found = possible & set(map(_owner, node.variables))
            owners.setdefault(parts[depth], set()).update(found)
    if owners.get(scope):
        return scope if scope in owners[scope] else _bare(scope)
    neighbours = [(name, found) for name, found in owners.items() if found]
    is_numbered = bool(neighbours) and all(name not in found for name, found in neighbours)
    return _bare(scope) if is_numbered else scope


def _owner(variable: str) -> str:
    """Return the layer that a variable's name tells: `dense` of `model/dense/kernel`."""
    return variable.rpartition("/")[0].rpartition("/")[2]
