"""A serialized `tf.Example` against what the model's graph parses and what the rules allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfx_parity.findings import FaultCode, FaultKind
from tfx_parity.payloads.feature_rules import FeatureRule, FeatureRules
from tfx_parity.payloads.value_checks import ValueChecks
from tfx_parity.protos import DataType, Example, Feature
from tfx_parity.serving_api.dtypes import Array, type_name
from tfx_parity.serving_api.example_parsing import (
    ParsedFeature,
    example_refusals,
    parse_example,
)
from tfx_parity.serving_api.status import ServingError

_KINDS = {
    "bytes_list": (int(DataType.DT_STRING), object),
    "float_list": (int(DataType.DT_FLOAT), np.float32),
    "int64_list": (int(DataType.DT_INT64), np.int64),
}


@dataclass(frozen=True)
class ExampleFault:
    """A fault of one example.

    Attributes:
        code: What is wrong.
        kind: What becomes of it.
        feature: The feature; empty where it is the example as a whole.
        index: The value's number in the feature; None where it is the feature as a whole.
        expected: What was expected.
        found: What was found.
        server: TF Serving's own text where it refuses, else empty.
    """

    code: FaultCode
    kind: FaultKind
    feature: str
    index: int | None
    expected: str
    found: str
    server: str = ""


class ExampleChecks:
    """The checks of the examples that one signature takes."""

    def __init__(self, parsed: tuple[ParsedFeature, ...], rules: FeatureRules) -> None:
        """Prepare the checks.

        Args:
            parsed: What the signature's graph parses; empty where that is not known.
            rules: What the schema or the contract allows.
        """
        self._parsed = parsed
        self._parsed_by_name = {feature.name: feature for feature in parsed}
        self._rules = rules
        self._checks = {
            name: ValueChecks(rule, marks_missing=False) for name, rule in rules.by_name.items()
        }

    def faults(self, record: bytes, index: int) -> Iterator[ExampleFault]:
        """Yield all faults of an example, those that are refused first.

        Args:
            record: The serialized example.
            index: Its number in the batch, which the server's text names.
        """
        example = parse_example(record)
        if isinstance(example, ServingError):
            yield ExampleFault(
                FaultCode.NOT_AN_EXAMPLE,
                FaultKind.REFUSED,
                "",
                None,
                "a serialized tf.Example",
                f"{len(record):,} bytes",
                example.message,
            )
            return
        refused = set()
        for refusal in example_refusals(example, index, self._parsed):
            refused.add(refusal.feature)
            yield ExampleFault(
                FaultCode(refusal.reason.value),
                FaultKind.REFUSED,
                refusal.feature,
                None,
                _expected(self._parsed_by_name[refusal.feature]),
                refusal.sent,
                refusal.error.message,
            )
        for name in sorted(example.features.feature):
            if name not in refused:
                yield from self._feature(name, example.features.feature[name])
        yield from self._absent(example, refused)

    def _feature(self, name: str, feature: Feature) -> Iterator[ExampleFault]:
        if name in self._rules.labels and name not in self._parsed_by_name:
            yield _suspect(FaultCode.LABEL_SENT, name, "no label", name)
            return
        rule = self._rules.by_name.get(name)
        kind = feature.WhichOneof("kind")
        if rule is None:
            if self._rules.complete and name not in self._parsed_by_name:
                yield _suspect(FaultCode.UNKNOWN_FEATURE, name, "a feature of the schema", name)
        elif kind is not None:
            yield from self._values(rule, feature, kind)

    def _values(self, rule: FeatureRule, feature: Feature, kind: str) -> Iterator[ExampleFault]:
        data_type, dtype = _KINDS[kind]
        if rule.data_type not in (None, data_type):
            expected, found = type_name(rule.data_type or 0), type_name(data_type)
            yield _suspect(FaultCode.WRONG_TYPE, rule.name, expected, found)
            return
        values = list(getattr(feature, kind).value)
        if not rule.min_count <= len(values) <= (rule.max_count or len(values)):
            most = "any number" if rule.max_count is None else str(rule.max_count)
            expected = f"{rule.min_count} to {most} of values"
            yield _suspect(FaultCode.VALUE_COUNT, rule.name, expected, f"{len(values)} values")
        if self._checks[rule.name].surely_allows(values):
            return
        array: Array = np.empty(len(values), dtype)
        array[:] = values
        for value in self._checks[rule.name].suspects(array):
            yield _suspect(value.code, rule.name, value.expected, value.found, value.index)

    def _absent(self, example: Example, refused: set[str]) -> Iterator[ExampleFault]:
        sent = example.features.feature
        for name, rule in self._rules.by_name.items():
            if not rule.required or name in refused:
                continue
            if name not in sent or sent[name].WhichOneof("kind") is None:
                yield _suspect(FaultCode.MISSING_VALUE, name, "a value in every example", "none")


def _suspect(
    code: FaultCode, feature: str, expected: str, found: str, index: int | None = None
) -> ExampleFault:
    return ExampleFault(code, FaultKind.SUSPECT, feature, index, expected, found)


def _expected(feature: ParsedFeature) -> str:
    if feature.shape is None:
        return f"{type_name(feature.data_type)}, any number of values"
    sizes = ", ".join("any" if size is None else str(size) for size in feature.shape)
    return f"{type_name(feature.data_type)} of shape [{sizes}]"
