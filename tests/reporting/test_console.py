"""The report as console text."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from parity_results import RESULTS, failing, passing, refusing, rung
from rich.console import Console

from tfx_parity.findings import ParityResult
from tfx_parity.reporting.console import print_result


def _print(result: ParityResult, width: int = 120) -> str:
    screen = io.StringIO()
    print_result(result, Console(file=screen, width=width))
    return screen.getvalue()


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS.keys())
def test_every_kind_of_result_is_printed_within_the_screen(result: ParityResult) -> None:
    """The verdict comes first, and no line is wider than the console."""
    lines = _print(result, 80).splitlines()

    assert result.verdict.value in lines[0]
    assert max(map(len, lines)) <= 80


def test_a_cause_is_told_with_place_and_advice() -> None:
    """What was found, where, how it shows, and what to do."""
    text = _print(failing())

    for words in (
        "WEIGHTS_DIFFER",
        "variable dense/kernel",
        "40 of 344 examples differ.",
        "0.25 became 0.5, 5,322 times the tolerance",
        "Export after the last training step",
        "T ≠ A",
    ):
        assert words in text


def test_the_servers_own_words_are_quoted() -> None:
    """A refused request shows what the server said to it."""
    assert 'JSON Value: "Biscoe" Type: String' in _print(refusing())


def test_markup_in_a_name_is_text() -> None:
    """What looks like the console library's own markup is printed as it is."""
    first = replace(failing().causes[0], place="feature [bold]x[/bold]")

    assert "feature [bold]x[/bold]" in _print(replace(failing(), causes=(first,)))


def test_what_no_tolerance_allows_is_infinite() -> None:
    """Other strings, or NaN on one side, have no ratio."""
    different = replace(rung(("T", "C"), "differs"), max_ratio=None)

    assert "∞" in _print(replace(passing(), ladder=(different,)))
