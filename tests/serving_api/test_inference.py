"""Classify, Regress and MultiInference, over gRPC's messages and as REST JSON."""

from __future__ import annotations

import numpy as np
import pytest

from tfx_parity.protos import (
    DataType,
    Example,
    SignatureDef,
    classification_pb2,
    inference_pb2,
    input_pb2,
    regression_pb2,
)
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.inference import (
    CLASSIFY_METHOD,
    REGRESS_METHOD,
    InferenceTask,
    plan_classify,
    plan_multi_inference,
    plan_regress,
    serialized_examples,
)
from tfx_parity.serving_api.inference_results import (
    classification_result,
    multi_inference_response,
    regression_result,
)
from tfx_parity.serving_api.rest_inference import (
    format_classification,
    format_regression,
    parse_inference,
)
from tfx_parity.serving_api.status import Code, ServingError

INVALID = Code.INVALID_ARGUMENT
CLASSIFY = InferenceTask("classify", "c", "in:0", {"classes": "k:0", "scores": "s:0"})
REGRESS = InferenceTask("regress", "r", "in:0", {"outputs": "o:0"})
LABELS = np.array([[b"car", b"bike"], [b"car", b"bike"]], object)
SCORES = np.array([[0.2, 0.7], [0.7, 1]], np.float32)


def signature(inputs: tuple[str, ...], outputs: dict[str, str]) -> SignatureDef:
    result = SignatureDef()
    for alias in inputs:
        result.inputs[alias].name = "in:0"
        result.inputs[alias].dtype = DataType.DT_STRING
    for alias, tensor in outputs.items():
        result.outputs[alias].name = tensor
    return result


SIGNATURES = {
    "c": signature(("inputs",), {"classes": "k:0", "scores": "s:0"}),
    "r": signature(("inputs",), {"outputs": "o:0"}),
    "two inputs": signature(("inputs", "b"), {"outputs": "o:0"}),
    "three outputs": signature(("inputs",), {"classes": "k:0", "scores": "s:0", "c": "c:0"}),
    "other input": signature(("examples",), {"outputs": "o:0"}),
    "other output": signature(("inputs",), {"y": "y:0"}),
}


def example(**features: float | int | bytes) -> Example:
    result = Example()
    for name, value in features.items():
        kind = {float: "float_list", int: "int64_list", bytes: "bytes_list"}[type(value)]
        getattr(result.features.feature[name], kind).value.append(value)
    return result


def classify_request(name: str) -> classification_pb2.ClassificationRequest:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "m"
    request.model_spec.signature_name = name
    return request


def regress_request(name: str) -> regression_pb2.RegressionRequest:
    request = regression_pb2.RegressionRequest()
    request.model_spec.CopyFrom(classify_request(name).model_spec)
    return request


def test_examples_are_serialized_each_for_itself() -> None:
    """One element of the string vector is one example."""
    examples = [example(a=1.0), example(a=2.0, b=b"x")]
    given = input_pb2.Input(example_list={"examples": examples})

    assert examples == [Example.FromString(item) for item in serialized_examples(given)]


def test_a_context_is_merged_under_each_example() -> None:
    """Features of the example win over those of the context."""
    given = input_pb2.Input()
    given.example_list_with_context.context.CopyFrom(example(q=b"pizza", a=0.0))
    given.example_list_with_context.examples.append(example(a=1.0))

    (merged,) = serialized_examples(given)

    # The last of two entries of one map wins: TF Serving concatenates, and TensorFlow parses.
    last = example(a=1.0).SerializeToString()
    assert merged.endswith(last)
    assert example(q=b"pizza", a=0.0) == Example.FromString(merged.removesuffix(last))


@pytest.mark.parametrize("kind", ["", "example_list", "example_list_with_context"])
def test_no_examples_are_refused(kind: str) -> None:
    """An input without examples is empty, whatever its kind."""
    given = input_pb2.Input()
    if kind:
        getattr(given, kind).SetInParent()

    with pytest.raises(ServingError, match=r"^INVALID_ARGUMENT: Input is empty\.$"):
        serialized_examples(given)


def test_requests_are_planned() -> None:
    """Outputs are found by TensorFlow's reserved names; the method's name is not looked at."""
    tasks = (
        plan_classify(classify_request("c"), SIGNATURES),
        plan_regress(regress_request("r"), SIGNATURES),
    )

    expected = (CLASSIFY, REGRESS)
    assert expected == tasks


