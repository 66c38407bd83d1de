"""A parity result as one HTML page that needs nothing beside it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tfx_parity.files import write_bytes
from tfx_parity.findings import FAULT_MEANINGS, MEANINGS, ParityResult
from tfx_parity.reporting import wording
from tfx_parity.reporting.charts import histogram_picture, scatter_picture
from tfx_parity.reporting.ladder_picture import (
    GLYPHS,
    STATE_CLASSES,
    narrow_picture,
    wide_picture,
)
from tfx_parity.reporting.metrics import (
    difference_text,
    metrics_sentence,
    slice_text,
    value_text,
)
from tfx_parity.reporting.page import Page

FILE_NAME = "report.html"
LONGEST_TEXT = 4_000
_PATH = re.compile(r"[MLCHVlhvm0-9. -]*")


def to_html(result: ParityResult) -> bytes:
    """Return a result as a page: no script, no request, the same result gives the same bytes."""
    page = Page(result)
    text = (
        page_environment()
        .get_template("page.html")
        .render(
            page=page,
            result=result,
            wide=wide_picture(result, page.broken_pair),
            narrow=narrow_picture(result, page.broken_pair),
        )
    )
    return text.encode("utf-8")


def write_html(folder: Path, result: ParityResult) -> Path:
    """Write a result as `report.html` into a folder and return the file."""
    path = folder / FILE_NAME
    write_bytes(path, to_html(result))
    return path


@cache
def page_environment() -> Environment:
    """Return the templates with the filters and words that all pages share."""
    environment = Environment(
        loader=PackageLoader("tfx_parity.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_bounded,
    )
    environment.filters.update(
        count=wording.count_text,
        number=wording.number_text,
        ratio=wording.ratio_text,
        share=wording.share_text,
        short=wording.short_text,
        path=_path,
    )
    environment.globals.update(
        meanings=MEANINGS,
        fault_meanings=FAULT_MEANINGS,
        glyphs=GLYPHS,
        state_classes=STATE_CLASSES,
        histogram=histogram_picture,
        scatter=scatter_picture,
        metrics_sentence=metrics_sentence,
        slice_text=slice_text,
        metric_text=value_text,
        difference_text=difference_text,
    )
    return environment


def _path(path: str) -> Markup:
    """Return an SVG path of ours, however long it is."""
    if not _PATH.fullmatch(path):
        raise ValueError(f"Expected an SVG path, got {path[:80]!r}.")
    return Markup(path)  # noqa: S704 - holds no character that HTML knows


def _bounded(value: object) -> object:
    """Write out unseen characters and cut what is too long, whatever a template prints."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return wording.visible_text(wording.short_text(value, LONGEST_TEXT))
    return value
