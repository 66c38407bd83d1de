"""The coverage set: for every raw feature the values that random examples seldom hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from tfx_parity.contract import CoverageRow, Pair, RawFeature, ServingContract
from tfx_parity.protos import Example

_LISTS = {"string": "bytes_list", "float32": "float_list", "int64": "int64_list"}
_STRINGS = {
    "empty_string": "",
    "out_of_vocabulary": "tfx-parity: not in any vocabulary",
    "unicode": "ünïcödé 企鵝 🐧 \u202eabc",
    "very_long": "long " * 2000,
}


def coverage_rows(
    contract: ServingContract, output: tft.TFTransformOutput, pairs: Sequence[Pair]
) -> tuple[CoverageRow, ...]:
    """Return the coverage set, each row run alone through the transform graph.

    Minimum and maximum are those of the schema's domain; where it has none, those of the parity
    sample: a value that no client sends can overflow in any order and proves nothing.

    Args:
        contract: The serving contract of the graph.
        output: The transform graph.
        pairs: The parity sample's pairs; the first one without a missing value is the base that
            one rare value at a time is put into. None: no coverage rows.
    """
    if not pairs:
        return ()
    examples = [Example.FromString(pair.raw) for pair in pairs]
    base = next((e for e in examples if _is_complete(e, contract.raw_features)), examples[0])
    graph = _Graph(contract, output)
    return tuple(
        graph.row(feature.name, value, _with_values(base, feature, values))
        for feature in contract.raw_features
        for value, values in _rare_values(feature, examples)
    )


def _is_complete(example: Example, features: Sequence[RawFeature]) -> bool:
    return all(_values(example, feature) for feature in features)


def _values(example: Example, feature: RawFeature) -> list[Any]:
    entry = example.features.feature.get(feature.name)
    return [] if entry is None else list(getattr(entry, _LISTS[feature.dtype]).value)


def _rare_values(
    feature: RawFeature, examples: Sequence[Example]
) -> Iterator[tuple[str, list[object] | None]]:
    """Yield the name of each rare value with the values to send; None: leave the feature out."""
    yield "missing", None
    yield "empty", []
    width = 1
    if feature.kind == "fixed":
        width = int(tf.TensorShape(feature.shape).num_elements() or 1)
    if feature.dtype == "string":
        for name, text in _STRINGS.items():
            yield name, [text.encode()] * width
        return
    number = float if feature.dtype == "float32" else int
    seen = [number(value) for example in examples for value in _values(example, feature)]
    domain = feature.domain
    if seen or domain.minimum is not None:
        yield "minimum", [number(min(seen) if domain.minimum is None else domain.minimum)] * width
    if seen or domain.maximum is not None:
        yield "maximum", [number(max(seen) if domain.maximum is None else domain.maximum)] * width


def _with_values(base: Example, feature: RawFeature, values: list[object] | None) -> bytes:
    example = Example()
    example.CopyFrom(base)
    example.features.feature.pop(feature.name, None)
    if values is not None:
        entry = example.features.feature[feature.name]
        chosen = getattr(entry, _LISTS[feature.dtype])
        chosen.SetInParent()  # An empty list of the right kind: present, without a value.
        chosen.value.extend(values)
    return example.SerializeToString(deterministic=True)


class _Graph:
    """The transform graph, run one row at a time."""

    def __init__(self, contract: ServingContract, output: tft.TFTransformOutput) -> None:
        self._contract = contract
        self._layer = output.transform_features_layer()
        names = {feature.name for feature in contract.raw_features}
        self._spec = {k: v for k, v in output.raw_feature_spec().items() if k in names}

    def row(self, feature: str, value: str, raw: bytes) -> CoverageRow:
        """Return a coverage row: an error of the graph is its expected outcome."""
        try:
            transformed = self._layer(tf.io.parse_example([raw], self._spec))
        except tf.errors.OpError as error:
            return CoverageRow(feature, value, raw, None, error.message)
        return CoverageRow(feature, value, raw, self._encode(transformed), None)

    def _encode(self, transformed: dict[str, object]) -> bytes:
        example = Example()
        for feature in self._contract.serving_features:
            value = transformed[feature.name]
            if isinstance(value, tf.SparseTensor | tf.RaggedTensor):
                value = value.values
            entry = example.features.feature[feature.name]
            chosen = getattr(entry, _LISTS[feature.dtype])
            chosen.SetInParent()
            chosen.value.extend(tf.reshape(value, [-1]).numpy().tolist())
        return example.SerializeToString(deterministic=True)
