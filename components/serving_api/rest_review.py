"""Everything that TF Serving refuses or changes in a `:predict` body, not only the first refusal.

The rules are those of `rest_request`; this goes on where that stops, and says where each fault is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tfx_parity.protos import DataType, SignatureDef
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_reader import JsonObject, JsonValue
from tfx_parity.serving_api.json_tensors import TensorFiller, dense_shape
from tfx_parity.serving_api.json_written import read_written
from tfx_parity.serving_api.number_changes import number_change
from tfx_parity.serving_api.predict import input_types
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.serving_api.rest_document import format_error
from tfx_parity.serving_api.rest_document_review import (
    dropped,
    key_changes,
    key_text,
    shown_value,
)
from tfx_parity.serving_api.rest_request import (
    column_of,
    columns_by_alias,
    parse_exactly,
    requested_signature,
    rows_or_columns,
)
from tfx_parity.serving_api.rest_rows import RowBatch, member_name
from tfx_parity.serving_api.review import Path, Review, SentTensor, ValueChange
from tfx_parity.serving_api.status import Code, ServingError

_TOP_LEVEL_KEYS = frozenset({b"signature_name", b"instances", b"inputs"})


def review_body(
    body: bytes,
    signature_defs: Mapping[str, SignatureDef],
    generation: Generation,
    positions: Sequence[int] | None = None,
) -> Review:
    """Return all that TF Serving refuses or changes in a `:predict` body.

    Args:
        body: The body of a POST to `/v1/models/NAME:predict`.
        signature_defs: The model's signatures.
        generation: The JSON front's generation.
        positions: The numbers of the rows, where the body holds some of the rows of another.
    """
    reviewer = _Reviewer(signature_defs, generation, positions)
    try:
        reviewer.read(body)
    except ServingError as error:
        reviewer.review.refuse(reviewer.stage, (), error)
    if reviewer.review.refusals:
        return reviewer.review
    try:
        parse_exactly(body, signature_defs, generation)
    except ServingError as error:  # said of the request as a whole, after its values were taken
        reviewer.review.refuse(Reason.BAD_TENSOR, (), error)
    return reviewer.review


class _Reviewer:
    """Goes through one body; `stage` is the reason of a refusal that ends the way."""

    def __init__(
        self,
        signature_defs: Mapping[str, SignatureDef],
        generation: Generation,
        positions: Sequence[int] | None,
    ) -> None:
        self.review = Review()
        self._positions = positions
        self.stage = Reason.NOT_JSON
        self._signature_defs = signature_defs
        self._generation = generation
        self._data_types: dict[str, int] = {}

    def read(self, body: bytes) -> None:
        document, rest = read_written(body, self._generation)
        self.stage = Reason.MALFORMED_REQUEST
        if not isinstance(document, JsonObject):
            raise format_error(document, "Is not object", self._generation)
        self.review.changes += key_changes(document, rest, _TOP_LEVEL_KEYS)
        self.stage = Reason.UNKNOWN_SIGNATURE
        name = requested_signature(document, self._signature_defs, self._generation)
        self.stage = Reason.MALFORMED_REQUEST
        self._data_types = input_types(self._signature_defs[name])
        rows, value = rows_or_columns(document, self._generation)
        self.review.signature_name, self.review.row_format = name, rows
        if rows and isinstance(value, list):
            self._read_rows(value)
        else:
            self._read_columns(value)

    def _read_rows(self, instances: list[JsonValue]) -> None:
        batch = RowBatch(instances, self._data_types, self._generation)
        positions = range(len(instances)) if self._positions is None else self._positions
        for row, item in zip(positions, instances, strict=True):
            path: Path = ("instances", row)
            try:
                batch.check_form(row, item)
            except ServingError as error:
                sent = shown_value(item)
                self.review.refuse(Reason.MALFORMED_REQUEST, path, error, row=row, sent=sent)
                continue
            if isinstance(item, JsonObject) and batch.of_objects:
                self._read_object(batch, row, item)
            else:
                self._read_value(batch, row, item)

    def _read_object(self, batch: RowBatch, row: int, item: JsonObject) -> None:
        names = set()
        for key, value in item.members:
            name = member_name(key)
            path: Path = ("instances", row, key_text(key))
            if name in names:
                self.review.changes.append(dropped(Reason.DUPLICATE_KEY, path, name, name, row))
            names.add(name)
            try:
                batch.add_member(row, name, value)
            except ServingError as error:
                self._refuse_member(batch, row, name, value, error, path)
            else:
                self._take(name, value, path, row)
        if not self._data_types.keys() <= names:
            try:
                batch.check_names(row, item)
            except ServingError as error:
                missing = ", ".join(sorted(self._data_types.keys() - names))
                self.review.refuse(Reason.MISSING_INPUT, ("instances", row), error, missing, row)

    def _refuse_member(
        self,
        batch: RowBatch,
        row: int,
        name: str,
        value: JsonValue,
        error: ServingError,
        path: Path,
    ) -> None:
        if name not in self._data_types:
            self.review.refuse(Reason.UNKNOWN_NAME, path, error, name, row, name)
            return
        within = list(batch.refusals(name, value))
        for place, part, told in within:
            reason = self._reason(name, part, told)
            whole = batch.member_error(row, name, told)
            self.review.refuse(reason, (*path, *place), whole, name, row, shown_value(part))
        if not within:
            self.review.refuse(Reason.RAGGED, path, error, name, row, shown_value(value))

    def _read_value(self, batch: RowBatch, row: int, item: JsonValue) -> None:
        path: Path = ("instances", row)
        alias = next(iter(self._data_types))  # as the server does for {"b64": ...} of several
        try:
            batch.add_value(row, item)
        except ServingError as error:
            within = list(batch.refusals(alias, item))
            for place, part, told in within:
                reason = self._reason(alias, part, told)
                whole = batch.value_error(row, told)
                self.review.refuse(reason, (*path, *place), whole, alias, row, shown_value(part))
            if not within:
                self.review.refuse(Reason.RAGGED, path, error, alias, row, shown_value(item))
        else:
            self._take(alias, item, path, row)

    def _read_columns(self, inputs: JsonValue) -> None:
        members = columns_by_alias(inputs, self._data_types)
        prefix: Path = ("inputs",) if members is inputs else ()
        for alias in self._data_types:
            path = (*prefix, alias) if prefix else ("inputs",)
            try:
                value = column_of(members, alias)
            except ServingError as error:
                self.review.refuse(Reason.MISSING_INPUT, ("inputs",), error, alias)
                continue
            filler = TensorFiller(self._data_types[alias], self._generation)
            within = list(filler.refusals(value, dense_shape(value)))
            for place, part, told in within:
                reason = self._reason(alias, part, told)
                self.review.refuse(reason, (*path, *place), told, alias, sent=shown_value(part))
            if not within:
                self._take(alias, value, path, None)
        seen = set()
        for key, _ in members.members:
            name = key_text(key)
            if name not in self._data_types:
                self.review.changes.append(
                    dropped(Reason.UNKNOWN_NAME, ("inputs", name), name, name)
                )
            elif name in seen:
                self.review.changes.append(
                    dropped(Reason.DUPLICATE_KEY, ("inputs", name), name, name)
                )
            seen.add(name)

    def _reason(self, alias: str, part: JsonValue, error: ServingError) -> Reason:
        if error.code is Code.UNIMPLEMENTED:
            return Reason.NOT_OVER_REST
        if isinstance(part, list) or "at incorrect level" in error.message:
            return Reason.RAGGED
        if isinstance(part, JsonObject) and self._data_types[alias] == DataType.DT_STRING:
            return Reason.BAD_BASE64
        return Reason.WRONG_TYPE

    def _take(self, alias: str, value: JsonValue, path: Path, row: int | None) -> None:
        """Note a value that fits, and what of it changes."""
        data_type = self._data_types[alias]
        shape = dense_shape(value)
        filler = TensorFiller(data_type, self._generation)
        filler.add(value, shape)
        try:
            array = filler.array(alias, shape)
        except ServingError:
            return  # the request as a whole is refused for it
        self.review.tensors.append(SentTensor(path, row, alias, array))
        for place, number in _numbers(value):
            change = number_change(number, data_type)
            if change is not None:
                self.review.changes.append(
                    ValueChange(
                        change.reason, (*path, *place), row, alias, change.sent, change.received
                    )
                )


def _numbers(value: JsonValue) -> Iterator[tuple[tuple[int, ...], int | float]]:
    """Yield the numbers of a value that fits into a tensor, each with its indices."""
    waiting: list[tuple[tuple[int, ...], JsonValue]] = [((), value)]
    while waiting:
        place, part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(((*place, i), part[i]) for i in reversed(range(len(part))))
        elif isinstance(part, int | float) and not isinstance(part, bool):
            yield place, part
