"""Where the ladder's arms stand: a column and a row for each, on a wide page and on a phone."""

from __future__ import annotations

from collections.abc import Sequence

from tfx_parity.findings import FEATURES, ParityResult

STAGES = ("training", "in process", "canary", "REST")
Place = tuple[int, int]


def wide_places(result: ParityResult) -> dict[str, Place]:
    """Return each arm's column and row where the stages stand from left to right."""
    tracks = _tracks(result)
    hub, others = _hub_and_others(result)
    in_process = tracks["in process", False]
    hub_column = 1 + max(1, len(in_process))
    rest_column = hub_column + 1 + bool(others)
    places: dict[str, Place] = {}
    _stack(places, tracks["training", False], 0, 0)
    for column, name in enumerate(in_process, 1):
        places[name] = (column, 0)
    _stack(places, hub, hub_column, 0)
    # Beside the row of the hub, which leads on to REST.
    for row, name in enumerate(others, -(len(others) // 2)):
        places[name] = (hub_column + 1, row if row < 0 else row + 1)
    rest = tracks["REST", False]
    _stack(places, rest, rest_column, -((len(rest) - 1) // 2))
    _stack(places, tracks["training", True], 0, 1)
    _stack(places, tracks["in process", True], hub_column - 1, 1)
    _stack(places, tracks["canary", True], hub_column, 1)
    _stack(places, tracks["REST", True], rest_column, 1)
    return places


def narrow_places(result: ParityResult) -> dict[str, Place]:
    """Return each arm's column and row where the stages stand from top to bottom."""
    tracks = _tracks(result)
    hub, others = _hub_and_others(result)
    places: dict[str, Place] = {}
    _stack(places, [*tracks["training", False], *tracks["in process", False], *hub], 1, 0)
    hub_row = places[hub[0]][1] if hub else len(places)
    _stack(places, others, 0, hub_row)
    _stack(places, tracks["training", True], 2, 0)
    _stack(places, tracks["in process", True], 2, max(1, hub_row - 1))
    _stack(places, tracks["canary", True], 2, hub_row)
    _stack(places, [*tracks["REST", False], *tracks["REST", True]], 2, hub_row + 1)
    return places


def _tracks(result: ParityResult) -> dict[tuple[str, bool], list[str]]:
    """Return the arms' names by stage and by whether they give features."""
    tracks: dict[tuple[str, bool], list[str]] = {
        (stage, is_feature): [] for stage in STAGES for is_feature in (False, True)
    }
    for arm in result.arms:
        tracks[arm.stage, arm.gives == FEATURES].append(arm.name)
    return tracks


def _hub_and_others(result: ParityResult) -> tuple[list[str], list[str]]:
    """Return the canary's arm that all others are compared with, and its other arms."""
    names = _tracks(result)["canary", False]
    hub = [name for name in names if name == result.decision.headline[1]]
    return hub, [name for name in names if name not in hub]


def _stack(places: dict[str, Place], names: Sequence[str], column: int, row: int) -> None:
    """Place arms one after the other into the free rows of a column."""
    for name in names:
        while (column, row) in places.values():
            row += 1
        places[name] = (column, row)
