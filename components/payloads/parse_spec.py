"""Which features a model's signatures parse of serialized `tf.Example`s, read from its graph.

A signature says no more than "a vector of strings"; the op ParseExampleV2 behind it names the
features, their types and shapes, and which have a default (core/ops/parsing_ops.cc).
"""

from __future__ import annotations

from collections.abc import Mapping

from tfx_parity.canary.graph import GraphWalk, PlacedNode, node_name
from tfx_parity.protos import MetaGraphDef, NodeDef, SignatureDef, TensorShapeProto
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.example_parsing import ParsedFeature
from tfx_parity.serving_api.status import ServingError
from tfx_parity.serving_api.tensors import from_proto

_PARSE_OP = "ParseExampleV2"
_FORWARDING = frozenset({"Identity", "IdentityN"})
_SPARSE_KEYS, _DENSE_KEYS, _RAGGED_KEYS, _FIRST_DEFAULT = 2, 3, 4, 5


def parsed_features(meta_graph: MetaGraphDef) -> dict[str, tuple[ParsedFeature, ...]]:
    """Return what each signature parses, by signature name, features sorted by name.

    Signatures that parse no `tf.Example`, or in a way that cannot be read from the graph, are left
    out.

    Args:
        meta_graph: The served graph.
    """
    walk = GraphWalk(meta_graph.graph_def, is_stateful=lambda _: True)
    found = {}
    for name in sorted(meta_graph.signature_def):
        features = _of_signature(walk, meta_graph.signature_def[name])
        if features:
            found[name] = features
    return found


def _of_signature(walk: GraphWalk, signature: SignatureDef) -> tuple[ParsedFeature, ...]:
    tensors = [info.name for _, info in sorted(signature.outputs.items()) if info.name]
    features: dict[str, ParsedFeature] = {}
    for placed in walk.reachable(tensors):
        if placed.node.op == _PARSE_OP and len(placed.node.input) >= _FIRST_DEFAULT:
            for feature in _of_node(walk, placed):
                features[feature.name] = feature
    return tuple(features[name] for name in sorted(features))


def _of_node(walk: GraphWalk, placed: PlacedNode) -> list[ParsedFeature]:
    nodes = walk.beside(placed)
    node = placed.node
    names = [_keys(nodes, node.input[i]) for i in (_SPARSE_KEYS, _DENSE_KEYS, _RAGGED_KEYS)]
    sparse, dense, ragged = names
    defaults = node.input[_FIRST_DEFAULT : _FIRST_DEFAULT + len(dense)]
    features = [
        _dense(key, kind, shape, _constant(nodes, default))
        for key, kind, shape, default in zip(
            dense,
            node.attr["Tdense"].list.type,
            node.attr["dense_shapes"].list.shape,
            defaults,
            strict=False,
        )
    ]
    for keys, attribute in ((sparse, "sparse_types"), (ragged, "ragged_value_types")):
        kinds = node.attr[attribute].list.type
        features += [ParsedFeature(k, t, None, False) for k, t in zip(keys, kinds, strict=False)]
    return features


def _dense(
    key: str, data_type: int, shape: TensorShapeProto, default: Array | None
) -> ParsedFeature:
    sizes = tuple(None if dim.size < 0 else int(dim.size) for dim in shape.dim)
    # An empty default stands for none, but where the first dimension may be empty itself.
    required = default is not None and default.size == 0 and None not in sizes
    return ParsedFeature(key, data_type, sizes, required)


def _keys(nodes: Mapping[str, NodeDef], tensor: str) -> list[str]:
    constant = _constant(nodes, tensor)
    if constant is None:
        return []
    return [bytes(key).decode("utf-8", "replace") for key in constant.reshape(-1)]


def _constant(nodes: Mapping[str, NodeDef], tensor: str) -> Array | None:
    """Return the value of a constant, None where it is none."""
    node = nodes.get(node_name(tensor))
    while node is not None and node.op in _FORWARDING:
        node = nodes.get(node_name(node.input[0]))
    if node is None or node.op != "Const":
        return None
    try:
        return from_proto(node.attr["value"].tensor)
    except ServingError:  # a damaged graph: the server says so when it loads it
        return None
