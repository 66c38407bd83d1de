"""The report as console text."""

from __future__ import annotations

import io
import re
from dataclasses import replace

from parity_results import (
    each_result,
    failing,
    metric,
    metrics,
    passing,
    refusing,
    rung,
    unloadable,
    warned,
)
from rich.console import Console

from tfx_parity.findings import ParityResult
from tfx_parity.reporting.console import print_result


def _print(result: ParityResult, width: int = 120) -> str:
    screen = io.StringIO()
    print_result(result, Console(file=screen, width=width))
    return screen.getvalue()


@each_result
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


def test_what_was_allowed_is_a_warning() -> None:
    """It stands below the verdict, which it does not change."""
    text = _print(warned())

    assert "PASS" in text.splitlines()[0]
    assert "warning: VERSION_MISMATCH, allowed: The server is 2.21; at most 2e-08 apart." in text


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


def test_the_metrics_that_differ_most_come_first_and_equal_ones_are_counted() -> None:
    """A reader sees at once whether the difference matters, and on which slice."""
    text = _print(replace(passing(), metrics=metrics()))

    assert "metrics: 2 of 4 differ, on 344 examples that both sides answered" in text
    assert re.search(r"accuracy +island=Biscoe +0.985 +0.735 +-0.25 *\n", text)
    assert text.index("island=Biscoe") < text.index("all examples")
    assert "island=Dream" not in text
    assert "Plots are not compared." in text


def test_metrics_that_are_no_number_on_one_side_differ_most() -> None:
    """A metric that a NaN made undefined is told before any that only moved."""
    undefined = metric(name="auc", canary=None, difference=None)

    text = _print(replace(passing(), metrics=replace(metrics(), metrics=(metric(), undefined))))

    assert "metrics: 2 of 2 differ" in text
    assert text.index("auc") < text.index("accuracy")
    assert re.search(r"auc +island=Biscoe +0.985 +\N{EN DASH} +\N{EN DASH} *\n", text)


def test_metrics_that_were_asked_for_and_not_computed_say_why() -> None:
    """Never a silent omission; and without an eval_config there is nothing to say."""
    assert "metrics: not computed: not asked: MISSING_ASSET" in _print(unloadable())
    assert "metrics" not in _print(passing())
