"""What became of the trained variables in the served model."""

from __future__ import annotations

import pytest

from tfx_parity.canary.variables import ServedVariable
from tfx_parity.canary_validator.weights import compare_weights, rounded_by_themselves
from tfx_parity.contract import VariableDigest

KERNEL = VariableDigest("dense/kernel", "float32", (4, 3), "k", "k16", "kb")
BIAS = VariableDigest("dense/bias", "float32", (3,), "b", "b16", "bb")


def _served(
    digest: str, shape: tuple[int, ...], *, grid: bool = False, dtype: str = "float"
) -> ServedVariable:
    return ServedVariable("v", "", dtype, shape, digest, reachable=True, is_on_grid=grid)


def test_a_variable_on_a_grid_is_the_trained_one_in_int8() -> None:
    """Its values cannot be foretold from a digest; its shape and the grid tell it."""
    found = compare_weights([KERNEL, BIAS], [_served("q", (4, 3), grid=True), _served("b", (3,))])

    assert ((("dense/kernel", "int8"),), (), 1) == (found.rounded, found.changed, found.equal)
    assert found.is_rounded
    assert found.place == "variable dense/kernel (int8)"


def test_a_variable_of_int8_is_the_trained_one_in_int8() -> None:
    """Codes that the graph scales back are quantised weights as well."""
    found = compare_weights([KERNEL], [_served("q", (4, 3), dtype="int8")])

    assert (("dense/kernel", "int8"),) == found.rounded


def test_other_weights_stay_changed() -> None:
    """Neither a grid of another shape, nor one that a trained variable lies on itself, explains."""
    served = [_served("x", (4, 3)), _served("q", (3, 3), grid=True), _served("b", (3,), grid=True)]

    found = compare_weights([KERNEL, BIAS], served)

    assert (("dense/kernel",), (), 1) == (found.changed, found.rounded, found.equal)
    assert not found.is_rounded


def test_one_quantised_variable_explains_one_trained_one() -> None:
    """Of two kernels of one shape only as many are quantised as are served so."""
    other = VariableDigest("other/kernel", "float32", (4, 3), "o", "o16", "ob")

    found = compare_weights([KERNEL, other], [_served("q", (4, 3), grid=True)])

    assert (("dense/kernel", "int8"),) == found.rounded
    assert ("other/kernel",) == found.changed


def _alone(
    name: str, shape: tuple[int, ...], *, narrow: str = "", grid: bool = False
) -> ServedVariable:
    return ServedVariable(name, "", "float", shape, "", True, is_on_grid=grid, narrow_type=narrow)


@pytest.mark.parametrize(
    ("served", "kinds"),
    [
        (
            [_alone("k", (4, 3), narrow="float16"), _alone("b", (9,), narrow="float16")],
            (("b", "float16"), ("k", "float16")),
        ),
        ([_alone("k", (4, 3), grid=True), _alone("b", (9,))], (("k", "int8"),)),
        ([_alone("k", (4, 3), narrow="float16"), _alone("b", (9,))], ()),
        ([_alone("k", (4, 3), narrow="float16"), _alone("b", (9,), narrow="bfloat16")], ()),
        ([_alone("k", (2, 2), narrow="float16")], ()),
        ([], ()),
    ],
    ids=["float16", "int8", "one is not", "of two kinds", "too small", "none"],
)
def test_rounded_weights_are_told_without_the_trained_ones(
    served: list[ServedVariable], kinds: tuple[tuple[str, str], ...]
) -> None:
    """All of a model's weights on 16 bits, or all its matrices on levels of int8."""
    assert kinds == rounded_by_themselves(served).rounded
