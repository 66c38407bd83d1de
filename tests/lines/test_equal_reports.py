"""The two TFX lines say the same of the same inputs, but for versions and noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import line_reports
import pytest

pytestmark = pytest.mark.native
# Recorded on one of the lines, by tests/support/line_reports.py.
RECORDED = Path(__file__).parent / "data" / "reports"
# What float32 may lose on its way through a model, and what a report's six digits lose of that.
RELATIVE, ABSOLUTE = 1e-5, 2e-6


def _differences(expected: Any, found: Any, place: str = "report") -> list[str]:
    """Return where two reports differ by more than noise."""
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        pairs = [(f"{place}.{key}", expected[key], found[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = [
            (f"{place}[{i}]", *pair) for i, pair in enumerate(zip(expected, found, strict=True))
        ]
    else:
        return [] if _is_alike(expected, found) else [f"{place}: {expected!r}, {found!r}"]
    return [text for path, mine, theirs in pairs for text in _differences(mine, theirs, path)]


def _is_alike(expected: Any, found: Any) -> bool:
    numbers = [_number(expected), _number(found)]
    if None in numbers:
        return bool(expected == found)
    return bool(numbers[1] == pytest.approx(numbers[0], rel=RELATIVE, abs=ABSOLUTE))


def _number(value: Any) -> float | None:
    """Return a fraction, which may stand in a text; counts are no noise's."""
    if isinstance(value, float):
        return value
    try:
        return float(value) if isinstance(value, str) and "." in value else None
    except ValueError:
        return None


@pytest.mark.parametrize("name", line_reports.CASES)
def test_a_report_is_the_one_that_was_recorded_on_one_of_the_lines(
    name: str, tmp_path: Path
) -> None:
    """Verdict, causes, places, evidence, ladder, arms, texts: all that is no version or noise."""
    expected = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))

    assert [] == _differences(expected, line_reports.said(name, tmp_path))


def test_what_is_compared_says_something() -> None:
    """A model that agrees, one that does not, payloads with faults of each kind."""
    agree, fails, payloads = (
        json.loads((RECORDED / f"{name}.json").read_text("utf-8")) for name in line_reports.CASES
    )

    assert ("PASS", "FAIL", "FAIL") == (agree["verdict"], fails["verdict"], payloads["verdict"])
    assert 420 == agree["decision"]["examples"]
    assert "transformed feature colour_id (from colour)" == fails["causes"][1]["place"]
    assert {"refused", "suspect"} <= {fault["kind"] for fault in payloads["faults"]}
    assert ["report.verdict: 'PASS', 'FAIL'"] == _differences(
        {"verdict": "PASS", "shown": [0.25, "0.5"]}, {"verdict": "FAIL", "shown": [0.250001, "0.5"]}
    )
