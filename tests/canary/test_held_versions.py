"""What is wanted changes what is held: new versions come first, a bad one replaces no good one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.canary.held_versions import Held, Table, available_versions, next_table
from tfx_parity.canary.model_configs import WantedVersion
from tfx_parity.canary.servable import Servable
from tfx_parity.canary.versions import ModelVersion
from tfx_parity.serving_api.status import Code, ServingError

BROKEN = frozenset({7, 8, 9})
REFUSAL = ServingError(Code.NOT_FOUND, "broken")
NUMBERS = st.sets(st.integers(1, 9), max_size=4)


class _Loader:
    """Loads whatever is not broken, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, wanted: WantedVersion) -> Held:
        number = wanted.version.number
        self.asked.append(number)
        if number in BROKEN:
            return Held(None, REFUSAL)
        # What a servable is does not matter to the table.
        return Held(cast("Servable", f"servable {number}"))


def _wanted(numbers: Sequence[int]) -> list[WantedVersion]:
    return [WantedVersion("m", ModelVersion(number, Path(f"/m/{number}"))) for number in numbers]


def _next(
    table: Table, numbers: Sequence[int], before: Sequence[int]
) -> tuple[list[int], list[int]]:
    loader = _Loader()
    after = next_table(table, _wanted(numbers), {("m", number) for number in before}, loader)
    return sorted(available_versions(after).get("m", [])), loader.asked


def _held(*numbers: int, failed: Sequence[int] = ()) -> Table:
    loader = _Loader()
    return {"m": {number: loader(_wanted([number])[0]) for number in (*numbers, *failed)}}


@pytest.mark.parametrize(
    ("table", "wanted", "before", "available", "loaded"),
    [
        ({}, [1], [], [1], [1]),
        (_held(1), [2], [1], [2], [2]),
        (_held(1), [1, 2], [1], [1, 2], [2]),
        (_held(1, 2), [2], [1, 2], [2], []),
        (_held(1), [], [1], [], []),
        (_held(1), [9], [1], [1], [9]),
        (_held(1, failed=[9]), [9], [9], [1], []),
        (_held(1, failed=[9]), [9], [1], [1], [9]),
    ],
    ids=[
        "first", "newer", "both", "older goes", "none left", "bad one", "bad one again",
        "bad one that went and came",
    ],
)  # fmt: skip
def test_versions_come_and_go(
    table: Table, wanted: list[int], before: list[int], available: list[int], loaded: list[int]
) -> None:
    """Each case: what is held, what is wanted, what was; then what answers and what was loaded."""
    assert (available, loaded) == _next(table, wanted, before)


@given(NUMBERS, NUMBERS)
def test_a_model_is_never_left_without_an_answer_by_a_bad_version(
    before: set[int], wanted: set[int]
) -> None:
    """Where anything answered and anything is wanted, something answers afterwards."""
    table = next_table({}, _wanted(sorted(before)), (), _Loader())
    available, loaded = _next(table, sorted(wanted), sorted(before))

    good = wanted - BROKEN
    old = before - BROKEN
    assert sorted(good or (old if wanted else set()) | good) == available
    assert sorted(wanted - before) == loaded
