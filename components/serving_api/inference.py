"""Classify, Regress and MultiInference: their checks and what they ask of the session.

Sources: TF Serving 2.16, servables/tensorflow/classifier.cc, regressor.cc, multi_inference.cc and
util.cc. Method names of signatures are not compared: tensorflow_model_server leaves
--enable_signature_method_name_check off, so that models of TensorFlow 2 can classify.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tfx_parity.protos import (
    SignatureDef,
    classification_pb2,
    inference_pb2,
    input_pb2,
    regression_pb2,
)
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.predict import DEFAULT_SIGNATURE
from tfx_parity.serving_api.status import Code, ServingError, invalid_argument

CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"
_INPUTS = "inputs"
CLASSES = "classes"
SCORES = "scores"
OUTPUTS = "outputs"


@dataclass(frozen=True)
class InferenceTask:
    """One signature to run on serialized tf.Examples.

    Attributes:
        kind: Which of the two ways to read the outputs.
        signature_name: The signature, never empty.
        input_tensor: The tensor that takes the examples, a string vector.
        outputs: Role ("classes", "scores"; "outputs") to tensor name.
    """

    kind: Literal["classify", "regress"]
    signature_name: str
    input_tensor: str
    outputs: dict[str, str]


def plan_classify(
    request: classification_pb2.ClassificationRequest, signature_defs: Mapping[str, SignatureDef]
) -> InferenceTask:
    """Return what a ClassificationRequest asks of the session.

    Raises:
        ServingError: With TF Serving's code and text, by the first fault.
    """
    name, signature = _requested_signature(request, signature_defs)
    return _classify_task(name, signature)


def plan_regress(
    request: regression_pb2.RegressionRequest, signature_defs: Mapping[str, SignatureDef]
) -> InferenceTask:
    """Return what a RegressionRequest asks of the session.

    Raises:
        ServingError: With TF Serving's code and text, by the first fault.
    """
    name, signature = _requested_signature(request, signature_defs)
    return _regress_task(name, signature)


def plan_multi_inference(
    request: inference_pb2.MultiInferenceRequest, signature_defs: Mapping[str, SignatureDef]
) -> tuple[InferenceTask, ...]:
    """Return what a MultiInferenceRequest asks of the session: one run that feeds every task.

    Raises:
        ServingError: With TF Serving's code and text, by the first fault.
    """
    tasks: list[InferenceTask] = []
    model_name = ""
    for task in request.tasks:
        if not task.model_spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if model_name not in ("", task.model_spec.name):
            raise invalid_argument(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        model_name = task.model_spec.name
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if any(name == earlier.signature_name for earlier in tasks):
            raise invalid_argument(f"Duplicate evaluation of signature: {name}")
        if name not in signature_defs:
            raise invalid_argument(f"Requested signature not found in model graph: {name}")
        if task.method_name == CLASSIFY_METHOD:
            tasks.append(_classify_task(name, signature_defs[name]))
        elif task.method_name == REGRESS_METHOD:
            tasks.append(_regress_task(name, signature_defs[name]))
        else:
            raise ServingError(
                Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}"
            )
    return tuple(tasks)


def serialized_examples(examples: input_pb2.Input) -> Array:
    """Return the string vector that an Input becomes: one serialized tf.Example an element.

    A context is put before each example as bytes, which merges the two messages; where both have a
    feature, the example's wins.

    Raises:
        ServingError: INVALID_ARGUMENT "Input is empty.".
    """
    context = b""
    found = examples.example_list.examples
    if examples.WhichOneof("kind") == "example_list_with_context":
        with_context = examples.example_list_with_context
        context = with_context.context.SerializeToString(deterministic=True)
        found = with_context.examples
    if not found:
        raise invalid_argument("Input is empty.")
    vector = np.empty(len(found), object)
    vector[:] = [context + example.SerializeToString(deterministic=True) for example in found]
    return vector


def _requested_signature(
    request: classification_pb2.ClassificationRequest | regression_pb2.RegressionRequest,
    signature_defs: Mapping[str, SignatureDef],
) -> tuple[str, SignatureDef]:
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    if name not in signature_defs:
        raise invalid_argument(f"No signature was found with the name: {name}")
    return name, signature_defs[name]


def _classify_task(name: str, signature: SignatureDef) -> InferenceTask:
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise invalid_argument(
            f"Expected one or two output Tensors, found {len(signature.outputs)}"
        )
    input_tensor = _examples_tensor("classification", signature)
    outputs = {
        role: signature.outputs[role].name
        for role in (CLASSES, SCORES)
        if role in signature.outputs
    }
    if not outputs:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            "Expected classification signature outputs to contain at least one of "
            f'"{CLASSES}" or "{SCORES}". Signature was: {signature}',
        )
    return InferenceTask("classify", name, input_tensor, outputs)


def _regress_task(name: str, signature: SignatureDef) -> InferenceTask:
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    input_tensor = _examples_tensor("regression", signature)
    if OUTPUTS not in signature.outputs:
        raise ServingError(
            Code.FAILED_PRECONDITION, f"No regression outputs found in SignatureDef: {signature}"
        )
    return InferenceTask("regress", name, input_tensor, {OUTPUTS: signature.outputs[OUTPUTS].name})


def _examples_tensor(noun: str, signature: SignatureDef) -> str:
    if _INPUTS not in signature.inputs:
        raise ServingError(
            Code.FAILED_PRECONDITION, f"No {noun} inputs found in SignatureDef: {signature}"
        )
    return str(signature.inputs[_INPUTS].name)