@pytest.mark.parametrize(
    ("plan", "request_of", "name", "code", "message"),
    [
        (plan_classify, classify_request, "x", INVALID, "No signature was found with the name: x"),
        (
            plan_classify,
            classify_request,
            "",
            INVALID,
            "No signature was found with the name: serv",
        ),
        (plan_classify, classify_request, "two inputs", INVALID, "Expected one input Tensor."),
        (
            plan_classify,
            classify_request,
            "three outputs",
            INVALID,
            "Expected one or two output Tensors, found 3",
        ),
        (
            plan_classify,
            classify_request,
            "other input",
            Code.FAILED_PRECONDITION,
            "No classification inputs found in SignatureDef: inputs {",
        ),
        (
            plan_classify,
            classify_request,
            "other output",
            Code.FAILED_PRECONDITION,
            'Expected classification signature outputs to contain at least one of "classes" or ',
        ),
        (plan_regress, regress_request, "c", INVALID, "Expected one output Tensor."),
        (plan_regress, regress_request, "two inputs", INVALID, "Expected one input Tensor."),
        (
            plan_regress,
            regress_request,
            "other input",
            Code.FAILED_PRECONDITION,
            "No regression inputs found in SignatureDef: inputs {",
        ),
        (
            plan_regress,
            regress_request,
            "other output",
            Code.FAILED_PRECONDITION,
            "No regression outputs found in SignatureDef: inputs {",
        ),
    ],
)
def test_signatures_of_another_kind_are_refused(
    plan: object, request_of: object, name: str, code: Code, message: str
) -> None:
    """Each with TF Serving's code and text."""
    with pytest.raises(ServingError) as error:
        plan(request_of(name), SIGNATURES)

    assert code == error.value.code
    assert error.value.message.startswith(message)


def test_a_model_spec_is_needed() -> None:
    """The first check of all."""
    with pytest.raises(ServingError, match=r"Missing ModelSpec$"):
        plan_classify(classification_pb2.ClassificationRequest(), SIGNATURES)


def test_a_classification_pairs_labels_and_scores() -> None:
    """Row by row, class by class."""
    outputs = {"k:0": LABELS, "s:0": SCORES}

    result = classification_result(CLASSIFY, outputs, 2)

    text = (
        '{\n    "results": [[["car", 0.2], ["bike", 0.7]], [["car", 0.7], ["bike", 1.0]]\n    ]\n}'
    )
    assert text.encode() == format_classification(result)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (
            {"k:0": LABELS[0], "s:0": SCORES},
            "Expected Tensor shape: [batch_size num_classes] but got [2]",
        ),
        (
            {"k:0": SCORES, "s:0": SCORES},
            "Expected classes Tensor of DT_STRING. Got: DT_FLOAT",
        ),
        (
            {"k:0": LABELS, "s:0": SCORES.astype(np.float64)},
            "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE",
        ),
        (
            {"k:0": LABELS, "s:0": SCORES[:1]},
            "Expected scores output batch size of 2. Got: 1",
        ),
        (
            {"k:0": LABELS, "s:0": SCORES[:, :1]},
            "Tensors class and score should match in dim_size(1). Got 2 vs. 1",
        ),
    ],
)
def test_outputs_that_are_no_classification_are_refused(outputs: dict, message: str) -> None:
    """Types and shapes are checked after the session ran."""
    with pytest.raises(ServingError) as error:
        classification_result(CLASSIFY, outputs, 2)

    assert (INVALID, message) == (error.value.code, error.value.message)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_a_regression_is_a_value_an_example(shape: tuple[int, ...]) -> None:
    """A vector, or a matrix of one column."""
    values = np.array([0.2, np.inf, 1], np.float32).reshape(shape)

    result = regression_result(REGRESS, {"o:0": values}, 3)

    expected = b'{\n    "results": [0.2, Infinity, 1.0]\n}'
    assert expected == format_regression(result)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.zeros((3, 2), np.float32),
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            "but got [3,2]",
        ),
        (
            np.zeros(2, np.float32),
            "Input batch size did not match output batch size: 3 vs. 2",
        ),
        (np.zeros(3), "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE"),
    ],
)
def test_outputs_that_are_no_regression_are_refused(values: np.ndarray, message: str) -> None:
    """Types and shapes are checked after the session ran."""
    with pytest.raises(ServingError) as error:
        regression_result(REGRESS, {"o:0": values}, 3)

    assert (INVALID, message) == (error.value.code, error.value.message)


def multi_request(*tasks: tuple[str, str, str]) -> inference_pb2.MultiInferenceRequest:
    request = inference_pb2.MultiInferenceRequest()
    for model, name, method in tasks:
        task = request.tasks.add(method_name=method)
        task.model_spec.name = model
        task.model_spec.signature_name = name
    request.input.example_list.examples.extend([example(a=1.0), example(a=2.0)])
    return request


def test_many_tasks_are_answered_from_one_run() -> None:
    """Each result names its signature and the version."""
    request = multi_request(("m", "c", CLASSIFY_METHOD), ("m", "r", REGRESS_METHOD))
    outputs = {"k:0": LABELS, "s:0": SCORES, "o:0": np.ones(2, np.float32)}

    tasks = plan_multi_inference(request, SIGNATURES)
    response = multi_inference_response(request, tasks, outputs, 4)

    expected = [(CLASSIFY, "m", "c", 4), (REGRESS, "m", "r", 4)]
    specs = [item.model_spec for item in response.results]
    assert expected == [
        (task, spec.name, spec.signature_name, spec.version.value)
        for task, spec in zip(tasks, specs, strict=True)
    ]
    assert classification_result(CLASSIFY, outputs, 2) == response.results[0].classification_result
    assert regression_result(REGRESS, outputs, 2) == response.results[1].regression_result


