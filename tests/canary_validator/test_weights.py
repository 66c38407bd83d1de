"""What became of the trained variables in the served model."""

from __future__ import annotations

from tfx_parity.canary.variables import ServedVariable
from tfx_parity.canary_validator.weights import compare_weights
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
