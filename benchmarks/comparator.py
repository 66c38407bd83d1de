"""How long the comparator takes beside numpy's own, in one run on the same arrays.

`python benchmarks/comparator.py [--rows 1000000] [--columns 10] [--rounds 7]`

The arrays are float32 and four cases: the same bits, every element one ulp off, one element of
10,000 off by ten times the tolerance, and the same bits with a NaN in every 10,000 elements. The
contestants take turns within each round, so that a busy machine slows all of them, and the
shortest time of each counts:

- `assert_allclose`: `numpy.testing.assert_allclose`, which says yes, or no with a text;
- `fused pass`: `|a - b| <= atol + rtol * |ref|` in single precision, chunk by chunk in reused
  buffers: the least that numpy can do, and it answers less (no exactness, no rows, no NaN rule);
- `decision`: `compare_rows`, which examples mismatch;
- `statistics`: the same and everything that the report shows;
- `polygraphy`: `CompareFunc.simple`, where Polygraphy is installed (`pip install polygraphy`).

Then the most memory that each takes beyond the two arrays, by tracemalloc, for as many rows and for
four times as many: flat is what does not grow.
"""

from __future__ import annotations

import argparse
import contextlib
import time
import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.rows import compare_rows
from tfx_parity.comparison.tolerance import DEFAULTS

try:
    from polygraphy.comparator import CompareFunc, IterationResult
    from polygraphy.logger import G_LOGGER
except ImportError:
    CompareFunc = None

_TOLERANCE = DEFAULTS["float32"]
_FUSED_CHUNK = 1 << 16
_SPACING = 10_000

_Side = npt.NDArray[np.float32]


def make_cases(rows: int, columns: int) -> dict[str, tuple[_Side, _Side]]:
    """Return reference and candidate of each case, [rows, columns]."""
    reference = np.random.default_rng(0).random((rows, columns), dtype=np.float32)
    few = reference.copy()
    few.reshape(-1)[::_SPACING] += np.float32(1e-3)
    with_nan = reference.copy()
    with_nan.reshape(-1)[::_SPACING] = np.nan
    return {
        "same bits": (reference, reference.copy()),
        "one ulp off": (reference, np.nextafter(reference, np.float32(2))),
        "few mismatches": (reference, few),
        "same, few NaN": (with_nan, with_nan.copy()),
    }


def assert_allclose(reference: _Side, candidate: _Side) -> None:
    """Compare as numpy's tests do."""
    with contextlib.suppress(AssertionError):
        np.testing.assert_allclose(candidate, reference, _TOLERANCE.rtol, _TOLERANCE.atol)


def fused_pass(reference: _Side, candidate: _Side) -> None:
    """Apply the inequality once to every element in reused buffers."""
    rtol, atol = np.float32(_TOLERANCE.rtol), np.float32(_TOLERANCE.atol)
    first, second = reference.reshape(-1), candidate.reshape(-1)
    distance, allowance = np.empty((2, _FUSED_CHUNK), np.float32)
    agrees = np.empty(_FUSED_CHUNK, np.bool_)
    for begin in range(0, first.size, _FUSED_CHUNK):
        a, b = first[begin : begin + _FUSED_CHUNK], second[begin : begin + _FUSED_CHUNK]
        d, w, ok = distance[: len(a)], allowance[: len(a)], agrees[: len(a)]
        np.abs(np.subtract(b, a, out=d), out=d)
        np.add(np.multiply(np.abs(a, out=w), rtol, out=w), atol, out=w)
        np.less_equal(d, w, out=ok).all()


def decision(reference: _Side, candidate: _Side) -> None:
    """Find the mismatching examples."""
    compare_rows(reference, candidate, _TOLERANCE).mismatching.any()


def statistics(reference: _Side, candidate: _Side) -> None:
    """Find the mismatching examples and describe every difference."""
    _ = compare_rows(reference, candidate, _TOLERANCE).statistics


def polygraphy(reference: _Side, candidate: _Side) -> None:
    """Compare as Polygraphy does, its log silenced."""
    with warnings.catch_warnings(), G_LOGGER.verbosity(G_LOGGER.CRITICAL):
        warnings.simplefilter("ignore", DeprecationWarning)
        compare: Any = CompareFunc.simple(rtol=_TOLERANCE.rtol, atol=_TOLERANCE.atol)
        compare(IterationResult({"out": candidate}), IterationResult({"out": reference}))


def measure(
    contestants: Sequence[Callable[[_Side, _Side], None]], sides: tuple[_Side, _Side], rounds: int
) -> list[float]:
    """Return the shortest seconds of each contestant over rounds in which they take turns."""
    shortest = [float("inf")] * len(contestants)
    for _ in range(rounds):
        for place, contestant in enumerate(contestants):
            started = time.perf_counter()
            contestant(*sides)
            shortest[place] = min(shortest[place], time.perf_counter() - started)
    return shortest


def peak_mb(contestant: Callable[[_Side, _Side], None], sides: tuple[_Side, _Side]) -> float:
    """Return the most that a contestant allocates at once."""
    tracemalloc.start()
    try:
        contestant(*sides)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def main() -> None:
    """Measure every case and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    contestants = [assert_allclose, fused_pass, decision, statistics]
    if CompareFunc is not None:
        contestants.append(polygraphy)
    print(f"float32 [{options.rows}, {options.columns}], ms, shortest of {options.rounds} rounds")
    names = "".join(f"{contestant.__name__:>17}" for contestant in contestants)
    print(f"{'case':16}{names}   decision: times faster than assert_allclose, share of fused pass")
    for case, sides in make_cases(options.rows, options.columns).items():
        allclose, fused, decided, *_ = seconds = measure(contestants, sides, options.rounds)
        figures = "".join(f"{1e3 * value:17.1f}" for value in seconds)
        print(f"{case:16}{figures}   {allclose / decided:.1f} x, {decided / fused:.2f}")
    for rows in (options.rows, 4 * options.rows):
        sides = make_cases(rows, options.columns)["few mismatches"]
        peaks = "".join(f"{peak_mb(contestant, sides):17.1f}" for contestant in contestants)
        print(f"{f'MB, {rows * options.columns / 1e6:g} million':16}{peaks}")


if __name__ == "__main__":
    main()
