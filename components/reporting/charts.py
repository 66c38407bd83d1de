"""Distributions and points as pictures: everything that is drawn, in the picture's own units."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tfx_parity.findings import OutputSummary, RatioHistogram, Scatter
from tfx_parity.reporting.wording import count_text, number_text, power_text, short_count_text

_TICKS = 4
_MOST_DIGITS = 18
_LEAST_BAR = 3.0


@dataclass(frozen=True)
class Bar:
    """One bucket of a histogram.

    Attributes:
        x: Its left end.
        y: Its upper end.
        width: Its width.
        height: Its height.
        label: How many elements, short.
        words: What it counts, in words.
        differs: Whether its elements lie beyond the tolerance.
    """

    x: float
    y: float
    width: float
    height: float
    label: str
    words: str
    differs: bool


@dataclass(frozen=True)
class Tick:
    """A label on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class HistogramPicture:
    """A histogram of ratios on logarithmic axes.

    Attributes:
        width: The picture's width.
        height: Its height.
        base: Where the bars stand.
        bars: The buckets.
        ticks: Labels below.
        tolerance: Where what agrees ends.
        noise: Where the canary's own noise lies; None where it is not known or not of this pair.
        words: All of it in words.
    """

    width: float
    height: float
    base: float
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    tolerance: float
    noise: float | None
    words: str


_WIDTH, _HEIGHT, _TOP, _BASE, _SIDE = 330.0, 224.0, 40.0, 172.0, 5.0


def histogram_picture(ratios: RatioHistogram, noise_ratio: float | None) -> HistogramPicture:
    """Draw the distribution of the ratio to the tolerance.

    Args:
        ratios: The counts.
        noise_ratio: The canary's own noise as a ratio to the tolerance, to be marked.
    """
    edges = ratios.edges
    step = (_WIDTH - 2 * _SIDE) / len(ratios.counts)
    most = max(*ratios.counts, 1)
    agreeing = sum(edge <= 1 for edge in edges)
    bars = [
        _bar(number, count, most, step, _bucket_words(number, edges), number >= agreeing)
        for number, count in enumerate(ratios.counts)
    ]
    ticks = [Tick(_SIDE + step / 2, "0")]
    # Every second edge, the tolerance's own among them: more would touch each other.
    labelled = range(agreeing % 2 + 1, len(edges), 2)
    ticks += [Tick(_SIDE + (n + 1) * step, _edge_text(edges[n])) for n in labelled]
    ticks.append(Tick(_WIDTH - _SIDE - step / 2, "∞"))
    noise = None if noise_ratio is None else _SIDE + step * _position(noise_ratio, edges)
    words = "; ".join(f"{bar.words}: {c}" for bar, c in zip(bars, ratios.counts, strict=True) if c)
    return HistogramPicture(
        width=_WIDTH,
        height=_HEIGHT,
        base=_BASE,
        bars=tuple(bars),
        ticks=tuple(ticks),
        tolerance=_SIDE + step * agreeing,
        noise=noise,
        words=words or "no elements",
    )


def _bar(number: int, count: int, most: int, step: float, words: str, differs: bool) -> Bar:
    room = _BASE - _TOP
    height = max(_LEAST_BAR, room * math.log1p(count) / math.log1p(most)) if count else 0.0
    return Bar(
        x=_SIDE + number * step + 1,
        y=_BASE - height,
        width=step - 2,
        height=height,
        label=short_count_text(count) if count else "",
        words=words,
        differs=differs,
    )


def _edge_text(edge: float) -> str:
    return power_text(round(math.log10(edge)))


def _bucket_words(number: int, edges: Sequence[float]) -> str:
    if number == 0:
        return "equal"
    if number == len(edges):
        return f"r over {number_text(edges[-1])}"
    if number > len(edges):
        return "r infinite"
    return f"r over {number_text(edges[number - 1])} up to {number_text(edges[number])}"


