"""The row format of a REST `:predict` body: instances batched along a new first dimension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.json_echo import echo
from tfx_parity.serving_api.json_reader import JsonObject, JsonValue
from tfx_parity.serving_api.json_tensors import TensorFiller, dense_shape, is_base64_object
from tfx_parity.serving_api.status import ServingError, invalid_argument


def member_name(key: bytes) -> str:
    """Return the input that a key of an instance names: C++ reads it up to its first NUL byte."""
    return key.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


class RowBatch:
    """The growing inputs of the row format.

    Attributes:
        of_objects: Whether the instances name their inputs; the first one decides.
    """

    def __init__(
        self, instances: list[JsonValue], data_types: Mapping[str, int], generation: Generation
    ) -> None:
        """Look at the first instance.

        Raises:
            ServingError: INVALID_ARGUMENT, if it names no inputs and there are several.
        """
        if not isinstance(instances[0], JsonObject) and len(data_types) > 1:
            raise invalid_argument(
                "instances is a plain list, but expecting list of objects as multiple input "
                "tensors required as per tensorinfo_map"
            )
        self.of_objects = _is_plain_object(instances[0])
        self._generation = generation
        self._first_alias = next(iter(data_types))
        self._aliases = sorted(data_types)
        self._fillers = {
            alias: TensorFiller(kind, generation) for alias, kind in data_types.items()
        }
        self._references: dict[str, tuple[int, tuple[int, ...]]] = {}

    def check_form(self, position: int, item: JsonValue) -> None:
        """Raise INVALID_ARGUMENT where one instance names its inputs and another does not."""
        if self.of_objects != _is_plain_object(item):
            expected, got = ("object", "list") if self.of_objects else ("value/list", "object")
            raise invalid_argument(
                f"Expecting {expected} but got {got} at item {position} of input list"
            )

    def add_member(self, position: int, name: str, value: JsonValue) -> None:
        """Add the value of one input that an instance names."""
        try:
            self._add(name, value)
        except ServingError as error:
            raise self.member_error(position, name, error) from None

    def member_error(self, position: int, name: str, error: ServingError) -> ServingError:
        """Return what the server says where a named value is refused by `error`."""
        return invalid_argument(
            f"Failed to process element: {position} key: {name} of 'instances' list. Error: {error}"
        )

    def check_names(self, position: int, item: JsonObject) -> None:
        """Raise INVALID_ARGUMENT where an instance does not name every input."""
        if {member_name(key) for key, _ in item.members} != set(self._aliases):
            raise invalid_argument(
                f"Failed to process element: {position} of 'instances' list. JSON object: "
                f"{echo(item, self._generation)} keys must be equal to: {','.join(self._aliases)}"
            )

    def add_value(self, position: int, item: JsonValue) -> None:
        """Add an instance that is the value of the only input."""
        try:
            self._add(self._first_alias, item)
        except ServingError as error:
            raise self.value_error(position, error) from None

    def value_error(self, position: int, error: ServingError) -> ServingError:
        """Return what the server says where the value of the only input is refused by `error`."""
        return invalid_argument(
            f"Failed to process element: {position} of 'instances' list. Error: {error}"
        )

    def refusals(
        self, name: str, value: JsonValue
    ) -> Iterator[tuple[tuple[int, ...], JsonValue, ServingError]]:
        """Yield every fault within a value that was refused; none where its size or name is it."""
        if name in self._fillers:
            yield from self._fillers[name].refusals(value, dense_shape(value))

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
