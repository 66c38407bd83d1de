"""The values that a signature's inputs get, against its shapes and the rules of the features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import numpy as np

from tfx_parity.findings import FaultCode, FaultKind, PayloadFault
from tfx_parity.payloads.example_checks import ExampleChecks
from tfx_parity.payloads.feature_rules import NO_RULES, FeatureRule, FeatureRules
from tfx_parity.payloads.plain_checks import PlainChecks, columns_of
from tfx_parity.payloads.review_faults import json_pointer, tensor_text
from tfx_parity.payloads.signature_shape import signature_shape
from tfx_parity.payloads.value_checks import ValueChecks
from tfx_parity.protos import SignatureDef, TensorInfo
from tfx_parity.serving_api.dtypes import Array, numpy_dtype
from tfx_parity.serving_api.example_parsing import ParsedFeature
from tfx_parity.serving_api.plain_signature import Limits
from tfx_parity.serving_api.rest_plain import PlainCall
from tfx_parity.serving_api.review import Path, Review, SentTensor

# The one signature in which a value stands for a missing one (the serving contract says which).
_RAW_SIGNATURE = "serve_raw"
_NO_PLACES: Set[Path] = frozenset()


class SignatureChecks:
    """The checks of the requests to one signature, made once."""

    def __init__(
        self,
        name: str,
        signature: SignatureDef,
        parsed: tuple[ParsedFeature, ...],
        example_input: str | None,
        rules: FeatureRules,
        *,
        has_contract: bool,
    ) -> None:
        """Prepare the checks.

        Args:
            name: The signature's name.
            signature: The signature.
            parsed: What it parses of examples.
            example_input: The input that takes serialized examples, None where none does.
            rules: What schema or contract allows.
            has_contract: Whether the model was made by `export_for_serving`.
        """
        self._infos: dict[str, TensorInfo] = {a: signature.inputs[a] for a in signature.inputs}
        self._shapes = {alias: signature_shape(info) for alias, info in self._infos.items()}
        self._example_input = example_input
        self._examples = ExampleChecks(parsed, rules if example_input else NO_RULES)
        marks = has_contract and name == _RAW_SIGNATURE
        self._values = {
            alias: ValueChecks(
                rules.by_name.get(alias, FeatureRule(alias, None)), marks_missing=marks
            )
            for alias in self._infos
        }
        self._has_rule = {alias for alias in self._infos if alias in rules.by_name}
        self._plain: dict[tuple[str, ...], PlainChecks] = {}

    @property
    def limits(self) -> dict[str, Limits] | None:
        """What is certain to be allowed of each input; None where examples are to be parsed."""
        if self._example_input is not None:
            return None
        return {
            alias: Limits(checks.low, checks.high, checks.rule.values)
            for alias, checks in self._values.items()
        }

    def accepts(self, call: PlainCall) -> bool:
        """Return whether the values of a plain body are certain to be without a fault."""
        for sent in call.inputs:
            checks = self._plain.get(sent.aliases)
            if checks is None:
                checks = self._plain[sent.aliases] = self._plain_checks(sent.aliases)
            if not checks.accept(sent):
                return False
        return call.row_format or len({sent.shape[:1] for sent in call.inputs}) == 1

    def _plain_checks(self, aliases: tuple[str, ...]) -> PlainChecks:
        is_example = aliases == (self._example_input,)
        return PlainChecks(
            [self._shapes[alias] for alias in aliases],
            [self._values[alias] for alias in aliases],
            text_has_rule=any(alias in self._has_rule for alias in aliases),
            is_good_example=self._is_good_example if is_example else None,
        )

    def plain_suspects(
        self, call: PlainCall, positions: Sequence[int] | None = None
    ) -> Iterator[PayloadFault]:
        """Yield the faults of a plain body: none is refused but by a graph that parses examples.

        Args:
            call: The body.
            positions: The numbers of its rows, where it holds some of the rows of another.
        """
        columns = {
            alias: array
            for sent in call.inputs
            for alias, array in columns_of(sent, numpy_dtype(self._infos[sent.aliases[0]].dtype))
        }
        if not call.row_format:
            tensors = [
                SentTensor(("inputs", alias) if call.named else ("inputs",), None, alias, array)
                for alias, array in columns.items()
            ]
            yield from self.suspects(Review(tensors=tensors))
            return
        found = [
            fault
            for alias in sorted(columns)
            for fault in self._of_rows(call, alias, columns[alias], positions or range(call.rows))
        ]
        yield from sorted(
            found, key=lambda fault: (fault.code is not FaultCode.WRONG_SHAPE, fault.row or 0)
        )

    def _of_rows(
        self, call: PlainCall, alias: str, rows: Array, positions: Sequence[int]
    ) -> Iterator[PayloadFault]:
        """Yield the faults of one input of all rows."""

        def sent(index: int) -> SentTensor:
            row = positions[index]
            path: Path = ("instances", row, alias) if call.named else ("instances", row)
            return SentTensor(path, row, alias, rows[index, ...])

        yield from self._shape_faults([sent(0)])
        if alias == self._example_input:
            for index in range(len(rows)):
                yield from self._example_faults(sent(index), _NO_PLACES)
            return
        if rows.dtype == object and alias not in self._has_rule:
            return  # any bytes may be meant
        for value in self._values[alias].suspects(rows):
            index, *place = (int(i) for i in np.unravel_index(value.index, rows.shape))
            tensor = sent(index)
            path = (*tensor.path, *place)
            yield _fault(value.code, path, tensor.row, alias, value.expected, value.found)

    def suspects(self, review: Review) -> Iterator[PayloadFault]:
        """Yield what is against the signature's shapes and the rules, of the values that fit."""
        tensors = sorted(review.tensors, key=lambda tensor: (tensor.row or 0, tensor.alias))
        yield from self._shape_faults(tensors)
        for tensor in tensors:
            if tensor.alias == self._example_input:
                yield from self._example_faults(tensor, review.single_values)
            else:
                yield from self._value_faults(tensor)

    def record_faults(self, record: bytes) -> Iterator[PayloadFault]:
        """Yield the faults of one serialized example by itself."""
        yield from self._of_record(record, 0, (), self._example_input or "", _NO_PLACES)

    def _is_good_example(self, value: str | bytes, index: int) -> bool:
        record = value.encode("utf-8") if isinstance(value, str) else value
        return not any(self._examples.faults(record, index))

    def _shape_faults(self, tensors: Sequence[SentTensor]) -> Iterator[PayloadFault]:
        told: set[str] = set()
        rows: dict[str, int] = {}
        for tensor in tensors:
            shape = tensor.array.shape if tensor.row is None else (1, *tensor.array.shape)
            expected = self._shapes[tensor.alias]
            fits = expected is None or expected.matches(shape, is_row=tensor.row is not None)
            if not fits and tensor.alias not in told:
                told.add(tensor.alias)
                found = f"shape {_shown(shape, tensor.row is not None)}"
                text = tensor_text(self._infos[tensor.alias])
                yield _fault(
                    FaultCode.WRONG_SHAPE, tensor.path, tensor.row, tensor.alias, text, found
                )
            if tensor.row is None and shape:
                rows[tensor.alias] = shape[0]
        if len(set(rows.values())) > 1:
            found = ", ".join(f"{alias} {size}" for alias, size in sorted(rows.items()))
            yield _fault(
                FaultCode.BATCH_SIZES_DIFFER, (), None, "", "one number of rows", f"rows: {found}"
            )

    def _value_faults(self, tensor: SentTensor) -> Iterator[PayloadFault]:
        is_text = tensor.array.dtype == object
        if is_text and tensor.alias not in self._has_rule:
            return  # any bytes may be meant
        for value in self._values[tensor.alias].suspects(tensor.array):
            place = tuple(int(i) for i in np.unravel_index(value.index, tensor.array.shape))
            row = tensor.row if tensor.row is not None else (place[0] if place else None)
            path = (*tensor.path, *place)
            yield _fault(value.code, path, row, tensor.alias, value.expected, value.found)

    def _example_faults(
        self, tensor: SentTensor, single_values: Set[Path]
    ) -> Iterator[PayloadFault]:
        flat: Array = tensor.array.reshape(-1)
        for index, record in enumerate(flat):
            row = index if tensor.row is None else tensor.row
            path = tensor.path if tensor.row is not None else (*tensor.path, index)
            yield from self._of_record(record, row, path, tensor.alias, single_values)

    def _of_record(
        self, record: bytes, row: int, path: Path, alias: str, single_values: Set[Path]
    ) -> Iterator[PayloadFault]:
        for fault in self._examples.faults(record, row):
            place = (*path, fault.feature) if fault.feature else path
            if fault.index is not None and place not in single_values:
                place = (*place, fault.index)
            yield PayloadFault(
                code=fault.code,
                kind=fault.kind,
                file="",
                record=0,
                row=row,
                pointer=json_pointer(place),
                input=fault.feature or alias,
                expected=fault.expected,
                found=fault.found,
                server=fault.server.encode("utf-8", "replace").decode("utf-8"),
            )


def _shown(shape: tuple[int, ...], is_row: bool) -> str:
    sizes = [str(size) for size in shape]
    return f"[{', '.join(['rows', *sizes[1:]] if is_row else sizes)}]"


def _fault(
    code: FaultCode, path: Path, row: int | None, alias: str, expected: str, found: str
) -> PayloadFault:
    return PayloadFault(
        code=code,
        kind=FaultKind.SUSPECT,
        file="",
        record=0,
        row=row,
        pointer=json_pointer(path),
        input=alias,
        expected=expected,
        found=found,
    )
