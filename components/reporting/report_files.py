"""A parity result as files: one for programs, one for people."""

from __future__ import annotations

from pathlib import Path

from tfx_parity.findings import ParityResult
from tfx_parity.reporting.html_page import write_html
from tfx_parity.reporting.report_json import write_json


def write_report(folder: Path, result: ParityResult) -> tuple[Path, Path]:
    """Write `report.json` and `report.html` into a folder.

    Args:
        folder: The folder; made if missing.
        result: The result.

    Returns:
        The two files, in this order.
    """
    return write_json(folder, result), write_html(folder, result)
