"""The checks of a gRPC PredictRequest, which a REST request goes through as well.

Sources: TF Serving's servables/tensorflow/predict_util.cc and TensorFlow's cc/saved_model/util.cc
(GetInputValues), TF 2.16. Shapes and data types are not checked against the signature: the session
compares data types, and nobody shapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tfx_parity.protos import SignatureDef, TensorProto, predict_pb2
from tfx_parity.serving_api.dtypes import Array, type_name
from tfx_parity.serving_api.status import Code, ServingError, invalid_argument
from tfx_parity.serving_api.tensors import check_parses

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class PredictPlan:
    """What a PredictRequest asks of the session.

    Attributes:
        signature_name: The signature, never empty.
        feeds: Tensor name to value.
        fetches: Output alias to tensor name, in the order asked for, else alphabetical.
    """

    signature_name: str
    feeds: dict[str, TensorProto]
    fetches: dict[str, str]


@dataclass(frozen=True)
class PredictCall:
    """What a REST `:predict` body asks of the session.

    Attributes:
        signature_name: The signature, never empty.
        inputs: Alias to tensor, sorted by alias; strings are object arrays of bytes.
        row_format: Whether the body had `instances` (the answer then has `predictions`).
    """

    signature_name: str
    inputs: dict[str, Array]
    row_format: bool


def plan_predict(
    request: predict_pb2.PredictRequest, signature_defs: Mapping[str, SignatureDef]
) -> PredictPlan:
    """Return what a PredictRequest asks of the session.

    Which model and version it asks for is the caller's business.

    Raises:
        ServingError: With TF Serving's code and text, by the first fault.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    if name not in signature_defs:
        raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
    signature = signature_defs[name]
    check_input_count(request.inputs, signature)
    return PredictPlan(name, _feeds(request, signature), requested_outputs(request, signature))


def input_types(signature: SignatureDef) -> dict[str, int]:
    """Return the DataType of each input, by alias, in the order to go through them."""
    return {alias: signature.inputs[alias].dtype for alias in sorted(signature.inputs)}


def check_input_count(aliases: Iterable[str], signature: SignatureDef) -> None:
    """Raise INVALID_ARGUMENT unless a request has as many inputs as the signature.

    Fewer are let through where the signature has defaults; names are not compared here.

    Args:
        aliases: The inputs of the request.
        signature: The signature asked for.

    Raises:
        ServingError: INVALID_ARGUMENT "input size does not match signature: ...".
    """
    sent, known = set(aliases), set(signature.inputs)
    if len(sent) == len(known) or (len(sent) < len(known) and signature.defaults):
        return
    raise invalid_argument(
        f"input size does not match signature: {len(sent)}!={len(known)} "
        f"len({{{_joined(sent)}}}) != len({{{_joined(known)}}}). "
        f"Sent extra: {{{_joined(sent - known)}}}. "
        f"Missing but required: {{{_joined(known - sent)}}}."
    )


def feed_type_error(alias: str, data_type: int, signature: SignatureDef) -> ServingError | None:
    """Return what the session answers for an input of a type, None where it is the signature's.

    Feeds are numbered in the order of their tensors' names (direct_session.cc,
    GetOrCreateExecutors; call_frame in common_runtime/function.cc, SetArgs).

    Args:
        alias: The input.
        data_type: The DataType of what is sent for it.
        signature: The signature asked for.
    """
    expected = signature.inputs[alias]
    if data_type == expected.dtype:
        return None
    index = sorted(info.name for info in signature.inputs.values()).index(expected.name)
    return invalid_argument(
        f"Expects arg[{index}] to be {type_name(expected.dtype)} "
        f"but {type_name(data_type)} is provided"
    )


def _joined(names: Iterable[str]) -> str:
    return ",".join(sorted(names))


def _feeds(request: predict_pb2.PredictRequest, signature: SignatureDef) -> dict[str, TensorProto]:
    feeds = {}
    for alias in sorted(signature.inputs):
        tensor_name = signature.inputs[alias].name
        if alias in request.inputs:
            proto = request.inputs[alias]
        elif alias in signature.defaults:
            proto = signature.defaults[alias]
        else:
            raise invalid_argument(
                f"Signature input alias: {alias}(feed name: {tensor_name}) not found in request "
                "and no default value provided. Inputs expected to be in the request "
                f"{{{_joined(request.inputs)}}}, or default input alias set: "
                f"{_joined(signature.defaults)}"
            )
        check_parses(proto, alias)
        feeds[tensor_name] = proto
    unknown = set(request.inputs) - set(signature.inputs)
    if unknown:
        used = set(request.inputs) - unknown
        raise invalid_argument(
            f"Inputs contains invalid name. Used request inputs: {_joined(used)}, "
            f"request input: {_joined(request.inputs)}"
        )
    return feeds


def requested_outputs(
    request: predict_pb2.PredictRequest, signature: SignatureDef
) -> dict[str, str]:
    """Return output alias to tensor name, all outputs where the request's filter is empty.

    Raises:
        ServingError: INVALID_ARGUMENT, if the filter names an output that is not there, or twice.
    """
    if not request.output_filter:
        return {alias: signature.outputs[alias].name for alias in sorted(signature.outputs)}
    fetches: dict[str, str] = {}
    for alias in request.output_filter:
        if alias not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {{{_joined(signature.outputs)}}}."
            )
        if alias in fetches:
            raise invalid_argument(f"duplicate output tensor alias: {alias}")
        fetches[alias] = signature.outputs[alias].name
    return fetches
