"""The report in a real browser: no request, no complaint, no sideways scrolling, contrast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import chromium
import pytest
from parity_results import RESULTS, failing

from tfx_parity.reporting.html_page import write_html

pytestmark = pytest.mark.browser
WIDTHS = (360, 768, 1200)
SCHEMES = ("light", "dark")
# WCAG 2.2, 1.4.3: 4.5 to 1 for text, 3 to 1 for large text.
CONTRASTS = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = "transparent";  // Stays where the colour is none.
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const under = element => {
    if (element.ownerSVGElement) {
      const group = element.closest("g.node, g.glyph, g.band");
      const shape = group && group.querySelector("rect, circle");
      const fill = shape && getComputedStyle(shape).fill;
      if (fill && rgb(fill)[3] === 255) return rgb(fill);
    }
    for (let e = element.ownerSVGElement || element; e; e = e.parentElement) {
      const found = rgb(getComputedStyle(e).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || ["title", "style"].includes(element.tagName.toLowerCase())) continue;
    const style = getComputedStyle(element);
    const ink = light(rgb(element.ownerSVGElement ? style.fill : style.color));
    const paper = light(under(element));
    const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    const large = parseFloat(style.fontSize) >= 24
      || (parseFloat(style.fontSize) >= 18.66 && parseInt(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) {
      poor.push(element.textContent.trim().slice(0, 40) + ": " + contrast.toFixed(2));
    }
  }
  return poor;
})()
"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Text of a picture that is drawn smaller than a person can read.
TINY = """
[...document.querySelectorAll("svg text")].filter(t => t.getClientRects().length)
  .map(t => parseFloat(getComputedStyle(t).fontSize)
    * t.ownerSVGElement.getScreenCTM().a).filter(size => size < 9).length
"""
UNLABELLED = """
[...document.querySelectorAll("svg")]
  .filter(s => !s.getAttribute("aria-label") && s.getAttribute("aria-hidden") !== "true").length
"""
PICTURES = """
[...document.querySelectorAll("svg.ladder")].filter(s => s.getClientRects().length)
  .map(s => s.classList.contains("wide") ? "wide" : "narrow")
"""
FIRST_SCREEN = """
[...document.querySelectorAll(".stamp strong, .code code, h1, .place")]
  .map(e => e.getBoundingClientRect().bottom)
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Chromium]:
    """Return a running browser."""
    command = chromium.find_browser()
    if command is None:
        pytest.skip(f"None of {', '.join(chromium.NAMES)} is on the PATH: install Chromium.")
    with chromium.running(command) as running:
        yield running


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the page of every kind of result."""
    root = tmp_path_factory.mktemp("pages")
    return {name: write_html(root / name, result) for name, result in RESULTS.items()}


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_can_be_read_on_every_screen(
    browser: chromium.Chromium, pages: dict[str, Path], name: str, scheme: str
) -> None:
    """Nothing is asked for, nothing complains, nothing scrolls sideways, all text has contrast."""
    for width in WIDTHS:
        visit = browser.visit(
            pages[name], chromium.View(width, scheme), SIDEWAYS, CONTRASTS, TINY, UNLABELLED
        )

        assert [pages[name].as_uri()] == visit.requests
        assert [] == visit.complaints
        assert [0, [], 0, 0] == visit.answers, (width, scheme)


@pytest.mark.parametrize(("width", "shown"), [(360, ["narrow"]), (1200, ["wide"])])
def test_one_picture_of_the_ladder_is_shown(
    browser: chromium.Chromium, pages: dict[str, Path], width: int, shown: list[str]
) -> None:
    """From left to right where there is room, from top to bottom on a phone."""
    visit = browser.visit(pages["failing"], chromium.View(width, "light"), PICTURES)

    assert [shown] == visit.answers


@pytest.mark.parametrize(("width", "height"), [(360, 640), (1200, 800)], ids=["phone", "desk"])
def test_verdict_cause_and_place_are_seen_without_scrolling(
    browser: chromium.Chromium, pages: dict[str, Path], width: int, height: int
) -> None:
    """What failed and where stands on the first screen."""
    view = chromium.View(width, "light", height)
    (bottoms,) = browser.visit(pages["failing"], view, FIRST_SCREEN).answers

    assert 4 == len(bottoms)
    assert max(bottoms) < height


def test_a_script_in_a_name_does_not_run(browser: chromium.Chromium, tmp_path: Path) -> None:
    """A feature's name that is markup is shown, and does nothing."""
    name = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    result = failing()
    cause = replace(result.causes[0], place=name)
    page = write_html(tmp_path, replace(result, causes=(cause,)))
    place = 'document.querySelector(".place").textContent'

    visit = browser.visit(page, chromium.View(1200, "light"), "document.title", place)

    assert ["FAIL WEIGHTS_DIFFER - parity report", name] == visit.answers
    assert [page.as_uri()] == visit.requests
    assert [] == visit.complaints
