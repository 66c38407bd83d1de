"""Estimates must never change an answer: each is held against the ratios in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.comparison.elements import Rule, differences
from tfx_parity.comparison.estimate import Estimate
from tfx_parity.comparison.measurement import EstimatedMeasurement, ExactMeasurement, measure
from tfx_parity.comparison.scratch import Scratch
from tfx_parity.comparison.statistics import RATIO_EDGES
from tfx_parity.comparison.tolerance import DEFAULTS, EXACT, Tolerance

SERVED = (
    DEFAULTS["float32"],
    Tolerance(rtol=1e-30, atol=1e-30),
    Tolerance(rtol=0.5, atol=1.0),
    Tolerance(rtol=0.0, atol=1e-6),
)
finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(
    st.lists(st.tuples(finite, finite, st.floats(-1e-3, 1e-3)), min_size=1, max_size=20),
    st.sampled_from(SERVED),
)
def test_an_estimate_exceeds_its_ratio_by_no_more_than_it_says(
    drawn: list[tuple[float, float, float]], tolerance: Tolerance
) -> None:
    """The estimate lies between the exact ratio and 2e-6 above it, and is zero with it."""
    with np.errstate(all="ignore"):
        reference = np.array([a for a, _, _ in drawn] * 2, np.float32)
        near = [a * (1 + change) for a, _, change in drawn]
        candidate = np.array([b for _, b, _ in drawn] + near, np.float32)
        exact = differences(reference, candidate, Rule(tolerance)).ratio
        found = Estimate(reference, candidate, tolerance, Scratch()).ratio.astype(np.float64)
    normal = np.isfinite(found) & (exact > 1e-30)
    assert np.all(exact[normal] <= found[normal])
    assert np.all(found[normal] <= exact[normal] * (1 + 2e-6))
    assert (exact == 0).tolist() == (found == 0).tolist()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("tolerance", SERVED[::3], ids=["default", "absolute"])
def test_ratios_at_the_edges_are_counted_exactly(tolerance: Tolerance, seed: int) -> None:
    """Where an estimate cannot tell on which side of an edge it lies, double precision does."""
    random = np.random.default_rng(seed)
    reference = random.choice(np.float32([0.001, 0.5, 1.0, 3.0]), 4000)
    allowance = tolerance.atol + tolerance.rtol * reference.astype(np.float64)
    edges = random.choice(RATIO_EDGES, 4000) * (1 + random.normal(0, 1e-6, 4000))
    candidate = (reference + allowance * edges).astype(np.float32)
    sides = reference, candidate, Rule(tolerance)
    estimated, exact = measure(*sides, Scratch()), ExactMeasurement(*sides)
    assert isinstance(estimated, EstimatedMeasurement)
    for edge in (0.0, *RATIO_EDGES, exact.max_ratio * 0.999999, exact.max_ratio):
        assert exact.count_above(edge) == estimated.count_above(edge)
        for expected, found in zip(exact.above(edge), estimated.above(edge), strict=True):
            assert expected.tolist() == found.tolist()
    assert exact.max_ratio == estimated.max_ratio
    assert exact.max_distance == estimated.max_distance


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        pytest.param("float64", DEFAULTS["float64"], id="too wide"),
        pytest.param("int32", Tolerance(rtol=0, atol=1), id="no float"),
        pytest.param("float32", EXACT, id="no tolerance"),
        pytest.param("float32", Tolerance(rtol=1e-4, atol=0.0), id="no absolute tolerance"),
        pytest.param("float32", Tolerance(rtol=2.0, atol=1.0), id="too loose"),
        pytest.param("float32", Tolerance(rtol=1e-45, atol=1.0), id="underflows"),
    ],
)
def test_what_single_precision_cannot_hold_is_measured_exactly(
    dtype: str, tolerance: Tolerance
) -> None:
    """Where roundings are not small beside the ratio there is no estimate."""
    sides = np.arange(4).astype(dtype), np.arange(1, 5).astype(dtype)
    with np.errstate(all="ignore"):
        assert isinstance(measure(*sides, Rule(tolerance), Scratch()), ExactMeasurement)


def test_values_that_are_not_finite_are_measured_exactly() -> None:
    """A NaN has no estimate."""
    sides = np.float32([1, np.nan]), np.float32([1, 2])
    with np.errstate(all="ignore"):
        found = measure(*sides, Rule(DEFAULTS["float32"]), Scratch())
    assert isinstance(found, ExactMeasurement)


def test_ratios_too_small_for_an_estimate_are_found_all_the_same() -> None:
    """Under the normal numbers of single precision an estimate is coarse, so it decides nothing."""
    least = 2.0**-149
    reference, candidate = np.zeros(3, np.float32), np.float32([1e-3, least, 0])
    found = measure(reference, candidate, Rule(Tolerance(rtol=0, atol=0.3)), Scratch())
    assert isinstance(found, EstimatedMeasurement)
    assert found.above(3.2 * least)[0].tolist() == [0, 1]
