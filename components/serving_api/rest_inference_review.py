"""Everything that TF Serving refuses or changes in a `:classify` or `:regress` body.

The rules are those of `rest_inference`; this goes on where that stops, and says where each fault
is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from tfx_parity.protos import (
    DataType,
    Example,
    Feature,
    SignatureDef,
    classification_pb2,
    regression_pb2,
)
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.inference import (
    CLASSES,
    OUTPUTS,
    SCORES,
    InferenceTask,
    plan_classify,
    plan_regress,
)
from tfx_parity.serving_api.json_reader import JsonObject, JsonValue
from tfx_parity.serving_api.json_tensors import is_base64_object
from tfx_parity.serving_api.json_written import WrittenNumber, read_written
from tfx_parity.serving_api.number_changes import number_change
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.serving_api.rest_document import format_error, signature_name
from tfx_parity.serving_api.rest_document_review import key_changes, shown_value
from tfx_parity.serving_api.rest_inference import (
    add_to_feature,
    example_members,
    feature_name,
    listed_examples,
)
from tfx_parity.serving_api.review import Path, Review, SentTensor, ValueChange
from tfx_parity.serving_api.status import ServingError, invalid_argument

InferenceMethod = Literal["classify", "regress"]
_TOP_LEVEL_KEYS = frozenset({b"signature_name", b"context", b"examples"})


def method_of_signature(signature: SignatureDef) -> InferenceMethod:
    """Return the method that a signature can answer, by the names of its outputs."""
    outputs = set(signature.outputs)
    return "regress" if OUTPUTS in outputs and not outputs & {CLASSES, SCORES} else "classify"


def review_inference(
    body: bytes,
    signature_defs: Mapping[str, SignatureDef],
    generation: Generation,
    method: InferenceMethod | None = None,
) -> Review:
    """Return all that TF Serving refuses or changes in a `:classify` or `:regress` body.

    Args:
        body: The body of a POST to `/v1/models/NAME:classify` or `:regress`.
        signature_defs: The model's signatures.
        generation: The JSON front's generation.
        method: Which of the two; the one that the signature can answer where None.
    """
    reviewer = _Reviewer(generation)
    try:
        reviewer.read(body)
    except ServingError as error:
        reviewer.review.refuse(reviewer.stage, (), error)
    review = reviewer.review
    if reviewer.signature_name is not None:
        name = reviewer.signature_name
        try:
            _plan(name, signature_defs, method)
        except ServingError as error:
            is_unknown = name not in set(signature_defs)
            reason = Reason.UNKNOWN_SIGNATURE if is_unknown else Reason.MALFORMED_REQUEST
            reviewer.review.refuse(reason, ("signature_name",), error)
        else:
            review.signature_name = name
            (alias,) = signature_defs[name].inputs
            review.tensors += [
                SentTensor(("examples", row), row, alias, _scalar(record))
                for row, record in reviewer.records
            ]
    return review


def _plan(
    name: str, signature_defs: Mapping[str, SignatureDef], method: InferenceMethod | None
) -> InferenceTask:
    if name not in set(signature_defs):  # a map of messages raises on names that are not UTF-8
        raise invalid_argument(f"No signature was found with the name: {name}")
    if (method or method_of_signature(signature_defs[name])) == "regress":
        regression = regression_pb2.RegressionRequest()
        regression.model_spec.signature_name = name
        return plan_regress(regression, signature_defs)
    classification = classification_pb2.ClassificationRequest()
    classification.model_spec.signature_name = name
    return plan_classify(classification, signature_defs)


class _Reviewer:
    """Goes through one body.

    Attributes:
        review: What was found.
        stage: The reason of a refusal that ends the way.
        signature_name: The signature that is asked for, None where the body does not say.
        records: The serialized examples that can be made, each with its row.
    """

    def __init__(self, generation: Generation) -> None:
        self.review = Review(row_format=True, of_examples=True)
        self.stage = Reason.NOT_JSON
        self.signature_name: str | None = None
        self.records: list[tuple[int, bytes]] = []
        self._generation = generation

    def read(self, body: bytes) -> None:
        document, rest = read_written(body, self._generation)
        self.stage = Reason.MALFORMED_REQUEST
        if not isinstance(document, JsonObject):
            raise format_error(document, "Is not object", self._generation)
        self.review.changes += key_changes(document, rest, _TOP_LEVEL_KEYS)
        self.signature_name = signature_name(document, self._generation)
        context: bytes | None = b""
        member = document.first(b"context")
        if member is not None:
            context = self._record(member[0], ("context",), None)
        for row, item in enumerate(listed_examples(document, self._generation)):
            record = self._record(item, ("examples", row), row)
            if record is not None and context is not None:
                self.records.append((row, context + record))

    def _record(self, value: JsonValue, path: Path, row: int | None) -> bytes | None:
        """Return an example as it is serialized, None where it is refused."""
        try:
            members = example_members(value)
        except ServingError as error:
            sent = shown_value(value)
            self.review.refuse(Reason.MALFORMED_REQUEST, path, error, row=row, sent=sent)
            return None
        refusals = len(self.review.refusals)
        example = Example()
        for key, content in members:
            name = feature_name(key)
            place = (*path, name)
            if name in example.features.feature:
                self._change(Reason.DUPLICATE_KEY, place, row, name, name, "the last one's")
            example.features.feature[name].CopyFrom(self._feature(content, place, row))
        if len(self.review.refusals) > refusals:
            return None
        return example.SerializeToString(deterministic=True)

    def _feature(self, content: JsonValue, path: Path, row: int | None) -> Feature:
        feature, name = Feature(), str(path[-1])
        is_list = isinstance(content, list)
        if not is_list:
            self.review.single_values.add(path)
        for index, value in enumerate(content if isinstance(content, list) else [content]):
            place = (*path, index) if is_list else path
            try:
                add_to_feature(value, name, feature, self._generation)
            except ServingError as error:
                reason = Reason.BAD_BASE64 if is_base64_object(value) else Reason.WRONG_TYPE
                self.review.refuse(reason, place, error, name, row, shown_value(value))
                continue
            if isinstance(value, WrittenNumber):
                change = number_change(value, DataType.DT_FLOAT)
                if change is not None:
                    self._change(change.reason, place, row, name, change.sent, change.received)
        return feature

    def _change(
        self, reason: Reason, path: Path, row: int | None, name: str, sent: str, received: str
    ) -> None:
        self.review.changes.append(ValueChange(reason, path, row, name, sent, received))


def _scalar(record: bytes) -> Array:
    array = np.empty((), object)
    array[()] = record
    return array
