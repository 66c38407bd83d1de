"""The ladder as a picture: where every arm and every compared pair is drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from tfx_parity.findings import Arm, ParityResult, Rung
from tfx_parity.reporting.ladder_places import STAGES, Place, narrow_places, wide_places
from tfx_parity.reporting.wording import NOTHING

GLYPHS: Mapping[str, str] = {
    "agrees": "=",
    "differs": "≠",
    "undecided": "?",
    "not compared": NOTHING,
}
STATE_CLASSES: Mapping[str, str] = {state: state.replace(" ", "-") for state in GLYPHS}
_UP_BOW, _LEFT_BOW = 74.0, 44.0
_PORT = 12.0  # Of a branch's sign, before the box that it leads to.
_BOW_MIDDLE = 0.75  # Of a cubic whose control points lie one bow away.


@dataclass(frozen=True)
class Frame:
    """Sizes of one way to draw the ladder, in the picture's own units.

    Attributes:
        node: Width and height of an arm's box.
        pitch: Distance of the columns and of the rows.
        margin: Room to the left and right, and above and below.
        characters: How many of the arm's meaning fit into a line; 0: its stage is written instead.
    """

    node: tuple[float, float]
    pitch: tuple[float, float]
    margin: tuple[float, float]
    characters: int


WIDE = Frame(node=(150, 68), pitch=(186, 86), margin=(14, 12), characters=23)
NARROW = Frame(node=(72, 42), pitch=(119, 66), margin=(1, 4), characters=0)


@dataclass(frozen=True)
class Node:
    """An arm as a box.

    Attributes:
        arm: The arm.
        x: Its left end.
        y: Its upper end.
        lines: What is written below its name.
        css: How it is drawn: `asked`, `missing` or `failing`, and `broken` at the pair that breaks.
    """

    arm: Arm
    x: float
    y: float
    lines: tuple[str, ...]
    css: str


@dataclass(frozen=True)
class Edge:
    """A pair of arms as a line with a sign in its middle.

    Attributes:
        rung: The pair.
        path: The line, as SVG writes it.
        x: The sign's middle.
        y: Likewise.
        glyph: The sign.
        css: The state as a class's name, and `broken` for the pair that breaks.
    """

    rung: Rung
    path: str
    x: float
    y: float
    glyph: str
    css: str


@dataclass(frozen=True)
class Band:
    """The columns of one stage."""

    label: str
    x: float
    width: float


@dataclass(frozen=True)
class LadderPicture:
    """A ladder, drawn.

    Attributes:
        width: The picture's width.
        height: Its height.
        node_width: The boxes' width.
        node_height: Their height.
        bands: The stages; none where each box names its own.
        nodes: The arms.
        edges: The pairs, those that break last, so that they lie on top.
        words: All of it in words.
    """

    width: float
    height: float
    node_width: float
    node_height: float
    bands: tuple[Band, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    words: str


def wide_picture(result: ParityResult, broken: tuple[str, str] | None) -> LadderPicture:
    """Draw the ladder from left to right: training, in process, canary, REST.

    Args:
        result: The result.
        broken: The pair at which it breaks, None where it does not.
    """
    return _draw(result, wide_places(result), WIDE, broken, has_bands=True)


def narrow_picture(result: ParityResult, broken: tuple[str, str] | None) -> LadderPicture:
    """Draw the ladder from top to bottom, for a phone.

    Args:
        result: The result.
        broken: The pair at which it breaks, None where it does not.
    """
    return _draw(result, narrow_places(result), NARROW, broken, has_bands=False)


def _draw(
    result: ParityResult,
    places: Mapping[str, Place],
    frame: Frame,
    broken: tuple[str, str] | None,
    *,
    has_bands: bool,
) -> LadderPicture:
    columns = max((column for column, _ in places.values()), default=0)
    rows = [row for _, row in places.values()] or [0]
    first_row = min(-1, *rows) if has_bands else 0
    (width, height), (right, down) = frame.node, frame.pitch
    head = 30.0 if has_bands else 0.0
    corners = {
        name: (frame.margin[0] + column * right, head + frame.margin[1] + (row - first_row) * down)
        for name, (column, row) in places.items()
    }
    edges = [
        _edge(rung, places, corners, frame, broken)
        for rung in result.ladder
        if set(rung.pair) <= set(places)
    ]
    return LadderPicture(
        width=2 * frame.margin[0] + columns * right + width,
        height=head + 2 * frame.margin[1] + (max(rows) - first_row) * down + height,
        node_width=width,
        node_height=height,
        bands=_bands(result, corners, frame) if has_bands else (),
        nodes=tuple(_node(arm, corners[arm.name], frame, result, broken) for arm in result.arms),
        edges=tuple(sorted(edges, key=lambda edge: "broken" in edge.css)),
        words="; ".join(f"{a} and {b}: {r.state}" for r in result.ladder for a, b in [r.pair]),
    )


def _bands(
    result: ParityResult, corners: Mapping[str, tuple[float, float]], frame: Frame
) -> tuple[Band, ...]:
    bands = []
    for stage in STAGES:
        lefts = [corners[arm.name][0] for arm in result.arms if arm.stage == stage]
        if lefts:
            left = min(lefts) - frame.margin[0]
            width = max(lefts) - min(lefts) + frame.node[0] + 2 * frame.margin[0]
            bands.append(Band(stage, left, width))
    return tuple(bands)


def _node(
    arm: Arm,
    corner: tuple[float, float],
    frame: Frame,
    result: ParityResult,
    broken: tuple[str, str] | None,
) -> Node:
    if arm.failed:
        state, note = "failing", f"✕ {arm.failed:,} failed"
    elif result.causes and arm.missing is not None and arm.name == result.decision.headline[1]:
        state, note = "failing", "✕ no answer"  # Nothing can be compared without it.
    elif arm.missing is not None:
        state, note = "missing", "not asked"
    else:
        state, note = "asked", ""
    if frame.characters:
        room = 2 if note else 3
        lines = textwrap.wrap(arm.meaning, frame.characters, max_lines=room, placeholder=" …")
        lines += [note] if note else []
    else:
        lines = [note or arm.stage]
    css = f"{state} broken" if broken is not None and arm.name in broken else state
    return Node(arm, *corner, tuple(lines), css)


def _edge(
    rung: Rung,
    places: Mapping[str, Place],
    corners: Mapping[str, tuple[float, float]],
    frame: Frame,
    broken: tuple[str, str] | None,
) -> Edge:
    (width, height) = frame.node
    start, end = sorted(rung.pair, key=lambda name: places[name])
    (x0, y0), (x1, y1) = corners[start], corners[end]
    is_blocked = _is_between(places, start, end)
    if x0 == x1 and is_blocked:
        path, middle = _bow(x0, y0 + height / 2, x1, y1 + height / 2, -_LEFT_BOW, 0)
    elif x0 == x1:
        path, middle = _line(x0 + width / 2, y0 + height, x1 + width / 2, y1)
    elif y0 == y1 and is_blocked:
        path, middle = _bow(x0 + width / 2, y0, x1 + width / 2, y1, 0, -_UP_BOW)
    elif y0 == y1 and places[end][0] - places[start][0] == 1:
        path, middle = _line(x0 + width, y0 + height / 2, x1, y1 + height / 2)
    else:
        path, middle = _branch(corners[rung.pair[0]], corners[rung.pair[1]], frame)
    css = STATE_CLASSES[rung.state] + (" broken" if rung.pair == broken else "")
    return Edge(rung, path, *middle, GLYPHS[rung.state], css)


def _is_between(places: Mapping[str, Place], start: str, end: str) -> bool:
    """Whether a third arm lies between two of one row or column."""
    (c0, r0), (c1, r1) = places[start], places[end]
    return any(
        place not in (places[start], places[end]) and c0 <= place[0] <= c1 and r0 <= place[1] <= r1
        for place in places.values()
    )


def _line(x0: float, y0: float, x1: float, y1: float) -> tuple[str, tuple[float, float]]:
    return f"M{x0:g} {y0:g}L{x1:g} {y1:g}", ((x0 + x1) / 2, (y0 + y1) / 2)


def _branch(
    source: tuple[float, float], target: tuple[float, float], frame: Frame
) -> tuple[str, tuple[float, float]]:
    """Return a line along the source's row that turns into the target's just before it.

    Its sign sits at the target: many branches leave from one source.
    """
    (width, height), gap = frame.node, frame.pitch[0] - frame.node[0]
    is_right = target[0] > source[0]
    x0, x1 = (source[0] + width, target[0]) if is_right else (source[0], target[0] + width)
    y0, y1 = source[1] + height / 2, target[1] + height / 2
    sense = 1 if is_right else -1
    turn, port = x1 - sense * gap, x1 - sense * _PORT
    path = f"M{x0:g} {y0:g}H{turn:g}C{port:g} {y0:g} {turn:g} {y1:g} {port:g} {y1:g}H{x1:g}"
    return path, (port, y1)


def _bow(
    x0: float, y0: float, x1: float, y1: float, dx: float, dy: float
) -> tuple[str, tuple[float, float]]:
    path = f"M{x0:g} {y0:g}C{x0 + dx:g} {y0 + dy:g} {x1 + dx:g} {y1 + dy:g} {x1:g} {y1:g}"
    return path, ((x0 + x1) / 2 + _BOW_MIDDLE * dx, (y0 + y1) / 2 + _BOW_MIDDLE * dy)
