"""Asks TensorFlow's eager Python, in a child process, what it would have answered.

Used where a request failed in the session: an answer here says that the fault lies between the
two, as with a Keras 3 model whose variables the server cannot find.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfx_parity.canary.client import RequestError
from tfx_parity.canary.supervision import SupervisedProcess
from tfx_parity.canary.versions import find_version
from tfx_parity.errors import ServerUnavailableError
from tfx_parity.protos import predict_pb2
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code
from tfx_parity.serving_api.tensors import from_proto, to_proto

# Importing TensorFlow alone takes ten seconds and more on a busy machine.
DEFAULT_DEADLINE_S = 180.0
_CHILD_MODULE = "tfx_parity.canary.eager_child"
_DYING_S = 2.0


def ask_eager(
    model_path: Path,
    signature_name: str,
    inputs: Mapping[str, Array],
    deadline_s: float = DEFAULT_DEADLINE_S,
) -> dict[str, Array]:
    """Ask a signature of a model in eager Python.

    Args:
        model_path: A SavedModel, or a base path with numbered versions.
        signature_name: The signature to call.
        inputs: Input name to value, in its own dtype and shape.
        deadline_s: How long it may take, TensorFlow's import included.

    Returns:
        Output name to value; strings are object arrays of bytes.

    Raises:
        BadInputError: If there is no model at the path.
        RequestError: If eager Python cannot load the model or answer either.
        ServerUnavailableError: If the child could not do its work in time.
    """
    path = find_version(Path(model_path), model_path.name).path
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = signature_name
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_proto(np.asarray(value)))
    response = predict_pb2.PredictResponse.FromString(_exchange(path, request, deadline_s))
    return {name: from_proto(proto) for name, proto in sorted(response.outputs.items())}


def _exchange(path: Path, request: predict_pb2.PredictRequest, deadline_s: float) -> bytes:
    """Hand the child the request, and return the answer that it gives."""
    data = request.SerializeToString()
    deadline = time.monotonic() + deadline_s
    with SupervisedProcess(_CHILD_MODULE, [str(path), str(len(data))]) as child:
        try:
            child.write(data)
            answer = json.loads(child.read_line(deadline))
        except TimeoutError as error:
            raise ServerUnavailableError(
                f"Expected TensorFlow's eager Python to answer within {deadline_s:g} s, found it "
                f"still busy with {path}.{child.last_words()}"
            ) from error
        except (EOFError, BrokenPipeError) as error:
            raise ServerUnavailableError(
                f"Expected TensorFlow's eager Python to answer, found: {child.obituary(_DYING_S)}"
            ) from error
    if "code" in answer:
        raise RequestError(Code(answer["code"]), answer["message"])
    return bytes.fromhex(answer["response"])
