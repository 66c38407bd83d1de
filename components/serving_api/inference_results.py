"""Results of Classify, Regress and MultiInference from what the session answered.

Sources: TF Serving 2.16, servables/tensorflow/classifier.cc, regressor.cc, multi_inference.cc and
util.cc.
"""

from __future__ import annotations

from collections.abc import Mapping

from tfx_parity.protos import (
    DataType,
    classification_pb2,
    inference_pb2,
    model_pb2,
    regression_pb2,
)
from tfx_parity.serving_api.dtypes import Array, data_type
from tfx_parity.serving_api.inference import (
    CLASSES,
    OUTPUTS,
    SCORES,
    InferenceTask,
    serialized_examples,
)
from tfx_parity.serving_api.predict import DEFAULT_SIGNATURE
from tfx_parity.serving_api.status import invalid_argument

_MATRIX = 2


def classification_result(
    task: InferenceTask, outputs: Mapping[str, Array], count: int
) -> classification_pb2.ClassificationResult:
    """Return the result of a classify task.

    Args:
        task: What was asked.
        outputs: Tensor name to value, of each of `task.outputs`.
        count: How many examples were sent.

    Raises:
        ServingError: INVALID_ARGUMENT, if an output has another dtype or shape than [count, k].
    """
    found = {role: outputs[tensor] for role, tensor in task.outputs.items()}
    if CLASSES in found:
        _check_matrix(found[CLASSES], CLASSES, DataType.DT_STRING, count)
    if SCORES in found:
        _check_matrix(found[SCORES], SCORES, DataType.DT_FLOAT, count)
    widths = [array.shape[1] for array in found.values()]
    if len(set(widths)) > 1:
        raise invalid_argument(
            "Tensors class and score should match in dim_size(1). "
            f"Got {found[CLASSES].shape[1]} vs. {found[SCORES].shape[1]}"
        )
    result = classification_pb2.ClassificationResult()
    for row in range(count):
        classifications = result.classifications.add()
        for column in range(widths[0]):
            entry = classifications.classes.add()
            if CLASSES in found:
                # C++ passes bytes on that are not UTF-8; a Python message cannot carry them.
                entry.label = found[CLASSES][row, column].decode("utf-8", "replace")
            if SCORES in found:
                entry.score = float(found[SCORES][row, column])
    return result


def regression_result(
    task: InferenceTask, outputs: Mapping[str, Array], count: int
) -> regression_pb2.RegressionResult:
    """Return the result of a regress task.

    Args:
        task: What was asked.
        outputs: Tensor name to value, of each of `task.outputs`.
        count: How many examples were sent.

    Raises:
        ServingError: INVALID_ARGUMENT, if the output is not float32 of shape [count] or [count, 1].
    """
    array = outputs[task.outputs[OUTPUTS]]
    if not (array.ndim == 1 or (array.ndim == _MATRIX and array.shape[1] == 1)):
        raise invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or "
            f"[batch_size, 1] but got {_shape_text(array)}"
        )
    if array.shape[0] != count:
        raise invalid_argument(
            f"Input batch size did not match output batch size: {count} vs. {array.shape[0]}"
        )
    if data_type(array.dtype) != DataType.DT_FLOAT:
        raise invalid_argument(
            f"Expected output Tensor of DT_FLOAT.  Got: {_type_enum_name(array)}"
        )
    result = regression_pb2.RegressionResult()
    for value in array.reshape(-1).tolist():
        result.regressions.add(value=value)
    return result


def multi_inference_response(
    request: inference_pb2.MultiInferenceRequest,
    tasks: tuple[InferenceTask, ...],
    outputs: Mapping[str, Array],
    version: int,
) -> inference_pb2.MultiInferenceResponse:
    """Return the results of all tasks, in the request's order.

    Args:
        request: The request that `tasks` was planned from.
        tasks: What was asked.
        outputs: Tensor name to value, of every task's outputs.
        version: The version of the model that answers.

    Raises:
        ServingError: INVALID_ARGUMENT, by the first output that does not fit.
    """
    count = len(serialized_examples(request.input))
    response = inference_pb2.MultiInferenceResponse()
    for asked, task in zip(request.tasks, tasks, strict=True):
        result = response.results.add()
        result.model_spec.CopyFrom(
            answering_model_spec(asked.model_spec.name, task.signature_name, version)
        )
        if task.kind == "classify":
            result.classification_result.CopyFrom(classification_result(task, outputs, count))
        else:
            result.regression_result.CopyFrom(regression_result(task, outputs, count))
    return response


def answering_model_spec(model_name: str, signature_name: str, version: int) -> model_pb2.ModelSpec:
    """Return the ModelSpec of an answer (util.cc, MakeModelSpec)."""
    spec = model_pb2.ModelSpec(name=model_name, signature_name=signature_name or DEFAULT_SIGNATURE)
    spec.version.value = version
    return spec


def _check_matrix(array: Array, role: str, expected_type: int, count: int) -> None:
    if array.ndim != _MATRIX:
        raise invalid_argument(
            f"Expected Tensor shape: [batch_size num_classes] but got {_shape_text(array)}"
        )
    if data_type(array.dtype) != expected_type:
        raise invalid_argument(
            f"Expected {role} Tensor of {DataType.Name(expected_type)}. "
            f"Got: {_type_enum_name(array)}"
        )
    if array.shape[0] != count:
        raise invalid_argument(
            f"Expected {role} output batch size of {count}. Got: {array.shape[0]}"
        )


def _type_enum_name(array: Array) -> str:
    return str(DataType.Name(data_type(array.dtype)))


def _shape_text(array: Array) -> str:
    return f"[{','.join(map(str, array.shape))}]"
