"""The page of the fault corpus says what the corpus holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from corpus_cases import CASES, ROOT_CAUSES

from tfx_parity.findings import CauseCode

_PAGE = Path(__file__).parents[3] / "docs" / "faults.md"


@pytest.fixture(scope="module")
def page() -> str:
    """The page's text."""
    return _PAGE.read_text(encoding="utf-8")


def _table(page: str, mark: str) -> list[list[str]]:
    """Return the cells of a table's rows, its head left out."""
    between = page.partition(f"<!-- {mark} -->")[2].partition(f"<!-- end of {mark} -->")[0]
    lines = [line for line in between.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_page_lists_every_case_with_its_verdict_and_codes(page: str) -> None:
    """Each case once, in order; the place of a fault's first cause is what its check must name."""
    rows = _table(page, "cases")

    expected = [(case.name, case.plants, case.verdict, case.codes) for case in CASES]
    found = [(r[0], r[1], r[4], tuple(re.findall(r"`(\w+)`", r[5]))) for r in rows]
    assert expected == found
    assert all(case.place in row[6] for case, row in zip(CASES, rows, strict=True))


def test_every_code_is_planted() -> None:
    """No cause that the check can name is without a fault that makes it do so first."""
    assert set() == {code.value for code in CauseCode} - {c.codes[0] for c in CASES if c.codes}


def test_every_reported_root_cause_is_planted(page: str) -> None:
    """A root cause has cases, and stands on the page."""
    planted = {case.row for case in CASES}
    listed = [int(row[0]) for row in _table(page, "root causes")]

    assert list(ROOT_CAUSES) == listed
    assert set() == set(ROOT_CAUSES) - planted


def test_reports_on_the_page_are_real(page: str) -> None:
    """Each report names the verdict and the first cause that its case must have."""
    cases = {case.name: case for case in CASES}
    reports = re.findall(r"<!-- report of (\w+) -->\n```\n(.*?)\n```", page, re.DOTALL)

    assert len(re.findall("<!-- report of", page)) == len(reports)
    for name, text in reports:
        assert f" {cases[name].verdict} " in text
        assert f"1. {cases[name].codes[0]} " in text
