"""Metadata and status, as messages and as TF Serving prints them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf import json_format

from tfx_parity.protos import (
    DataType,
    SignatureDef,
    TensorProto,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
)
from tfx_parity.serving_api.metadata import (
    check_metadata_request,
    format_metadata,
    format_status,
    metadata_response,
)
from tfx_parity.serving_api.proto_json import message_json
from tfx_parity.serving_api.status import Code, ServingError

METADATA = """{
"model_spec":{
 "name": "m",
 "signature_name": "",
 "version": "3"
}
,
"metadata": {"signature_def": {
 "signature_def": {
  "__saved_model_init_op": {
   "inputs": {},
   "outputs": {
    "__saved_model_init_op": {
     "dtype": "DT_INVALID",
     "tensor_shape": {
      "dim": [],
      "unknown_rank": true
     },
     "name": "NoOp"
    }
   },
   "method_name": "",
   "defaults": {}
  },
  "serving_default": {
   "inputs": {
    "x": {
     "dtype": "DT_FLOAT",
     "tensor_shape": {
      "dim": [
       {
        "size": "-1",
        "name": ""
       },
       {
        "size": "4",
        "name": ""
       }
      ],
      "unknown_rank": false
     },
     "name": "serving_default_x:0"
    }
   },
   "outputs": {},
   "method_name": "tensorflow/serving/predict",
   "defaults": {}
  }
 }
}
}
}
"""
STATUS = """{
 "model_version_status": [
  {
   "version": "1",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  }
 ]
}
"""


def test_metadata_is_printed_as_tf_serving_prints_it(
    signature_of: Callable[..., SignatureDef],
) -> None:
    """Every field without presence is there, integers of 64 bits are quoted, oneofs come last."""
    default = signature_of(x=DataType.DT_FLOAT)
    for size in (-1, 4):
        default.inputs["x"].tensor_shape.dim.add(size=size)
    init = SignatureDef()
    init.outputs["__saved_model_init_op"].name = "NoOp"
    init.outputs["__saved_model_init_op"].tensor_shape.unknown_rank = True
    signatures = {"serving_default": default, "__saved_model_init_op": init}

    assert METADATA.encode() == format_metadata(metadata_response("m", 3, signatures))


def test_status_is_printed_as_tf_serving_prints_it() -> None:
    """One entry a version."""
    response = get_model_status_pb2.GetModelStatusResponse()
    version = response.model_version_status.add(version=1)
    version.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    version.status.SetInParent()

    assert STATUS.encode() == format_status(response)


def test_values_of_every_kind_are_printed() -> None:
    """What is printed is the message again to protobuf's own parser, default values included."""
    signature = SignatureDef(method_name='a<b>"\u2028\x7f\\\n')
    signature.defaults["x"].CopyFrom(
        TensorProto(
            dtype=DataType.DT_HALF,
            tensor_content=b"\xff\0",
            float_val=[0.1, float("nan"), float("-inf"), 3],
            double_val=[1 / 3],
            int_val=[-1],
            int64_val=[2**62],
            bool_val=[True],
            string_val=[b"\xfe"],
        )
    )

    text = message_json(signature)

    assert str(signature) == str(json_format.Parse(text, SignatureDef()))
    assert "a\\u003cb\\u003e" in text
    assert '"half_val": []' in text
    assert "0.100000001," in text


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (get_model_metadata_pb2.GetModelMetadataRequest(), "Missing ModelSpec"),
        (
            get_model_metadata_pb2.GetModelMetadataRequest(model_spec=model_pb2.ModelSpec()),
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        (
            get_model_metadata_pb2.GetModelMetadataRequest(
                model_spec=model_pb2.ModelSpec(), metadata_field=["signature_def", "x"]
            ),
            "Metadata field %s is not supportedx",
        ),
    ],
)
def test_requests_that_are_not_understood_are_refused(
    request_: get_model_metadata_pb2.GetModelMetadataRequest, message: str
) -> None:
    """With TF Serving's texts, the unformatted one included."""
    with pytest.raises(ServingError) as error:
        check_metadata_request(request_)

    assert (Code.INVALID_ARGUMENT, message) == (error.value.code, error.value.message)


def test_a_response_without_signatures_cannot_be_printed() -> None:
    """The REST form is that of the signatures alone."""
    with pytest.raises(ServingError, match="Failed to find 'signature_def' key"):
        format_metadata(get_model_metadata_pb2.GetModelMetadataResponse())
    broken = get_model_metadata_pb2.GetModelMetadataResponse()
    broken.metadata["signature_def"].Pack(model_pb2.ModelSpec())
    with pytest.raises(ServingError, match="Failed to unpack 'Any'"):
        format_metadata(broken)
