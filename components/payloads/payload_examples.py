"""The rows that a payload brings to the model, as `tf.Example`s: what statistics are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from google.protobuf.message import DecodeError

from tfx_parity.payloads.payload_files import Form
from tfx_parity.payloads.served_model import ServedModel
from tfx_parity.protos import Example, predict_pb2, prediction_log_pb2
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.inference import serialized_examples
from tfx_parity.serving_api.predict import plan_predict
from tfx_parity.serving_api.rest_inference import asks_for_inference
from tfx_parity.serving_api.rest_inference_review import review_inference
from tfx_parity.serving_api.rest_request import parse_predict
from tfx_parity.serving_api.status import ServingError
from tfx_parity.serving_api.tensors import from_proto

_MISSING_INTEGER = np.iinfo(np.int64).min


def payload_examples(model: ServedModel, form: Form, payload: bytes) -> Iterator[bytes]:
    """Yield the serialized examples of a payload; none of one that the server refuses.

    Rows of tensors become examples with a feature an input; where the value of an input stands for
    a missing one (NaN, the empty string, the smallest int64) the feature is left out.

    Args:
        model: The model that is asked.
        form: The payload's form.
        payload: The payload.
    """
    try:
        if form is Form.EXAMPLE:
            records: Iterator[bytes] = iter([payload])
        elif form in (Form.REST_BODY, Form.JSON_LINES):
            records = _of_body(model, payload)
        elif form is Form.PREDICT_REQUEST:
            records = _of_request(model, predict_pb2.PredictRequest.FromString(payload))
        else:
            records = _of_log(model, prediction_log_pb2.PredictionLog.FromString(payload))
        for record in records:
            Example.FromString(record)
            yield record
    except (ServingError, DecodeError):
        return  # refused: told as a fault, and never seen by the model


def _of_body(model: ServedModel, body: bytes) -> Iterator[bytes]:
    try:
        call = parse_predict(body, model.signature_defs, model.generation)
    except ServingError:
        if asks_for_inference(body, model.generation):
            review = review_inference(body, model.signature_defs, model.generation)
            if not review.refusals:
                yield from (sent.array.item() for sent in review.tensors)
        return
    yield from _of_inputs(model, call.signature_name, call.inputs)


def _of_log(model: ServedModel, log: prediction_log_pb2.PredictionLog) -> Iterator[bytes]:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        yield from _of_request(model, log.predict_log.request)
    elif kind in ("classify_log", "regress_log"):
        yield from serialized_examples(getattr(log, kind).request.input)


def _of_request(model: ServedModel, request: predict_pb2.PredictRequest) -> Iterator[bytes]:
    name = plan_predict(request, model.signature_defs).signature_name
    inputs = {alias: from_proto(request.inputs[alias]) for alias in sorted(request.inputs)}
    yield from _of_inputs(model, name, inputs)


def _of_inputs(model: ServedModel, name: str, inputs: Mapping[str, Array]) -> Iterator[bytes]:
    alias = model.example_input(name)
    if alias is not None:
        yield from inputs[alias].reshape(-1)
        return
    if any(array.ndim == 0 for array in inputs.values()):
        return  # no rows
    for row in range(min(len(array) for array in inputs.values())):
        yield _example({alias: array[row, ...] for alias, array in inputs.items()})


def _example(row: Mapping[str, Array]) -> bytes:
    example = Example()
    for alias, value in row.items():
        flat = value.reshape(-1)
        feature = example.features.feature[alias]
        if flat.dtype == object:
            feature.bytes_list.value.extend(text for text in flat if text)
        elif flat.dtype.kind == "f":
            feature.float_list.value.extend(flat[~np.isnan(flat)].astype(np.float32).tolist())
        elif flat.dtype.kind in "iub":
            numbers = flat.astype(np.int64)
            feature.int64_list.value.extend(numbers[numbers != _MISSING_INTEGER].tolist())
    return example.SerializeToString(deterministic=True)
