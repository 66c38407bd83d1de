"""The report as one page: it is self-contained, escaped, bounded and deterministic."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema_rs
import pytest
from parity_results import crowded, each_result, failing, passing, skewed, warned

from tfx_parity import schemas
from tfx_parity.findings import ParityResult, Verdict
from tfx_parity.reporting.html_page import to_html, write_html
from tfx_parity.reporting.report_files import write_report
from tfx_parity.reporting.report_json import to_json

SCHEMA = json.loads((Path(schemas.__file__).parent / "parity_report.schema.json").read_text())
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)></style></title>{{ 7*7 }}&lt;"
VOID = {"meta", "link"}


class _Reader(HTMLParser):
    """Reads a page's elements, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def _read(page: bytes) -> _Reader:
    reader = _Reader()
    reader.feed(page.decode())
    reader.close()
    assert reader.open == []
    return reader


def _attributes(page: bytes) -> Iterator[tuple[str, str, str]]:
    for tag, attributes in _read(page).elements:
        for name, value in attributes.items():
            yield tag, name, value or ""


def _with_texts(text: str) -> ParityResult:
    """Return a result that shows a text in every place where a model's owner can put one."""
    result = crowded(text)
    return replace(result, causes=result.causes[:3])


@each_result
def test_every_kind_of_result_makes_a_page_that_starts_with_its_verdict(
    result: ParityResult,
) -> None:
    """The verdict is the first word of the body; the cause's place stands before the numbers."""
    page = _read(to_html(result)).text
    body = page.split("- parity report", 1)[1]

    assert result.verdict.value == body.split()[0].lstrip("✓✕?")
    if result.causes:
        first = result.causes[0]
        assert body.index(first.code.value) < body.index(first.place[:400])
        assert body.index(first.place[:400]) < body.index("examples")


@each_result
def test_the_json_of_every_kind_of_result_fits_the_schema(result: ParityResult) -> None:
    """What is on the page is in the JSON, by the published schema."""
    jsonschema_rs.validate(SCHEMA, json.loads(to_json(result)))


@each_result
def test_the_same_result_gives_the_same_bytes(result: ParityResult) -> None:
    """Two pages of one result do not differ, whatever the order of its mappings."""
    turned = replace(
        result,
        environment=dict(reversed(result.environment.items())),
        tolerances=dict(reversed(result.tolerances.items())),
    )

    assert to_html(result) == to_html(turned)


@each_result
def test_a_page_needs_nothing_from_elsewhere(result: ParityResult) -> None:
    """No script, no address, no style that loads; and the page forbids them itself."""
    page = to_html(result)
    elements = _read(page).elements

    assert {"script", "img", "iframe", "object", "embed", "base", "form"} & {
        tag for tag, _ in elements
    } == set()
    leaving = [
        (tag, name, value)
        for tag, name, value in _attributes(page)
        if name in ("src", "href", "action", "data", "style") or name.startswith("on")
    ]
    assert leaving == [("link", "href", "data:,")]
    assert re.search(rb"https?:|url\(|@import", page) is None
    policies = [a.get("content") for tag, a in elements if a.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_texts_of_others_are_text() -> None:
    """Markup in a name or a value changes no element and no attribute's name, and is shown."""
    plain, evil = _read(to_html(_with_texts("plain"))), _read(to_html(_with_texts(EVIL)))

    def shape(reader: _Reader) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(attributes)) for tag, attributes in reader.elements]

    assert shape(plain) == shape(evil)
    assert EVIL in evil.text


def test_unseen_characters_are_written_out() -> None:
    """What would turn or hide the text around it shows as an escape."""
    text = _read(to_html(_with_texts("a\u202eb\x00c\x1b[31m"))).text

    assert "a\\u202eb\\u0000c\\u001b[31m" in text
    assert re.search("[\x00\x1b\u202e]", text) is None


