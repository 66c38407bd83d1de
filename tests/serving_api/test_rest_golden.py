"""Replays recorded answers of TF Serving 2.16.1 and of a newer head."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from google.protobuf import text_format

from tfx_parity.protos import SignatureDef, TensorProto
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.predict import check_input_count
from tfx_parity.serving_api.rest_document import read_object
from tfx_parity.serving_api.rest_request import (
    parse_predict,
    read_inputs,
    read_instances,
)
from tfx_parity.serving_api.rest_response import format_error, format_predict
from tfx_parity.serving_api.status import ServingError, http_status
from tfx_parity.serving_api.tensors import from_proto

# Pure functions take these bodies as TF Serving's front did; the refusal came out of the graph.
GRAPH_REFUSALS = re.compile(
    r"In\[0\] ndims must be >= 2|"  # MatMul of a vector or a scalar x
    r"Matrix size-incompatible|"  # MatMul of an x whose width is not 4
    r"Incompatible shapes"  # AddV2 of n and the product
)
# The outputs a and b of one answer, told in the order of a hash map.
BATCH_SIZES_IN_ANY_ORDER = (
    "Tensor name: a has inconsistent batch size: 2 expecting: 4",
    "Tensor name: b has inconsistent batch size: 4 expecting: 2",
)
GENERATIONS = [
    pytest.param(Generation.V2_16, "v2.16.1", id="2.16.1"),
    pytest.param(Generation.V2_18, "head", id="head"),
]
OK = 200


def recorded(entry: dict, key: str) -> dict:
    return entry.get(key) or entry["v2.16.1"]


def proto_arrays(tensors: list[str]) -> dict[str, np.ndarray]:
    pairs = (text.split("=", 1) for text in tensors)
    return {name: from_proto(text_format.Parse(text, TensorProto())) for name, text in pairs}


def same_bits(expected: np.ndarray, got: np.ndarray) -> bool:
    if expected.dtype != got.dtype or expected.shape != got.shape:
        return False
    if expected.dtype == object:
        return expected.tolist() == got.tolist()
    return expected.tobytes() == got.tobytes()


def refusals_in_any_order(
    body: bytes, signature: SignatureDef, generation: Generation
) -> set[tuple[int, str]]:
    """Return what is answered for each order in which a hash map could hold the inputs."""
    document = read_object(body, generation)
    columns = document.first(b"inputs")
    value = columns or document.first(b"instances")
    read = read_inputs if columns else read_instances
    answers = set()
    for order in itertools.permutations(signature.inputs):
        data_types = {alias: signature.inputs[alias].dtype for alias in order}
        try:
            check_input_count(read(value[0], data_types, generation), signature)
        except ServingError as error:
            answers.add((http_status(error.code), error.message))
    return answers


@pytest.mark.thorough
@pytest.mark.parametrize(("generation", "key"), GENERATIONS)
def test_every_body_becomes_the_recorded_tensors_or_refusal(
    golden: list[dict],
    models: Mapping[str, Mapping[str, SignatureDef]],
    generation: Generation,
    key: str,
) -> None:
    """Statuses, error texts and tensors are those of TF Serving, for every recorded body."""
    compared = 0
    order_dependent = 0
    for entry in golden:
        expected = recorded(entry, key)
        body = entry["body"].encode("utf-8")
        try:
            call = parse_predict(body, models[entry["model"]], generation)
        except ServingError as error:
            wanted = (expected["http"], expected["resp"].get("error"))
            got = (http_status(error.code), error.message)
            if wanted != got:
                signature = models["sm_multi"]["serving_default"]
                assert entry["model"] == "sm_multi", (entry["body"], wanted, got)
                order_dependent += 1
                assert wanted in refusals_in_any_order(body, signature, generation), entry
        else:
            tensors = proto_arrays(expected["tensors"])
            assert sorted(tensors) == sorted(call.inputs), entry["body"]
            for alias, tensor in tensors.items():
                assert same_bits(tensor, call.inputs[alias]), (entry["body"], alias)
        compared += 1

    assert len(golden) == compared
    assert order_dependent <= 20


@pytest.mark.thorough
@pytest.mark.parametrize(("generation", "key"), GENERATIONS)
def test_every_answer_is_the_recorded_one(
    golden: list[dict],
    models: Mapping[str, Mapping[str, SignatureDef]],
    run_model: Callable[[str, Mapping[str, np.ndarray]], dict[str, np.ndarray]],
    generation: Generation,
    key: str,
) -> None:
    """Whole responses are TF Serving's, with the models' graphs computed in numpy."""
    seen = {"answers": 0, "refusals": 0, "graph": 0}
    for entry in golden:
        expected = recorded(entry, key)
        try:
            call = parse_predict(entry["body"].encode("utf-8"), models[entry["model"]], generation)
        except ServingError:
            continue  # compared by the test above
        if GRAPH_REFUSALS.match(expected["resp"].get("error", "")):
            seen["graph"] += 1
            continue
        try:
            body = format_predict(run_model(call.signature_name, call.inputs), call.row_format)
            status = OK
        except ServingError as error:
            body = format_error(error.message, generation)
            status = http_status(error.code)
        assert expected["http"] == status, entry["body"]
        if expected["resp"].get("error") in BATCH_SIZES_IN_ANY_ORDER:
            assert json.loads(body)["error"] in BATCH_SIZES_IN_ANY_ORDER
        else:
            assert_same_json(expected["resp"], json.loads(body), entry["body"])
        seen["answers" if status == OK else "refusals"] += 1

    answers = sum(recorded(entry, key)["http"] == OK for entry in golden)
    assert {"answers": answers, "refusals": 1, "graph": 21} == seen


def assert_same_json(expected: object, got: object, body: str) -> None:
    """Compare bit by bit, but for softmax's own rounding."""
    wanted, wanted_probabilities = without_probabilities(expected)
    found, probabilities = without_probabilities(got)
    assert json.dumps(wanted, sort_keys=True) == json.dumps(found, sort_keys=True), body
    np.testing.assert_allclose(probabilities, wanted_probabilities, rtol=1e-5, err_msg=body)


def without_probabilities(answer: object) -> tuple[object, list[float]]:
    """Return an answer without what is called "prob", and that apart, flat."""
    if isinstance(answer, list):
        pairs = [without_probabilities(item) for item in answer]
        return [item for item, _ in pairs], [value for _, values in pairs for value in values]
    if not isinstance(answer, dict):
        return answer, []
    rest = {key: without_probabilities(value) for key, value in answer.items() if key != "prob"}
    found = np.ravel(answer.get("prob", [])).tolist()
    found += [value for _, values in rest.values() for value in values]
    return {key: value for key, (value, _) in rest.items()}, found
