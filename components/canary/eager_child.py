"""The child of `eager`: the only module here that imports TensorFlow, in a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfx_parity.canary.lifeline import end_with_parent, private_standard_output
from tfx_parity.protos import predict_pb2
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code
from tfx_parity.serving_api.tensors import from_proto, to_proto

_STANDARD_INPUT = 0


def main(arguments: Sequence[str]) -> None:
    """Answer the request on standard input: arguments are the parent, the model, its length."""
    parent = int(arguments[0].partition("=")[2])
    request = predict_pb2.PredictRequest.FromString(_read(int(arguments[2])))
    end_with_parent(parent)
    write_line = private_standard_output()
    write_line(json.dumps(_answer(arguments[1], request)).encode())


def _read(size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = os.read(_STANDARD_INPUT, size - len(data))
        if not chunk:
            raise EOFError("The parent ended before it had handed over the request.")
        data += chunk
    return data


def _answer(path: str, request: predict_pb2.PredictRequest) -> dict[str, object]:
    import tensorflow as tf  # noqa: PLC0415 - the parent goes away while this takes its time

    try:
        outputs = _ask(tf, path, request)
    except tf.errors.OpError as error:
        return {"code": error.error_code, "message": error.message}
    except (TypeError, ValueError, OSError, LookupError, RuntimeError) as error:
        # What TensorFlow's Python raises before an op runs has no code.
        return {"code": Code.INVALID_ARGUMENT, "message": f"{type(error).__name__}: {error}"}
    response = predict_pb2.PredictResponse()
    for name, value in outputs.items():
        response.outputs[name].CopyFrom(to_proto(value))
    return {"response": response.SerializeToString().hex()}


def _ask(tf: Any, path: str, request: predict_pb2.PredictRequest) -> dict[str, Array]:
    loaded = tf.saved_model.load(path)
    name = request.model_spec.signature_name
    if name not in loaded.signatures:
        raise LookupError(f"no signature {name!r} among {sorted(loaded.signatures)}")
    inputs = {
        alias: tf.constant(from_proto(proto)) for alias, proto in sorted(request.inputs.items())
    }
    outputs = loaded.signatures[name](**inputs)
    return {alias: _array(tf, value) for alias, value in outputs.items()}


def _array(tf: Any, value: Any) -> Array:
    # A scalar string comes as bytes, of which numpy would drop the NULs at the end.
    return np.array(value.numpy(), dtype=object if value.dtype == tf.string else None)


if __name__ == "__main__":
    main(sys.argv[1:])
