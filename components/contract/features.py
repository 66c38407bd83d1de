"""Features of the serving contract: what a transform graph reads and what it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from tfx_parity.errors import BadInputError

Kind = Literal["fixed", "varlen", "ragged"]
DType = Literal["string", "float32", "int64"]


@dataclass(frozen=True)
class Domain:
    """The values that the data schema allows.

    Attributes:
        minimum: Smallest number allowed; None where the schema sets no bound.
        maximum: Largest number allowed; None where the schema sets no bound.
        values: The strings allowed; empty where the schema lists none.
    """

    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawFeature:
    """A feature that clients send.

    Attributes:
        name: Its key in a `tf.Example`, and its input name in `serve_raw`.
        dtype: `string`, `float32` or `int64`.
        kind: `fixed` (dense, always there), `varlen` (any number of values, none included).
        shape: Of one example; `()` for one bare value, `(None,)` for any number of values.
        required: Whether an example without it is refused.
        domain: The values that the schema allows.
    """

    name: str
    dtype: DType
    kind: Kind
    shape: tuple[int | None, ...]
    required: bool
    domain: Domain

    @property
    def is_single_valued(self) -> bool:
        """Whether an example holds at most one value, which REST clients send as a bare scalar."""
        return self.shape in ((), (1,))


@dataclass(frozen=True)
class TransformedFeature:
    """A feature that the transform graph makes.

    Attributes:
        name: Its key in a transformed record.
        dtype: `string`, `float32` or `int64`.
        kind: `fixed` (dense), `varlen` (sparse) or `ragged`.
        shape: Of one example; `(None,)` for any number of values.
        raw_features: The raw features that it depends on, sorted.
    """

    name: str
    dtype: DType
    kind: Kind
    shape: tuple[int | None, ...]
    raw_features: tuple[str, ...]


def _fields(value: object, expected: tuple[str, ...], what: str) -> dict[str, object]:
    """Return a JSON object's fields, checked to be exactly the expected ones."""
    if not isinstance(value, dict) or set(value) != set(expected):
        found = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise BadInputError(
            f"Expected {what} with the fields {sorted(expected)}, found {found}. "
            "The file was written by another version of tfx-parity, or is damaged."
        )
    return cast("dict[str, object]", value)


def _shape(value: object) -> tuple[int | None, ...]:
    return tuple(cast("list[int | None]", value))


def raw_feature_from_json(value: object) -> RawFeature:
    """Return the raw feature that a JSON object describes.

    Raises:
        BadInputError: If a field is missing or unknown.
    """
    names = ("name", "dtype", "kind", "shape", "required", "domain")
    fields = _fields(value, names, "a raw feature")
    domain = _fields(fields["domain"], ("minimum", "maximum", "values"), "a domain")
    return RawFeature(
        name=cast("str", fields["name"]),
        dtype=cast("DType", fields["dtype"]),
        kind=cast("Kind", fields["kind"]),
        shape=_shape(fields["shape"]),
        required=bool(fields["required"]),
        domain=Domain(
            minimum=cast("float | None", domain["minimum"]),
            maximum=cast("float | None", domain["maximum"]),
            values=tuple(cast("list[str]", domain["values"])),
        ),
    )


def transformed_feature_from_json(value: object) -> TransformedFeature:
    """Return the transformed feature that a JSON object describes.

    Raises:
        BadInputError: If a field is missing or unknown.
    """
    names = ("name", "dtype", "kind", "shape", "raw_features")
    fields = _fields(value, names, "a transformed feature")
    return TransformedFeature(
        name=cast("str", fields["name"]),
        dtype=cast("DType", fields["dtype"]),
        kind=cast("Kind", fields["kind"]),
        shape=_shape(fields["shape"]),
        raw_features=tuple(cast("list[str]", fields["raw_features"])),
    )
