"""The place of a difference in a graph, in words that a model's author knows."""

from __future__ import annotations

import re
from collections.abc import Iterable
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
        sentence = f"layer {_layer_name(scopes, path, plan)} ({words})"
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
    # tf_keras opens a scope of the same name inside that of a Dropout layer.
    if len(scopes) > 1 and _bare(scopes[-1]) == _bare(scopes[-2]):
        scopes.pop()
    return scopes


def _is_of_op(scope: str) -> bool:
    return _bare(scope) in _INNER_SCOPES or _OP_SCOPE.fullmatch(scope) is not None


def _bare(scope: str) -> str:
    return _NUMBER.sub("", scope)


def _layer_name(scopes: list[str], path: str, plan: ProbePlan) -> str:
    """Return the innermost layer's name.

    Keras 3 numbers a scope anew with each call of a layer (`dense_1` where the layer is `dense`):
    the variables that are read in the scope bear the layer's own name.
    """
    joined = "/".join(scopes)
    prefix = f"{path[: path.index(joined)]}{joined}/"
    found = {scopes[-1], _bare(scopes[-1])} & set(_owners(prefix, plan))
    return found.pop() if len(found) == 1 else scopes[-1]


def _owners(prefix: str, plan: ProbePlan) -> Iterable[str]:
    """Yield the last scope of each variable that is read by nodes of a path."""
    for node in plan.nodes.values():
        if node.variables and readable_path(node.name).startswith(prefix):
            for variable in node.variables:
                yield variable.rpartition("/")[0].rpartition("/")[2]
