import struct

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.comparison.ulps import ulp_distances


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_types_count_places_among_all_their_numbers(dtype: type) -> None:
    """The distance is the number of steps along the sorted list of every finite number."""
    numbers = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    with np.errstate(invalid="ignore"):  # of the signalling NaNs
        numbers = numbers[np.isfinite(numbers)]
    places = {value: place for place, value in enumerate(sorted({float(x) for x in numbers}))}
    random = np.random.default_rng(0)
    first, second = random.choice(numbers, 3000), random.choice(numbers, 3000)
    expected = [
        abs(places[float(a)] - places[float(b)]) for a, b in zip(first, second, strict=True)
    ]
    assert expected == ulp_distances(first, second).tolist()


def order(value: float, code: str) -> int:
    """Place a float among all floats of its width by its sign and magnitude."""
    size = struct.calcsize(code)
    bits = int.from_bytes(struct.pack(f">{code}", value), "big")
    sign_bit = 1 << (8 * size - 1)
    return -(bits - sign_bit) if bits & sign_bit else bits


@pytest.mark.parametrize(("dtype", "code", "width"), [("f4", "f", 32), ("f8", "d", 64)])
def test_wide_types_count_by_sign_and_magnitude(dtype: str, code: str, width: int) -> None:
    """The distance may exceed the signed integers of the dtype's width."""
    finite = st.floats(allow_nan=False, allow_infinity=False, width=width)  # type: ignore[call-overload]

    @given(finite, finite)
    def check(a: float, b: float) -> None:
        expected = abs(order(a, code) - order(b, code))
        found = ulp_distances(np.array([a], dtype), np.array([b], dtype))
        assert expected == int(found[0])

    check()


def test_the_two_zeros_are_no_ulp_apart() -> None:
    """-0.0 and +0.0 are one number."""
    assert ulp_distances(np.float32([-0.0]), np.float32([0.0])).tolist() == [0]


def test_the_smallest_numbers_around_zero_are_two_ulps_apart() -> None:
    """Counting goes through zero."""
    tiny = np.nextafter(np.float32(0), np.float32(1))
    assert ulp_distances(np.array([tiny]), np.array([-tiny])).tolist() == [2]
