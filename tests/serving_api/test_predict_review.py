"""The review of PredictRequests, TensorProtos and tf.Examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.protos import DataType, Example, SignatureDef, TensorProto, predict_pb2
from tfx_parity.serving_api.dtypes import value_field
from tfx_parity.serving_api.example_parsing import (
    ParsedFeature,
    example_refusals,
    parse_example,
)
from tfx_parity.serving_api.predict import plan_predict
from tfx_parity.serving_api.predict_review import review_request
from tfx_parity.serving_api.review import Review
from tfx_parity.serving_api.status import ServingError
from tfx_parity.serving_api.tensor_changes import tensor_changes
from tfx_parity.serving_api.tensors import from_proto, to_proto


@pytest.fixture(scope="module")
def signatures() -> dict[str, SignatureDef]:
    """Return one signature with a float and an int8 input, and the output y."""
    made = SignatureDef()
    for alias, kind, name in (("x", DataType.DT_FLOAT, "b:0"), ("n", DataType.DT_INT8, "a:0")):
        made.inputs[alias].dtype = kind
        made.inputs[alias].name = name
    made.outputs["y"].name = "y:0"
    return {"serving_default": made}


def request_of(**inputs: TensorProto) -> predict_pb2.PredictRequest:
    made = predict_pb2.PredictRequest()
    made.model_spec.name = "m"
    for alias, proto in inputs.items():
        made.inputs[alias].CopyFrom(proto)
    return made


def found(review: Review) -> list[tuple[str, str]]:
    faults = [*review.refusals, *review.changes]
    return [(f.reason.value, "/".join(map(str, f.path))) for f in faults]


def test_a_good_request_has_no_fault(signatures: dict) -> None:
    """What the model takes as it is gets an empty review."""
    request = request_of(x=to_proto(np.float32([1, 2])), n=to_proto(np.int8([1, 2])))

    review = review_request(request, signatures)

    assert [] == found(review)
    assert ["n", "x"] == [tensor.alias for tensor in review.tensors]


def test_all_faults_of_a_request_are_told(signatures: dict) -> None:
    """A double for a float, a missing and an unknown input, and an unknown output."""
    request = request_of(x=to_proto(np.float64([1])), q=to_proto(np.int8([1])))
    request.output_filter.append("z")

    review = review_request(request, signatures)

    assert found(review) == [
        ("MISSING_INPUT", "inputs"),
        ("UNKNOWN_NAME", "inputs/q"),
        ("WRONG_TYPE", "inputs/x/dtype"),
        ("UNKNOWN_NAME", "output_filter"),
    ]
    assert "Expects arg[1] to be float but double is provided" == review.refusals[2].error.message


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"dtype": 1, "float_val": [1.0, 2.0]}, []),
        ({"dtype": 1, "float_val": [1.0]}, ["REPEATED"]),
        ({"dtype": 1, "float_val": [1.0, 2.0, 3.0]}, ["CUT"]),
        ({"dtype": 1, "int64_val": [1, 2]}, ["ZERO_FILLED"]),
        ({"dtype": 1, "tensor_content": b"\0" * 8}, []),
        ({"dtype": 6, "int_val": [300, -128]}, ["WRAPPED"]),
        ({"dtype": 4, "int_val": [-1, 255]}, ["WRAPPED"]),
        ({"dtype": 3, "int_val": [300, -1]}, []),
        ({"dtype": 8, "scomplex_val": [1.0, 2.0]}, ["REPEATED"]),
        ({"dtype": 7}, ["ZERO_FILLED"]),
    ],
)
def test_a_tensor_that_is_filled_cut_or_wrapped_is_changed(
    fields: dict, expected: list[str]
) -> None:
    """Each way in which TensorFlow makes other values of a TensorProto is told."""
    proto = TensorProto(**fields)
    proto.tensor_shape.dim.add(size=2)

    assert expected == [c.reason.value for c in tensor_changes(proto, (), "x")]


@given(
    st.sampled_from([DataType.DT_FLOAT, DataType.DT_INT8, DataType.DT_UINT16, DataType.DT_INT64]),
    st.lists(st.integers(-(2**17), 2**17), max_size=4),
    st.integers(0, 4),
)
def test_no_change_is_told_where_the_listed_values_arrive(
    data_type: int, values: list[int], size: int
) -> None:
    """Without a change the tensor holds the very values of the list, and only then."""
    proto = TensorProto(dtype=data_type)
    getattr(proto, value_field(data_type)).extend(values)
    proto.tensor_shape.dim.add(size=size)
    expected = size == 0 or values == from_proto(proto).astype(np.int64).tolist()

    assert expected == (not list(tensor_changes(proto, (), "x")))


@given(
    st.sets(st.sampled_from(["x", "n", "q"])),
    st.sampled_from([(), ("y",), ("y", "y"), ("z",)]),
    st.booleans(),
)
def test_the_first_refusal_is_the_servers_answer(
    signatures: dict, aliases: set[str], outputs: tuple[str, ...], spec: bool
) -> None:
    """Whatever is wrong with names, the review starts with what the server says."""
    request = request_of(**dict.fromkeys(aliases, to_proto(np.float32([1]))))
    request.output_filter.extend(outputs)
    if not spec:
        request.ClearField("model_spec")
    expected = None
    try:
        plan_predict(request, signatures)
    except ServingError as error:
        expected = str(error)
    review = review_request(request, signatures)
    told = [str(r.error) for r in review.refusals if r.reason.value != "WRONG_TYPE"]

    assert ([expected] if expected else []) == told[:1]


FEATURES = (
    ParsedFeature("c", int(DataType.DT_STRING), (), True),
    ParsedFeature("x", int(DataType.DT_FLOAT), (1,), False),
    ParsedFeature("t", int(DataType.DT_STRING), None, False),
    ParsedFeature("v", int(DataType.DT_INT64), (None, 2), False),
)


def test_examples_are_refused_as_the_parsing_op_refuses_them() -> None:
    """Every fault of an example is told in the op's words."""
    example = Example()
    example.features.feature["c"].SetInParent()
    example.features.feature["x"].float_list.value.extend([1, 2])
    example.features.feature["t"].int64_list.value.append(1)
    example.features.feature["v"].int64_list.value.extend([1, 2, 3])
    example.features.feature["other"].int64_list.value.append(1)

    told = {f.feature: f.error.message for f in example_refusals(example, 1, FEATURES)}

    assert told == {
        "c": "Name: <unknown>, Feature: c (data type: string) is required but could not be found.",
        "x": "Name: <unknown>, Key: x, Index: 1.  Number of float values != expected.  "
        "Values size: 2 but output shape: [1]",
        "t": "Name: <unknown>, Key: t, Index: 1.  Data types don't match. "
        "Expected type: string, Actual type: int64",
        "v": "Name: <unknown>, Key: v, Index: 1.  "
        "Number of int64 values is not a multiple of stride length.",
    }


def test_bytes_that_are_no_example_are_refused() -> None:
    """What does not parse gets the op's words."""
    error = parse_example(b"x")

    assert isinstance(error, ServingError)
    assert "Could not parse example input, value: 'x'" == error.message
