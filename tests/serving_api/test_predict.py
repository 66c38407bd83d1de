"""gRPC PredictRequests: every refusal of TF Serving, and the plan."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfx_parity.protos import DataType, MetaGraphDef, SignatureDef, TensorProto, predict_pb2
from tfx_parity.serving_api.predict import PredictPlan, plan_predict
from tfx_parity.serving_api.status import Code, ServingError

INVALID = Code.INVALID_ARGUMENT
FLOAT = TensorProto(dtype=DataType.DT_FLOAT, float_val=[1])


@pytest.fixture
def signature(signature_of: Callable[..., SignatureDef]) -> SignatureDef:
    """Return a signature of two inputs and two outputs."""
    result = signature_of(x=DataType.DT_FLOAT, n=DataType.DT_INT64)
    for alias in ("y", "p"):
        result.outputs[alias].name = f"StatefulPartitionedCall:{alias}"
    return result


def request(*aliases: str, name: str = "", outputs: tuple[str, ...] = ()) -> object:
    result = predict_pb2.PredictRequest(output_filter=outputs)
    result.model_spec.name = "m"
    result.model_spec.signature_name = name
    for alias in aliases:
        result.inputs[alias].CopyFrom(FLOAT)
    return result


def test_a_request_is_planned(signature: SignatureDef) -> None:
    """Inputs are fed by tensor name, all outputs fetched in alphabetical order."""
    expected = PredictPlan(
        "serving_default",
        {"serving_default_n:0": FLOAT, "serving_default_x:0": FLOAT},
        {"p": "StatefulPartitionedCall:p", "y": "StatefulPartitionedCall:y"},
    )

    plan = plan_predict(request("x", "n"), {"serving_default": signature})

    assert (expected, list(expected.fetches)) == (plan, list(plan.fetches))


def test_outputs_can_be_chosen_and_a_proto_map_be_given(signature: SignatureDef) -> None:
    """The filter's order is kept, and a look-up adds no signature to the model's map."""
    graph = MetaGraphDef()
    graph.signature_def["s"].CopyFrom(signature)

    plan = plan_predict(request("x", "n", name="s", outputs=("y", "p")), graph.signature_def)
    with pytest.raises(ServingError):
        plan_predict(request(name="t"), graph.signature_def)

    expected = (["y", "p"], ["s"])
    assert expected == (list(plan.fetches), list(graph.signature_def))


def test_defaults_of_the_signature_stand_in(signature: SignatureDef) -> None:
    """An input with a default may be left out, over gRPC."""
    signature.defaults["n"].CopyFrom(TensorProto(dtype=DataType.DT_INT64, int64_val=[7]))

    plan = plan_predict(request("x"), {"serving_default": signature})

    assert signature.defaults["n"] == plan.feeds["serving_default_n:0"]


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        (predict_pb2.PredictRequest(), INVALID, "Missing ModelSpec"),
        (
            request("x", name="t"),
            Code.FAILED_PRECONDITION,
            'Serving signature key "t" not found.',
        ),
        (
            request("x"),
            INVALID,
            "input size does not match signature: 1!=2 len({x}) != len({n,x}). "
            "Sent extra: {}. Missing but required: {n}.",
        ),
        (
            request("x", "q", "r"),
            INVALID,
            "input size does not match signature: 3!=2 len({q,r,x}) != len({n,x}). "
            "Sent extra: {q,r}. Missing but required: {n}.",
        ),
        (
            request("x", "q"),
            INVALID,
            "Signature input alias: n(feed name: serving_default_n:0) not found in request and no "
            "default value provided. Inputs expected to be in the request {q,x}, or default input "
            "alias set: ",
        ),
        (
            request("x", "n", outputs=("q",)),
            INVALID,
            "output tensor alias not found in signature: q Outputs expected to be in the set "
            "{p,y}.",
        ),
        (
            request("x", "n", outputs=("y", "y")),
            INVALID,
            "duplicate output tensor alias: y",
        ),
    ],
)
def test_refusals(signature: SignatureDef, asked: object, code: Code, message: str) -> None:
    """Each with TF Serving's code and text."""
    with pytest.raises(ServingError) as error:
        plan_predict(asked, {"serving_default": signature})

    assert (code, message) == (error.value.code, error.value.message)


def test_an_input_that_is_no_tensor_is_named(signature: SignatureDef) -> None:
    """The proto is parsed before the session sees it."""
    asked = request("x", "n")
    asked.inputs["n"].tensor_content = b"123"

    with pytest.raises(ServingError, match=r"tensor parsing error: n$"):
        plan_predict(asked, {"serving_default": signature})


def test_unknown_names_are_told_where_defaults_hide_the_count(signature: SignatureDef) -> None:
    """With defaults the count may match and a name still be wrong."""
    signature.defaults["n"].CopyFrom(FLOAT)
    message = "Inputs contains invalid name. Used request inputs: x, request input: q,x"

    with pytest.raises(ServingError) as error:
        plan_predict(request("x", "q"), {"serving_default": signature})

    assert message == error.value.message
