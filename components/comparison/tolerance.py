"""How far two numbers may lie apart: a tolerance for each output, by name or by dtype."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import ml_dtypes  # noqa: F401 - registers bfloat16 with numpy
import numpy as np

from tfx_parity.errors import BadInputError

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Tolerance:
    """The allowance of one element: `r = |a - b| / (atol + rtol * |ref|)`, a mismatch where r > 1.

    The sum rule of numpy, TensorFlow and torch (`|a - b| <= atol + rtol * |ref|`), never the rule
    "absolute or relative" of Polygraphy and XLA, with which the same two numbers allow less.
    A difference of zero is no mismatch whatever the allowance, and where both are zero only
    equality agrees. The reference is the trainer's side: the rule is not symmetric.

    Attributes:
      rtol: Allowed part of the reference's magnitude, finite, zero or more.
      atol: Allowed distance in the output's own unit, finite, zero or more.

    Raises:
      BadInputError: If one of them is negative, NaN, infinite or no number.
    """

    rtol: float
    atol: float

    def __post_init__(self) -> None:
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            _require_magnitude(name, value)

    @property
    def is_exact(self) -> bool:
        """Whether nothing but equality agrees."""
        return self.rtol == 0 and self.atol == 0


def _require_magnitude(name: str, value: object) -> None:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:  # type: ignore[arg-type,operator]
        raise BadInputError(
            f"Expected {name} to be a finite number, zero or more, got {value!r}; "
            "write a fraction such as 1e-4, never a percentage."
        )


# Outliers say nothing of how large an output's other numbers are.
_NEARLY_ALL = 0.99
# Elements read to tell it; rows can be images.
_MOST_READ = 1 << 20

EXACT = Tolerance(rtol=0.0, atol=0.0)

_EXACT_DTYPES = (
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("bool", "object"),
)

# A whole model across two binaries: between the single-op tests of torch and TensorFlow (1e-6) and
# the converters' whole-model tests (1e-3 to 1e-2). Weights that went through float16 differ at
# these values and would pass at 1e-3.
DEFAULTS: Mapping[str, Tolerance] = MappingProxyType(
    {
        "float64": Tolerance(rtol=1e-7, atol=1e-9),
        "float32": Tolerance(rtol=1e-4, atol=1e-6),
        "float16": Tolerance(rtol=5e-3, atol=1e-3),
        "bfloat16": Tolerance(rtol=1.6e-2, atol=1e-2),
        "complex64": Tolerance(rtol=1e-4, atol=1e-6),
        "complex128": Tolerance(rtol=1e-7, atol=1e-9),
    }
    | dict.fromkeys(_EXACT_DTYPES, EXACT)
)

# Transform's outputs are string, int64 or float32, computed by the same ops element by element:
# what goes wrong there (a vocabulary id, a bucket's edge) is discrete.
_TRANSFORMED_FEATURE_DEFAULTS: Mapping[str, Tolerance] = MappingProxyType(
    dict(DEFAULTS) | {"float32": Tolerance(rtol=1e-6, atol=1e-7)}
)


@dataclass(frozen=True)
class TolerancePolicy:
    """The tolerance of every output: its own where overridden by name, else that of its dtype.

    ```python
    policy = TolerancePolicy.from_mapping({"scores": {"rtol": 1e-3, "atol": 1e-6}})
    policy.require_outputs(["scores", "label"])
    policy.for_output("scores", np.float32)  # Tolerance(rtol=0.001, atol=1e-06)
    ```

    Attributes:
      overrides: Tolerance by the exact name of an output.
      defaults: Tolerance by the name of a numpy dtype; bytes are `object`.
      sizes: How large an output's numbers are, by its exact name: by what the default's atol is
        multiplied. 1 for those that are not here.
    """

    overrides: Mapping[str, Tolerance] = field(default_factory=dict)
    defaults: Mapping[str, Tolerance] = field(default_factory=lambda: DEFAULTS)
    sizes: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> TolerancePolicy:
        """Read overrides as a configuration writes them: `{output: {"rtol": x, "atol": y}}`.

        Args:
          mapping: By output name, exactly the keys `rtol` and `atol`: torch's rule, since one of
            them alone leaves the other at a value that nobody chose.

        Returns:
          The policy with these overrides over `DEFAULTS`.

        Raises:
          BadInputError: If a key is unknown or missing, or a number is none or negative.
        """
        return cls({name: _tolerance_from(name, entry) for name, entry in mapping.items()})

    def for_output(self, name: str, dtype: npt.DTypeLike) -> Tolerance:
        """Return the tolerance of one output.

        Args:
          name: The output's exact name; a similar name is another output.
          dtype: The reference's dtype; bytes are `object`.

        Raises:
          BadInputError: If an override allows a difference where none has a size (bytes, bool).
          TypeError: If outputs of this dtype cannot be compared.
        """
        dtype_name = np.dtype(dtype).name
        if dtype_name not in self.defaults:
            raise TypeError(
                f"Expected output {name!r} to have one of the dtypes {', '.join(self.defaults)}, "
                f"got {dtype_name}."
            )
        default = self.defaults[dtype_name]
        sized = replace(default, atol=default.atol * self.sizes.get(name, 1.0))
        tolerance = self.overrides.get(name, sized)
        if dtype_name in ("bool", "object") and not tolerance.is_exact:
            raise BadInputError(
                f"Expected no tolerance for output {name!r}, whose dtype {dtype_name} has none, "
                f"got rtol {tolerance.rtol} and atol {tolerance.atol}; remove the override."
            )
        return tolerance

    def sized_by(self, reference: Mapping[str, Sequence[npt.NDArray[Any]]]) -> TolerancePolicy:
        """Return this policy with the sizes of a reference's outputs.

        A number that is a sum of larger ones is rounded as they are, however near to zero it comes:
        an element of an embedding, a logit. Another batch rounds it otherwise. What the default
        allows at zero is meant for numbers up to one, and grows with an output's numbers beyond.

        Args:
          reference: The trainer's rows by output name.
        """
        return replace(self, sizes={name: _size(rows) for name, rows in sorted(reference.items())})

    def require_outputs(self, names: Iterable[str]) -> None:
        """Check that every override names an output that exists.

        Args:
          names: The exact names of the model's outputs.

        Raises:
          BadInputError: If an override names none of them.
        """
        known = sorted(names)
        unknown = sorted(set(self.overrides) - set(known))
        if unknown:
            raise BadInputError(
                f"Expected tolerances for outputs that exist, got {', '.join(map(repr, unknown))}; "
                f"the outputs are {', '.join(map(repr, known)) or 'none'}."
            )


def _size(rows: Sequence[npt.NDArray[Any]]) -> float:
    """Return twice what nearly all numbers of an output stay under, at least 1."""
    if not len(rows) or rows[0].dtype.kind not in "fcV":
        return 1.0
    step = -(-len(rows) * max(1, rows[0].size) // _MOST_READ)
    numbers = np.concatenate([np.abs(row).astype(np.float64).ravel() for row in rows[::step]])
    finite = numbers[np.isfinite(numbers)]
    most = float(np.quantile(finite, _NEARLY_ALL)) if len(finite) else 0.0
    return float(f"{max(1.0, 2 * most):.2g}") if most > 1 else 1.0


TRANSFORMED_FEATURES = TolerancePolicy(defaults=_TRANSFORMED_FEATURE_DEFAULTS)


def _tolerance_from(name: str, entry: object) -> Tolerance:
    if not isinstance(entry, Mapping) or set(entry) != {"rtol", "atol"}:
        found = f"the keys {sorted(map(str, entry))}" if isinstance(entry, Mapping) else repr(entry)
        raise BadInputError(
            f"Expected the tolerance of output {name!r} to have exactly the keys ['atol', 'rtol'], "
            f"got {found}; give both."
        )
    try:
        return Tolerance(rtol=entry["rtol"], atol=entry["atol"])
    except BadInputError as error:
        raise BadInputError(f"Tolerance of output {name!r}: {error}") from error
