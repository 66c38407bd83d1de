"""Which raw features each output of a transform graph depends on."""

from __future__ import annotations

import tensorflow as tf
from tensorflow_transform import graph_tools, tf2_utils


def raw_features_by_output(transform_fn: str) -> dict[str, tuple[str, ...]]:
    """Return the raw features that each transformed feature depends on.

    Args:
        transform_fn: The folder of the transform graph's SavedModel.

    Returns:
        Sorted raw feature names by the name of the transformed feature.
    """
    imported = tf.saved_model.load(transform_fn).transform_fn
    function = getattr(imported, "concrete_functions", [imported])[0]
    graph = function.graph
    inputs = tf2_utils.get_structured_inputs_from_func_graph(graph)
    owners = {
        id(tensor.op): name
        for name, value in inputs.items()
        for tensor in tf.nest.flatten(value, expand_composites=True)
    }
    outputs = tf.nest.pack_sequence_as(
        graph.structured_outputs, graph.outputs, expand_composites=True
    )
    return {name: _owners_of(value, owners) for name, value in sorted(outputs.items())}


def _owners_of(value: object, owners: dict[int, str]) -> tuple[str, ...]:
    sinks = [tensor.op for tensor in tf.nest.flatten(value, expand_composites=True)]
    sources = graph_tools.retrieve_sources(sinks, ignore_control_dependencies=True)
    ops = [getattr(source, "op", source) for source in sources]
    return tuple(sorted({owners[id(op)] for op in ops if id(op) in owners}))