@pytest.mark.parametrize(
    ("tasks", "code", "message"),
    [
        ([("", "c", CLASSIFY_METHOD)], INVALID, "Found ModelSpec with an empty model name."),
        (
            [("m", "c", CLASSIFY_METHOD), ("n", "r", REGRESS_METHOD)],
            INVALID,
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            [("m", "c", CLASSIFY_METHOD), ("m", "c", CLASSIFY_METHOD)],
            INVALID,
            "Duplicate evaluation of signature: c",
        ),
        (
            [("m", "", CLASSIFY_METHOD)],
            INVALID,
            "Requested signature not found in model graph: serving_default",
        ),
        (
            [("m", "c", "tensorflow/serving/predict")],
            Code.UNIMPLEMENTED,
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
    ],
)
def test_tasks_that_do_not_fit_are_refused(
    tasks: list[tuple[str, str, str]], code: Code, message: str
) -> None:
    """Each with TF Serving's code and text."""
    with pytest.raises(ServingError) as error:
        plan_multi_inference(multi_request(*tasks), SIGNATURES)

    assert (code, message) == (error.value.code, error.value.message)


@pytest.mark.parametrize("generation", Generation)
def test_json_tokens_decide_the_kind_of_a_feature(generation: Generation) -> None:
    """1.0 is a float, 1 and true int64, strings and b64 bytes; the last of two keys stays."""
    body = (
        b'{"signature_name": "c", "context": {"q": "pizza"}, "examples": [{"f": [8.0, NaN, 1e39],'
        b' "i": [20, true, false], "b": ["x\xff", {"b64": "aGk="}], "e": [], "i": 7}]}'
    )
    expected = example(i=7)
    expected.features.feature["f"].float_list.value.extend([8.0, np.nan, np.inf])
    expected.features.feature["b"].bytes_list.value.extend([b"x\xff", b"hi"])
    expected.features.feature["e"].SetInParent()

    call = parse_inference(body, generation)

    given = call.examples.example_list_with_context
    assert ("c", example(q=b"pizza")) == (call.signature_name, given.context)
    (got,) = given.examples
    assert str(expected) == str(got)


def test_an_empty_name_is_the_default_signature() -> None:
    """As everywhere in TF Serving."""
    call = parse_inference(b'{"signature_name": "", "examples": [{}]}', Generation.V2_16)

    expected = ("serving_default", [Example()])
    assert expected == (call.signature_name, list(call.examples.example_list.examples))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "JSON Value: [] Is not object"),
        (
            b"{}",
            "JSON Value: {} When method is classify, key 'examples' is expected and was not found",
        ),
        (
            b'{"examples": 1}',
            "JSON Value: {\n    \"examples\": 1\n} Expecting 'examples' value to be an list/array",
        ),
        (
            b'{"examples": []}',
            "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array",
        ),
        (b'{"examples": [[1]]}', "Example must be JSON object but got JSON Array"),
        (b'{"context": 1}', "Example must be JSON object but got JSON Number"),
        (
            b'{"examples": [{"n": [10, null]}]}',
            "Feature: n has element with unexpected JSON type: Null",
        ),
        (
            b'{"examples": [{"n": [[10]]}]}',
            "Feature: n has element with unexpected JSON type: Array",
        ),
        (
            b'{"examples": [{"n": {"b64": 1}}]}',
            "Feature: n has element with unexpected JSON type: Object",
        ),
        (
            b'{"examples": [{"n": [10, 10.0]}]}',
            "Unexpected element type in feature: n expecting type: int64",
        ),
        (
            b'{"examples": [{"n": ["a", 1]}]}',
            "Unexpected element type in feature: n expecting type: bytes",
        ),
        (
            b'{"examples": [{"n": [20, 18446744073709551603]}]}',
            "Feature: n has uint64 element. Only int64 is supported.",
        ),
        (b'{"examples": [{"n": {"b64": "!"}}]}', "Unable to base64 decode"),
    ],
)
def test_bodies_that_are_no_examples_are_refused(body: bytes, message: str) -> None:
    """Each with TF Serving's text."""
    with pytest.raises(ServingError) as error:
        parse_inference(body, Generation.V2_16)

    assert (INVALID, message) == (error.value.code, error.value.message)


def test_empty_results_are_refused() -> None:
    """JSON of nothing is an error of TF Serving's own."""
    with pytest.raises(ServingError, match="empty ClassificationResults to JSON"):
        format_classification(classification_pb2.ClassificationResult())
    with pytest.raises(ServingError, match="empty RegressionResults to JSON"):
        format_regression(regression_pb2.RegressionResult())
