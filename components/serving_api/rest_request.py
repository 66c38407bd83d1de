"""The body of a REST `:predict` request (util/json_tensor.cc, FillPredictRequestFromJson)."""

from __future__ import annotations

from collections.abc import Mapping

from tfx_parity.protos import SignatureDef
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_reader import JsonObject, JsonValue
from tfx_parity.serving_api.json_tensors import TensorFiller, dense_shape, is_base64_object
from tfx_parity.serving_api.predict import PredictCall, check_input_count, input_types
from tfx_parity.serving_api.rest_document import format_error, read_object, signature_name
from tfx_parity.serving_api.rest_fast_path import parse_fast
from tfx_parity.serving_api.rest_rows import RowBatch, member_name
from tfx_parity.serving_api.status import invalid_argument

__all__ = [
    "PredictCall",
    "column_of",
    "columns_by_alias",
    "parse_exactly",
    "parse_predict",
    "read_inputs",
    "read_instances",
    "requested_signature",
    "rows_or_columns",
]


def parse_predict(
    body: bytes, signature_defs: Mapping[str, SignatureDef], generation: Generation
) -> PredictCall:
    """Return the call that TF Serving makes of a `:predict` body.

    Where TF Serving goes through the inputs in the order of a hash map, which differs from process
    to process, here the order is alphabetical: it decides which of two faults is told.

    Raises:
        ServingError: With TF Serving's code and text, by the first fault.
    """
    call = parse_fast(body, signature_defs)
    if call is None:
        call = parse_exactly(body, signature_defs, generation)
    return call


def parse_exactly(
    body: bytes, signature_defs: Mapping[str, SignatureDef], generation: Generation
) -> PredictCall:
    """Do the work of `parse_predict` for any body, value by value."""
    document = read_object(body, generation)
    name = requested_signature(document, signature_defs, generation)
    data_types = input_types(signature_defs[name])
    rows, value = rows_or_columns(document, generation)
    read = read_instances if rows else read_inputs
    arrays = read(value, data_types, generation)
    check_input_count(arrays, signature_defs[name])
    return PredictCall(name, arrays, rows)


def requested_signature(
    document: JsonObject, signature_defs: Mapping[str, SignatureDef], generation: Generation
) -> str:
    """Return the name of the signature that a document asks for.

    Raises:
        ServingError: INVALID_ARGUMENT, if there is no such signature, or it takes no input.
    """
    name = signature_name(document, generation)
    if name not in set(signature_defs):  # a map of messages raises on names that are not UTF-8
        raise invalid_argument(f'Serving signature name: "{name}" not found in signature def')
    if not signature_defs[name].inputs:
        shown = signature_name(document, generation, default="DEFAULT")
        raise invalid_argument(f"Failed to get input map for signature: {shown}")
    return name


def rows_or_columns(document: JsonObject, generation: Generation) -> tuple[bool, JsonValue]:
    """Return whether a document has `instances`, and the value of that key or of `inputs`.

    Raises:
        ServingError: INVALID_ARGUMENT, if it has neither or both, or `instances` is no list.
    """
    instances, inputs = document.first(b"instances"), document.first(b"inputs")
    if instances is not None:
        _check_instances(document, instances[0], generation)
        return True, instances[0]
    if inputs is not None:
        return False, inputs[0]
    raise invalid_argument("Missing 'inputs' or 'instances' key")


def read_instances(
    instances: JsonValue, data_types: Mapping[str, int], generation: Generation
) -> dict[str, Array]:
    """Return the inputs of a non-empty list of instances, batched along a new first dimension.

    Args:
        instances: The value of the key `instances`.
        data_types: Alias to DataType of each input, in the order to go through them.
        generation: The JSON front's generation.

    Raises:
        ServingError: INVALID_ARGUMENT, by the first fault.
    """
    if not isinstance(instances, list) or not instances:
        raise TypeError("Expected a non-empty list of instances.")
    batch = RowBatch(instances, data_types, generation)
    for position, item in enumerate(instances):
        batch.check_form(position, item)
        if isinstance(item, JsonObject) and batch.of_objects:
            for key, value in item.members:
                batch.add_member(position, member_name(key), value)
            batch.check_names(position, item)
        else:
            batch.add_value(position, item)
    return batch.arrays(len(instances))


def read_inputs(
    inputs: JsonValue, data_types: Mapping[str, int], generation: Generation
) -> dict[str, Array]:
    """Return the inputs of the columnar format: each as it is, names that are no inputs ignored.

    Args:
        inputs: The value of the key `inputs`.
        data_types: Alias to DataType of each input, in the order to go through them.
        generation: The JSON front's generation.

    Raises:
        ServingError: INVALID_ARGUMENT or UNIMPLEMENTED, by the first fault.
    """
    members = columns_by_alias(inputs, data_types)
    filled = {}
    for alias, data_type in data_types.items():
        value = column_of(members, alias)
        shape = dense_shape(value)
        filler = TensorFiller(data_type, generation)
        filler.add(value, shape)
        filled[alias] = (filler, shape)
    return {alias: filler.array(alias, shape) for alias, (filler, shape) in filled.items()}


def columns_by_alias(inputs: JsonValue, data_types: Mapping[str, int]) -> JsonObject:
    """Return the object of named columns that `inputs` is, or means.

    Raises:
        ServingError: INVALID_ARGUMENT, if it is a plain value where there are several inputs.
    """
    if isinstance(inputs, JsonObject) and not is_base64_object(inputs):
        return inputs
    if len(data_types) > 1:
        raise invalid_argument(
            "inputs is a plain value/list, but expecting an object as multiple input tensors "
            "required as per tensorinfo_map"
        )
    return JsonObject([(alias.encode("utf-8"), inputs) for alias in data_types])


def column_of(members: JsonObject, alias: str) -> JsonValue:
    """Return the value of a named input of the columnar format.

    Raises:
        ServingError: INVALID_ARGUMENT "Missing named input: ...".
    """
    member = members.first(alias.encode("utf-8"))
    if member is None:
        raise invalid_argument(f"Missing named input: {alias} in 'inputs' object.")
    return member[0]


def _check_instances(document: JsonObject, instances: JsonValue, generation: Generation) -> None:
    if document.first(b"inputs") is not None:
        raise format_error(
            document,
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
            generation,
        )
    if not isinstance(instances, list):
        raise format_error(document, "Expecting 'instances' to be an list/array", generation)
    if not instances:
        raise format_error(document, "No values in 'instances' array", generation)