@pytest.mark.thorough
def test_a_page_stays_small_whatever_the_result_holds() -> None:
    """200 causes, 500 points an output and texts of 30,000 characters stay under 2 MB."""
    page = to_html(crowded("x" * 30_000))
    text = _read(page).text

    assert len(page) < 2_000_000
    assert "and 100 more, in report.json" in text
    assert "(30,000 characters)" in text


def test_a_command_is_never_cut() -> None:
    """The command that gives the report again is whole, however long its paths are."""
    command = f"tfx-parity check /{'long/' * 300}model --predictions /runs/4"

    assert command in _read(to_html(replace(passing(), reproduce=command))).text


def test_a_page_in_full_tells_what_a_person_asks_for() -> None:
    """Cause, place, advice, flips, ties, worst values, raw values, coverage and command."""
    result = failing()
    text = " ".join(_read(to_html(result)).text.split())

    for words in (
        "The served model does not hold the weights that the trainer asked",
        "variable dense/kernel",
        "Export after the last training step",
        "Between T (what T answers) and A (what A answers): 40 of 344 examples differ.",
        "12 of 344 flip (the greatest of 3 scores); 3 of them a tie within the tolerance",
        "0.98 (Kendall's tau-b",
        "Example 7",
        "scores[1]",
        "8,388,608",
        "Biscoe",
        "28 of 28 answered as expected",
        "native, TensorFlow 2.16.2",
        "GPU kernels",
        result.reproduce,
    ):
        assert words in text


@pytest.mark.parametrize("verdict", Verdict)
def test_a_result_without_a_cause_has_a_headline(verdict: Verdict) -> None:
    """Each verdict is told in words where no cause does."""
    page = _read(to_html(replace(passing(), verdict=verdict))).text

    expected = {
        Verdict.PASS: "The canary answers what the trainer answered",
        Verdict.FAIL: "The canary does not answer what the trainer answered",
        Verdict.INCONCLUSIVE: "Too little is known to bless the model",
    }
    assert expected[verdict] in page


def test_strings_have_no_points_and_no_greatest_difference() -> None:
    """An output of strings is shown by its shares of equal and different elements."""
    page = _read(to_html(skewed()))
    labels = [attributes.get("aria-label", "") for _, attributes in page.elements]

    assert "991 elements are equal, 41 are not" in labels


def test_the_report_is_written_as_two_files(tmp_path: Path) -> None:
    """One folder holds the JSON and the page, and nothing is left beside them."""
    json_file, page = write_report(tmp_path / "made", failing())

    assert (to_json(failing()), to_html(failing())) == (json_file.read_bytes(), page.read_bytes())
    assert ["report.html", "report.json"] == sorted(p.name for p in (tmp_path / "made").iterdir())
    assert page == write_html(tmp_path / "made", failing())


def test_what_was_allowed_is_a_warning_below_the_verdict() -> None:
    """The page says that it is allowed, and what was seen."""
    text = _read(to_html(warned())).text

    assert "Warning, allowed: VERSION_MISMATCH The server is 2.21; at most 2e-08 apart." in text


def test_the_metrics_of_both_sides_stand_in_one_table() -> None:
    """Each metric has its slice, both values and the difference, and the sentence says the rest."""
    text = " ".join(_read(to_html(skewed())).text.split())

    assert "2 of 4 differ, on 344 examples that both sides answered" in text
    assert "accuracy island=Biscoe 0.985 0.735 -0.25" in text
    assert "accuracy island=Dream 0.969 0.969 0" in text
    assert "auc, class 2 island=Biscoe \N{EN DASH} \N{EN DASH} \N{EN DASH}" in text
    assert "Plots are not compared." in text


@pytest.mark.thorough
def test_metrics_beyond_what_a_page_shows_are_counted() -> None:
    """The page is bounded, and says how many are in the JSON alone."""
    assert "and 440 more, none of which differs more than these" in _read(to_html(crowded())).text
