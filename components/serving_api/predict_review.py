"""Everything that TF Serving refuses or changes in a PredictRequest, not only the first refusal."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tfx_parity.protos import SignatureDef, TensorProto, predict_pb2
from tfx_parity.serving_api.dtypes import type_name
from tfx_parity.serving_api.predict import feed_type_error, plan_predict, requested_outputs
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.serving_api.review import Path, Refusal, Review, SentTensor, ValueChange
from tfx_parity.serving_api.status import ServingError, invalid_argument
from tfx_parity.serving_api.tensor_changes import tensor_changes
from tfx_parity.serving_api.tensors import check_parses, from_proto

# A shape costs its sender nothing; the values behind a larger one are not looked at.
_MAX_ELEMENTS = 1 << 24


def review_request(
    request: predict_pb2.PredictRequest, signature_defs: Mapping[str, SignatureDef]
) -> Review:
    """Return all that TF Serving and its session refuse or change in a PredictRequest.

    Args:
        request: The request.
        signature_defs: The model's signatures.
    """
    review = Review()
    try:
        name = plan_predict(request, signature_defs).signature_name
        answer = None
    except ServingError as error:
        answer = error
        name = request.model_spec.signature_name or "serving_default"
        if not request.HasField("model_spec"):
            _refuse(review, Reason.MALFORMED_REQUEST, ("model_spec",), error)
        elif name not in signature_defs:
            _refuse(review, Reason.UNKNOWN_SIGNATURE, ("model_spec", "signature_name"), error)
    if name in signature_defs:
        review.signature_name = name
        _look_at_inputs(review, request, signature_defs[name], answer)
        _look_at_outputs(review, request, signature_defs[name])
    if answer is not None:
        told = str(answer)
        if not any(str(refusal.error) == told for refusal in review.refusals):
            _refuse(review, Reason.MALFORMED_REQUEST, (), answer)
        review.refusals.sort(key=lambda refusal: str(refusal.error) != told)
    return review


def _refuse(
    review: Review,
    reason: Reason,
    path: Path,
    error: ServingError,
    alias: str = "",
    sent: str = "",
) -> None:
    review.refusals.append(Refusal(reason, path, None, alias, error, sent))


def _look_at_inputs(
    review: Review,
    request: predict_pb2.PredictRequest,
    signature: SignatureDef,
    answer: ServingError | None,
) -> None:
    for alias in sorted(signature.inputs):
        path: Path = ("inputs", alias)
        if alias in request.inputs:
            _look_at_tensor(review, request, alias, signature)
        elif alias in signature.defaults:
            review.changes.append(
                ValueChange(Reason.DEFAULT_USED, path, None, alias, "nothing", "the default")
            )
        else:
            error = answer or invalid_argument(f"Missing input: {alias}")
            _refuse(review, Reason.MISSING_INPUT, ("inputs",), error, alias)
    for alias in sorted(set(request.inputs) - set(signature.inputs)):
        error = answer or invalid_argument(f"Inputs contains invalid name: {alias}")
        _refuse(review, Reason.UNKNOWN_NAME, ("inputs", alias), error, alias, alias)


def _look_at_tensor(
    review: Review, request: predict_pb2.PredictRequest, alias: str, signature: SignatureDef
) -> None:
    path: Path = ("inputs", alias)
    proto = request.inputs[alias]
    try:
        check_parses(proto, alias)
    except ServingError as error:
        _refuse(review, Reason.BAD_TENSOR, path, error, alias)
        return
    mismatch = feed_type_error(alias, proto.dtype, signature)
    if mismatch is not None:
        _refuse(
            review, Reason.WRONG_TYPE, (*path, "dtype"), mismatch, alias, type_name(proto.dtype)
        )
        return
    if _elements(proto) <= _MAX_ELEMENTS:
        review.tensors.append(SentTensor(path, None, alias, from_proto(proto)))
    review.changes.extend(tensor_changes(proto, path, alias))


def _elements(proto: TensorProto) -> int:
    return math.prod(int(dim.size) for dim in proto.tensor_shape.dim)


def _look_at_outputs(
    review: Review, request: predict_pb2.PredictRequest, signature: SignatureDef
) -> None:
    try:
        requested_outputs(request, signature)
    except ServingError as error:
        names = ", ".join(request.output_filter)
        _refuse(review, Reason.UNKNOWN_NAME, ("output_filter",), error, "", names)