def _position(ratio: float, edges: Sequence[float]) -> float:
    """Return where a ratio lies on the axis, counted in buckets."""
    if ratio <= 0:
        return 0.5
    for number in range(1, len(edges)):
        if ratio <= edges[number]:
            lower = edges[number - 1] or edges[number] / 10
            share = math.log10(ratio / lower) / math.log10(edges[number] / lower)
            return number + min(1.0, max(0.0, share))
    return len(edges) + 0.5


@dataclass(frozen=True)
class ScatterPicture:
    """Values of both sides, one point an element.

    Attributes:
        size: Width and height of the plot.
        left: Where it begins.
        top: Likewise.
        width: The picture's width.
        height: Its height.
        x_ticks: Labels below.
        y_ticks: Labels at the left.
        agreeing: Points within the tolerance, as an SVG path.
        differing: Points beyond it, as an SVG path of crosses.
        words: All of it in words.
    """

    size: float
    left: float
    top: float
    width: float
    height: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    agreeing: str
    differing: str
    words: str


_PLOT, _LEFT, _PLOT_TOP, _RIGHT, _BELOW = 236.0, 62.0, 8.0, 14.0, 42.0
_CROSS = 3.2


def scatter_picture(scatter: Scatter, output: OutputSummary) -> ScatterPicture:
    """Draw reference against served values on one common scale.

    Args:
        scatter: The points.
        output: The output that they belong to.
    """
    low, high = _span([*scatter.reference, *scatter.candidate])
    ticks = _nice_ticks(low, high)
    labels = _tick_texts(ticks)

    def across(value: float) -> float:
        return _LEFT + _PLOT * _share(value, low, high)

    def down(value: float) -> float:
        return _PLOT_TOP + _PLOT * (1 - _share(value, low, high))

    places = [
        (across(a), down(b)) for a, b in zip(scatter.reference, scatter.candidate, strict=True)
    ]
    differing, agreeing = places[: scatter.mismatching], places[scatter.mismatching :]
    return ScatterPicture(
        size=_PLOT,
        left=_LEFT,
        top=_PLOT_TOP,
        width=_LEFT + _PLOT + _RIGHT,
        height=_PLOT_TOP + _PLOT + _BELOW,
        x_ticks=tuple(Tick(across(v), text) for v, text in zip(ticks, labels, strict=True)),
        y_ticks=tuple(Tick(down(v), text) for v, text in zip(ticks, labels, strict=True)),
        agreeing="".join(f"M{x:.1f} {y:.1f}h0" for x, y in agreeing),
        differing="".join(_cross(x, y) for x, y in differing),
        words=f"{count_text(len(places))} of {count_text(output.elements)} elements drawn, "
        f"{count_text(len(differing))} of which differ beyond the tolerance",
    )


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Return a range that holds all values with some room, and is never empty."""
    low, high = min(values), max(values)
    # Halves first, here and below: the difference of two floats can be infinite.
    room = (high / 2 - low / 2) * 0.1 or abs(high) / 2 or 1.0
    return max(low - room, -sys.float_info.max), min(high + room, sys.float_info.max)


def _share(value: float, low: float, high: float) -> float:
    return (value / 2 - low / 2) / (high / 2 - low / 2)


def _nice_ticks(low: float, high: float) -> list[float]:
    """Return a few round numbers between two."""
    raw = high / _TICKS - low / _TICKS
    size = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 0.0
    step = next((size * m for m in (1, 2, 5, 10) if size * m >= raw), 0.0)
    if not step or not math.isfinite(step):
        return [low, high]
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)]


def _tick_texts(ticks: Sequence[float]) -> list[str]:
    """Return the ticks with as many digits as tell them apart."""
    for digits in range(2, _MOST_DIGITS):
        texts = [f"{tick:.{digits}g}" for tick in ticks]
        if len(set(texts)) == len(texts):
            break
    return texts


def _cross(x: float, y: float) -> str:
    arm, side = _CROSS, 2 * _CROSS
    return f"M{x - arm:.1f} {y - arm:.1f}l{side:g} {side:g}m0-{side:g}l-{side:g} {side:g}"
