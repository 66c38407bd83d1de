"""What is looked up once of a signature, for the quick way through the bodies that ask for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from tfx_parity.protos import DataType, SignatureDef, TensorInfo
from tfx_parity.serving_api.dtypes import numpy_dtype

FLOAT, DOUBLE = int(DataType.DT_FLOAT), int(DataType.DT_DOUBLE)
STRING, BOOL = int(DataType.DT_STRING), int(DataType.DT_BOOL)
_INTEGERS = (
    DataType.DT_INT8,
    DataType.DT_INT16,
    DataType.DT_INT32,
    DataType.DT_INT64,
    DataType.DT_UINT8,
    DataType.DT_UINT32,
)
# Of each type that takes integers, those that it holds exactly.
EXACT_INTEGERS = {FLOAT: (-(2**24), 2**24), DOUBLE: (-(2**53), 2**53)} | {
    int(kind): (int(np.iinfo(numpy_dtype(kind)).min), int(np.iinfo(numpy_dtype(kind)).max))
    for kind in _INTEGERS
}
# What orjson must have made of the values of each type that can be plain.
JSON_TYPES: Mapping[int, frozenset[type]] = {
    **{int(kind): frozenset({int}) for kind in _INTEGERS},
    FLOAT: frozenset({int, float}),
    DOUBLE: frozenset({int, float}),
    STRING: frozenset({str, dict}),
    BOOL: frozenset({bool}),
}
_NO_NUMBER = (math.inf, -math.inf)


class Limits(NamedTuple):
    """What else is asked of the values of an input.

    Attributes:
        low: The smallest number.
        high: The largest.
        texts: The texts; empty for any but the empty one.
    """

    low: float
    high: float
    texts: frozenset[str]


class InputGroup:
    """Inputs that are looked at together.

    Attributes:
        aliases: The inputs.
        data_type: Their DataType.
        values_of: Takes their values out of an object that names them: a tuple, or the only one.
    """

    def __init__(self, aliases: tuple[str, ...], data_type: int) -> None:
        self.aliases = aliases
        self.data_type = data_type
        self.values_of = itemgetter(*aliases)


class Place(NamedTuple):
    """What one value of a row must be, where rows have one value of an input.

    Attributes:
        alias: The input.
        in_list: Whether the value stands in a list.
        low: The smallest float that is certain to be good.
        high: The largest.
        least: The smallest integer that is certain to be good.
        most: The largest.
        texts: The texts that are, empty for any but the empty one; None for no text.
        takes_bool: Whether it is true or false.
    """

    alias: str
    in_list: bool
    low: float
    high: float
    least: float
    most: float
    texts: frozenset[str] | None
    takes_bool: bool


class PlainSignature:
    """What is looked up of a signature.

    Attributes:
        aliases: Its inputs.
        row: Of each input, what one value of a row must be; None where rows have several.
        groups: The inputs, together where each row has one value of them.
        singles: These, each by itself.
        colons: How many colons an object has that names them all.
    """

    def __init__(self, signature: SignatureDef, limits: Mapping[str, Limits] | None) -> None:
        infos = {alias: signature.inputs[alias] for alias in sorted(signature.inputs)}
        self.aliases = infos.keys()
        self.singles = [InputGroup((alias,), info.dtype) for alias, info in infos.items()]
        self.colons = len(infos) + "".join(infos).count(":")
        self.row = None if limits is None else _places(infos, limits)
        together: dict[object, list[str]] = {}
        for alias, info in infos.items():
            key = (info.dtype, len(info.tensor_shape.dim)) if _one_a_row(info) else alias
            together.setdefault(key, []).append(alias)
        self.groups = [InputGroup(tuple(a), infos[a[0]].dtype) for a in together.values()]


def _one_a_row(info: TensorInfo) -> bool:
    """Whether a row has one value of an input, in lists or not."""
    inner = list(info.tensor_shape.dim)[1:]
    return not info.tensor_shape.unknown_rank and all(dim.size == 1 for dim in inner)


def _places(infos: Mapping[str, TensorInfo], limits: Mapping[str, Limits]) -> list[Place] | None:
    """Return what a row must be, None where its values are not scalars or lists of one."""
    places = []
    for alias, info in infos.items():
        sizes = [int(dim.size) for dim in info.tensor_shape.dim]
        if len(sizes) not in (1, 2) or sizes[0] not in (-1, 1) or sizes[-1] not in (-1, 1):
            return None
        places.append(_place(alias, info.dtype, limits[alias], in_list=len(sizes) > 1))
    return places


def _place(alias: str, kind: int, limits: Limits, *, in_list: bool) -> Place:
    low, high = (limits.low, limits.high) if kind == FLOAT else _NO_NUMBER
    least, most = EXACT_INTEGERS.get(kind, _NO_NUMBER)
    return Place(
        alias=alias,
        in_list=in_list,
        low=low,
        high=high,
        least=max(least, limits.low),
        most=min(most, limits.high),
        texts=limits.texts if kind == STRING else None,
        takes_bool=kind == BOOL,
    )
