"""The page of a payload report: self-contained, escaped, bounded, deterministic."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from tfx_parity.findings import (
    FaultCode,
    FaultKind,
    FaultTally,
    PayloadFault,
    PayloadFile,
    PayloadResult,
    StaticFinding,
    Verdict,
)
from tfx_parity.reporting.payload_console import print_payload_result
from tfx_parity.reporting.payload_page import payload_html

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)></style>{{ 7*7 }}\u202e"
KINDS = (FaultKind.REFUSED, FaultKind.CHANGED, FaultKind.SUSPECT)


def result_with(text: str, count: int = 1) -> PayloadResult:
    """Return a failing result that shows a text wherever a client or a model can put one."""
    fault = PayloadFault(FaultCode.WRONG_TYPE, KINDS[0], text, 3, 1, text, text, text, text, text)
    faults = [replace(fault, input=f"{text}{i}", kind=KINDS[i % 3]) for i in range(count)]
    finding = StaticFinding("LABEL_REQUIRED", True, text, text, text, text, text)
    return PayloadResult(
        verdict=Verdict.FAIL,
        sentence=text,
        model=text,
        statics=(finding, replace(finding, blocking=False)) * count,
        files=(PayloadFile(text, "JSON lines", 3, 4, 1, text),) * count,
        tallies=tuple(FaultTally(f.kind, f.code, f.input, 1) for f in faults),
        faults=tuple(faults),
        environment={text: text},
        reproduce=text,
    )


class _Tags(HTMLParser):
    """Collects a page's elements and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(page: bytes) -> list[tuple[str, dict[str, str | None]]]:
    reader = _Tags()
    reader.feed(page.decode("utf-8"))
    return reader.found


def test_the_page_says_what_was_found_and_where() -> None:
    """Verdict, code, pointer, the server's words and the cure stand on the page."""
    page = payload_html(result_with("/instances/0/sex")).decode("utf-8")

    for expected in ("FAIL", "WRONG_TYPE", "/instances/0/sex", "LABEL_REQUIRED", "To do"):
        assert expected in page


def test_what_clients_send_cannot_write_the_page() -> None:
    """A hostile text makes no element, no attribute and no turned text."""
    hostile, harmless = payload_html(result_with(EVIL)), payload_html(result_with("x"))

    assert [tag for tag, _ in tags(harmless)] == [tag for tag, _ in tags(hostile)]
    assert b"<script" not in hostile
    assert "\u202e" not in hostile.decode("utf-8")


def test_the_page_needs_nothing_beside_it() -> None:
    """No script, no link to load, and a policy that forbids both."""
    page = payload_html(result_with("x"))

    for _, attributes in tags(page):
        assert not {"src", "onclick", "onload"} & set(attributes)
        assert attributes.get("href", "data:,") == "data:,"
    assert b"default-src 'none'" in page
    assert not re.search(rb"url\(", page)


def test_a_crowded_result_stays_bounded() -> None:
    """Thousands of faults and files make a page that a browser opens."""
    assert len(payload_html(result_with("y" * 50, 2_000))) < 1_000_000


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"verdict": Verdict.PASS}, "Every payload reaches the model"),
        ({"verdict": Verdict.INCONCLUSIVE}, "There was nothing to validate"),
        ({}, "Clients send what the server refuses"),
        ({"tallies": ()}, "The model cannot be asked rightly"),
        ({"tallies": (), "statics": ()}, "Not all could be read"),
    ],
)
def test_the_headline_is_the_worst_that_was_found(change: dict, expected: str) -> None:
    """The first sentence tells the reader what to look at."""
    assert expected in payload_html(replace(result_with("x"), **change)).decode("utf-8")


def test_the_same_result_gives_the_same_page() -> None:
    """Two pages of one result are equal byte by byte."""
    assert payload_html(result_with("x", 3)) == payload_html(result_with("x", 3))


def test_the_console_shows_the_same() -> None:
    """Code, place and cure are printed, and unseen characters written out."""
    console = Console(record=True, width=120, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        print_payload_result(result_with(EVIL, 30), console)

    text = capture.get()
    for expected in ("FAIL", "WRONG_TYPE", "LABEL_REQUIRED", "\\u202e", "and 10 more"):
        assert expected in text
