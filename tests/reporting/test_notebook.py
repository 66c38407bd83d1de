"""The report in a notebook, by TFX's own registry of visualizations."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from parity_results import failing

from tfx_parity.errors import BadInputError
from tfx_parity.reporting.html_page import write_html

pytestmark = [pytest.mark.tfx, pytest.mark.tensorflow]


class _Frames(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.frames: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "div":
            assert tag == "iframe"
            self.frames.append(dict(attrs))


def _shown(folder: Path) -> list[Any]:
    """Return what a notebook gets to show of a report's artifact."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from tfx.orchestration.experimental.interactive import visualizations

    import tfx_parity.notebook  # noqa: F401 - registers the visualization
    from tfx_parity import ParityReport

    artifact = ParityReport()
    artifact.uri = str(folder)
    visualization = visualizations.get_registry().get_visualization(artifact.type_name)
    InteractiveShell.instance()
    try:
        with capture_output() as captured:
            visualization.display(artifact)
    finally:
        InteractiveShell.clear_instance()
    return captured.outputs


def test_a_notebook_shows_the_page_in_a_frame(tmp_path: Path) -> None:
    """The frame holds the page, byte for byte, and may run no script."""
    page = write_html(tmp_path, failing())

    (shown,) = _shown(tmp_path)

    reader = _Frames()
    reader.feed(shown.data["text/html"])
    (frame,) = reader.frames
    assert page.read_text(encoding="utf-8") == frame["srcdoc"]
    assert "" == (frame["sandbox"] or "")


def test_an_artifact_without_a_page_is_told(tmp_path: Path) -> None:
    """What is missing, and where, is said."""
    with pytest.raises(BadInputError, match=r"report\.html, found none"):
        _shown(tmp_path)
