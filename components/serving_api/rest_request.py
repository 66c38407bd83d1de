"""The body of a REST `:predict` request (util/json_tensor.cc, FillPredictRequestFromJson)."""

from __future__ import annotations

from collections.abc import Mapping

from tfx_parity.protos import SignatureDef
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_echo import echo
from tfx_parity.serving_api.json_reader import JsonObject, JsonValue
from tfx_parity.serving_api.json_tensors import TensorFiller, dense_shape, is_base64_object
from tfx_parity.serving_api.predict import PredictCall, check_input_count
from tfx_parity.serving_api.rest_document import format_error, read_object, signature_name
from tfx_parity.serving_api.rest_fast_path import parse_fast
from tfx_parity.serving_api.status import ServingError, invalid_argument

__all__ = ["PredictCall", "parse_exactly", "parse_predict", "read_inputs", "read_instances"]


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
    name = signature_name(document, generation)
    if name not in set(signature_defs):  # a map of messages raises on names that are not UTF-8
        raise invalid_argument(f'Serving signature name: "{name}" not found in signature def')
    signature = signature_defs[name]
    data_types = {alias: signature.inputs[alias].dtype for alias in sorted(signature.inputs)}
    if not data_types:
        shown = signature_name(document, generation, default="DEFAULT")
        raise invalid_argument(f"Failed to get input map for signature: {shown}")
    instances, inputs = document.first(b"instances"), document.first(b"inputs")
    if instances is not None:
        _check_instances(document, instances[0], generation)
        arrays = read_instances(instances[0], data_types, generation)
    elif inputs is not None:
        arrays = read_inputs(inputs[0], data_types, generation)
    else:
        raise invalid_argument("Missing 'inputs' or 'instances' key")
    check_input_count(arrays, signature)
    return PredictCall(name, arrays, row_format=instances is not None)


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
    if not isinstance(instances[0], JsonObject) and len(data_types) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    batch = _Batch(data_types, generation)
    objects = _is_plain_object(instances[0])
    for position, item in enumerate(instances):
        if objects != _is_plain_object(item):
            expected, got = ("object", "list") if objects else ("value/list", "object")
            raise invalid_argument(
                f"Expecting {expected} but got {got} at item {position} of input list"
            )
        if isinstance(item, JsonObject) and objects:
            batch.add_object(position, item)
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
    if not isinstance(inputs, JsonObject) or is_base64_object(inputs):
        if len(data_types) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        inputs = JsonObject([(alias.encode("utf-8"), inputs) for alias in data_types])
    filled = {}
    for alias, data_type in data_types.items():
        member = inputs.first(alias.encode("utf-8"))
        if member is None:
            raise invalid_argument(f"Missing named input: {alias} in 'inputs' object.")
        shape = dense_shape(member[0])
        filler = TensorFiller(data_type, generation)
        filler.add(member[0], shape)
        filled[alias] = (filler, shape)
    return {alias: filler.array(alias, shape) for alias, (filler, shape) in filled.items()}


class _Batch:
    """The growing inputs of the row format."""

    def __init__(self, data_types: Mapping[str, int], generation: Generation) -> None:
        self._generation = generation
        self._first_alias = next(iter(data_types))
        self._aliases = sorted(data_types)
        self._fillers = {
            alias: TensorFiller(kind, generation) for alias, kind in data_types.items()
        }
        self._references: dict[str, tuple[int, tuple[int, ...]]] = {}

    def add_object(self, position: int, item: JsonObject) -> None:
        """Add an instance that names its inputs."""
        names = set()
        for key, value in item.members:
            # C++ reads the key up to its first NUL byte.
            name = key.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
            names.add(name)
            try:
                self._add(name, value)
            except ServingError as error:
                raise invalid_argument(
                    f"Failed to process element: {position} key: {name} "
                    f"of 'instances' list. Error: {error}"
                ) from None
        if names != set(self._aliases):
            raise invalid_argument(
                f"Failed to process element: {position} of 'instances' list. JSON object: "
                f"{echo(item, self._generation)} keys must be equal to: {','.join(self._aliases)}"
            )

    def add_value(self, position: int, item: JsonValue) -> None:
        """Add an instance that is the value of the only input."""
        try:
            self._add(self._first_alias, item)
        except ServingError as error:
            raise invalid_argument(
                f"Failed to process element: {position} of 'instances' list. Error: {error}"
            ) from None

    def arrays(self, count: int) -> dict[str, Array]:
        """Return the inputs that were given, with `count` as first dimension."""
        return {
            alias: self._fillers[alias].array(alias, (count, *shape))
            for alias, (_, shape) in sorted(self._references.items())
        }

    def _add(self, name: str, value: JsonValue) -> None:
        if name not in self._fillers:
            raise invalid_argument(f"JSON object: does not have named input: {name}")
        shape = dense_shape(value)
        size = self._fillers[name].add(value, shape)
        expected_size, expected_shape = self._references.setdefault(name, (size, shape))
        if size != expected_size:
            raise invalid_argument(f"Expecting tensor size: {expected_size} but got: {size}")
        if shape != expected_shape:
            raise invalid_argument(
                f"Expecting shape {_shape_text(expected_shape)} but got: {_shape_text(shape)}"
            )


def _is_plain_object(value: JsonValue) -> bool:
    return isinstance(value, JsonObject) and not is_base64_object(value)


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


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
