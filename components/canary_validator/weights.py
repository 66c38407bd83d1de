"""Weights: the served model's variables against the digests of the trained one's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tfx_parity.canary.inspection import ServedVariable
from tfx_parity.contract import VariableDigest
from tfx_parity.findings import CauseCode

_SHOWN = 5
_QUANTISED_TYPES = frozenset({"int8", "uint8"})
_FLOAT_TYPES = frozenset({"float", "double"})
# Fewer numbers can be round by chance, or by hand.
_TELLING_SIZE = 8


@dataclass(frozen=True)
class WeightsComparison:
    """What became of the trained variables in the served model.

    Variables are matched by their values' digests: a name changes on its way through an export.

    Attributes:
        equal: How many are served as they were trained.
        rounded: Paths of those that are served rounded, with the type of the rounding.
        changed: Paths of those that are served otherwise, or not at all.
    """

    equal: int
    rounded: tuple[tuple[str, str], ...]
    changed: tuple[str, ...]

    @property
    def is_known(self) -> bool:
        """Whether there were variables to compare."""
        return bool(self.equal or self.rounded or self.changed)

    @property
    def is_equal(self) -> bool:
        """Whether every trained variable is served as it was."""
        return self.is_known and not self.rounded and not self.changed

    @property
    def is_rounded(self) -> bool:
        """Whether rounding alone explains the served variables."""
        return bool(self.rounded) and not self.changed

    @property
    def place(self) -> str:
        """The variables that differ, in words."""
        names = [f"{path} ({kind})" for path, kind in self.rounded] + list(self.changed)
        if not names:
            return "the model's weights"
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"variable{'s' if len(names) > 1 else ''} {', '.join(names[:_SHOWN])}{more}"


def compare_weights(
    trained: Sequence[VariableDigest], served: Sequence[ServedVariable]
) -> WeightsComparison:
    """Find each trained variable among the served ones.

    Args:
        trained: Digests of the trained model's variables.
        served: The served model's variables.
    """
    digests = {variable.sha256_hex for variable in served}
    equal = 0
    rounded: list[tuple[str, str]] = []
    changed: list[VariableDigest] = []
    for variable in trained:
        if variable.sha256 in digests:
            equal += 1
        elif variable.sha256_float16 in digests:
            rounded.append((variable.path, "float16"))
        elif variable.sha256_bfloat16 in digests:
            rounded.append((variable.path, "bfloat16"))
        elif variable.dtype.startswith(("float", "bfloat")):
            changed.append(variable)
    quantised, changed = _quantised(changed, _others(trained, served))
    return WeightsComparison(
        equal,
        (*rounded, *((variable.path, "int8") for variable in quantised)),
        tuple(variable.path for variable in changed),
    )


def rounded_by_themselves(served: Sequence[ServedVariable]) -> WeightsComparison:
    """Tell rounded weights from the served model alone, where no digests were recorded.

    Trained weights fill their type. Where those of a model all lie on what 16 bits hold, or all
    matrices on the levels of int8, they went through it.

    Args:
        served: The served model's variables.
    """
    floats = [v for v in served if v.reachable and v.dtype in _FLOAT_TYPES]
    telling = [v for v in floats if math.prod(v.shape) >= _TELLING_SIZE]
    for kinds in ({v.name: v.narrow_type for v in telling}, _grids(telling)):
        if kinds and all(kinds.values()) and len(set(kinds.values())) == 1:
            return WeightsComparison(0, tuple(sorted(kinds.items())), ())
    return WeightsComparison(0, (), ())


def _grids(served: Sequence[ServedVariable]) -> dict[str, str]:
    """Return matrices by name, with int8 for those on a grid; biases are seldom quantised."""
    return {v.name: "int8" if v.is_on_grid else "" for v in served if len(v.shape) > 1}


def _others(
    trained: Sequence[VariableDigest], served: Sequence[ServedVariable]
) -> list[ServedVariable]:
    """Return the served variables that hold no trained one's values, rounded or not."""
    known = {
        digest
        for variable in trained
        for digest in (variable.sha256, variable.sha256_float16, variable.sha256_bfloat16)
    }
    return [v for v in served if v.reachable and v.sha256_hex not in known]


def _quantised(
    changed: Sequence[VariableDigest], served: Sequence[ServedVariable]
) -> tuple[list[VariableDigest], list[VariableDigest]]:
    """Part the changed variables in those served on an int8 grid or as int8, and the rest.

    Quantisation leaves no digest that could be foretold: a shape and a grid must do.
    """
    candidates = [v for v in served if v.is_on_grid or v.dtype in _QUANTISED_TYPES]
    quantised, rest = [], []
    for variable in changed:
        found = next((v for v in candidates if v.shape == variable.shape), None)
        if found is None:
            rest.append(variable)
        else:
            candidates.remove(found)
            quantised.append(variable)
    return quantised, rest


def weights_words(weights: WeightsComparison, *, is_direct: bool) -> tuple[CauseCode, str]:
    """Return the code and the words for a difference from the trainer.

    Args:
        weights: What became of the trained variables.
        is_direct: Whether the model alone was asked, with the trainer's own transformed records.
    """
    if weights.is_rounded:
        return CauseCode.PRECISION_LOSS, "the served variables are the trained ones, rounded."
    if weights.is_equal and is_direct:
        return CauseCode.SIGNATURE_GLUE, "the weights are equal, what is done around them is not."
    if weights.is_equal:
        return CauseCode.PREPROCESSING_SKEW, "the weights are equal; preprocessing, or glue."
    if weights.is_known:
        return CauseCode.WEIGHTS_DIFFER, "the served variables are not the trained ones."
    return CauseCode.WEIGHTS_DIFFER, "other weights, or preprocessing."
