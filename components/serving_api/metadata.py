"""GetModelMetadata and GetModelStatus: the checks, the messages and their REST form.

Sources: servables/tensorflow/get_model_metadata_impl.cc, model_servers/get_model_status_impl.cc and
http_rest_api_util.cc of TF Serving 2.16. The order in which TF Serving answers is: the checks here,
then whether it has the model, then the message.
"""

from __future__ import annotations

from collections.abc import Mapping

from tfx_parity.protos import SignatureDef, get_model_metadata_pb2, get_model_status_pb2
from tfx_parity.serving_api.proto_json import message_json
from tfx_parity.serving_api.status import Code, ServingError, invalid_argument

SIGNATURE_DEF_FIELD = "signature_def"


def check_metadata_request(request: get_model_metadata_pb2.GetModelMetadataRequest) -> None:
    """Raise what TF Serving answers to a request that it does not understand.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURE_DEF_FIELD:
            # The %s is upstream's: the message is concatenated, not formatted.
            raise invalid_argument(f"Metadata field %s is not supported{field}")


def metadata_response(
    model_name: str, version: int, signature_defs: Mapping[str, SignatureDef]
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Return the message that describes a model's signatures.

    Args:
        model_name: The model's name.
        version: The version that answers.
        signature_defs: Every signature of the MetaGraphDef.
    """
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name in sorted(signature_defs):
        signatures.signature_def[name].CopyFrom(signature_defs[name])
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = model_name
    response.model_spec.version.value = version
    response.metadata[SIGNATURE_DEF_FIELD].Pack(signatures)
    return response


def format_metadata(response: get_model_metadata_pb2.GetModelMetadataResponse) -> bytes:
    """Return the body that answers GET .../metadata.

    Raises:
        ServingError: INTERNAL, if the response holds no signatures.
    """
    if SIGNATURE_DEF_FIELD not in response.metadata:
        raise ServingError(
            Code.INTERNAL,
            "Failed to find 'signature_def' key in the GetModelMetadataResponse metadata map.",
        )
    signatures = get_model_metadata_pb2.SignatureDefMap()
    if not response.metadata[SIGNATURE_DEF_FIELD].Unpack(signatures):
        raise ServingError(Code.INTERNAL, "Failed to unpack 'Any' object to 'SignatureDefMap'.")
    text = (
        f'{{\n"model_spec":{message_json(response.model_spec)},\n'
        f'"metadata": {{"signature_def": {message_json(signatures)}}}\n}}\n'
    )
    return text.encode("utf-8")


def format_status(response: get_model_status_pb2.GetModelStatusResponse) -> bytes:
    """Return the body that answers GET /v1/models/MODEL."""
    return message_json(response).encode("utf-8")
