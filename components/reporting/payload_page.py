"""A payload result as one HTML page that needs nothing beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from tfx_parity.files import write_bytes
from tfx_parity.findings import (
    FaultKind,
    PayloadFault,
    PayloadFile,
    PayloadResult,
    StaticFinding,
    Verdict,
)
from tfx_parity.reporting.figures import Figure
from tfx_parity.reporting.html_page import FILE_NAME, page_environment
from tfx_parity.reporting.payload_json import write_payload_json
from tfx_parity.reporting.wording import count_text

_SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.INCONCLUSIVE: "?"}
_STATES = {
    FaultKind.REFUSED: "differs",
    FaultKind.CHANGED: "differs",
    FaultKind.SUSPECT: "undecided",
}
_KIND_NOTES = {
    FaultKind.REFUSED: "the server answers an error",
    FaultKind.CHANGED: "another value reaches the model",
    FaultKind.SUSPECT: "taken, against schema or shape",
}
_FAULTS_SHOWN = 40
_FILES_SHOWN = 100


@dataclass(frozen=True)
class PayloadPage:
    """A result as the page tells it."""

    result: PayloadResult
    tallies_shown: int = 100
    findings_shown: int = 100

    @property
    def sign(self) -> str:
        """The verdict's sign."""
        return _SIGNS[self.result.verdict]

    @property
    def model_name(self) -> str:
        """The last two parts of the model's path."""
        return "/".join(PurePath(self.result.model).parts[-2:])

    @property
    def headline(self) -> str:
        """What the page says first."""
        if self.result.verdict is Verdict.PASS:
            return "Every payload reaches the model as it was sent"
        if self.result.verdict is Verdict.INCONCLUSIVE:
            return "There was nothing to validate"
        worst = next((kind for kind in FaultKind if self.result.count(kind)), None)
        if worst is FaultKind.REFUSED:
            return "Clients send what the server refuses"
        if worst is FaultKind.CHANGED:
            return "Clients send what reaches the model as something else"
        if worst is FaultKind.SUSPECT:
            return "Clients send what the schema does not allow"
        return "The model cannot be asked rightly" if self.blocking else "Not all could be read"

    @property
    def figures(self) -> list[Figure]:
        """The numbers below the headline."""
        rows = sum(file.rows for file in self.result.files)
        files = len(self.result.files)
        payloads = Figure(
            "payloads", count_text(self.result.payloads), f"{rows:,} rows in {files:,} files"
        )
        kinds = [
            Figure(kind.value, count_text(self.result.count(kind)), _KIND_NOTES[kind])
            for kind in FaultKind
        ]
        return [payloads, *kinds]

    @cached_property
    def blocking(self) -> list[StaticFinding]:
        """What keeps every client from asking rightly."""
        return [finding for finding in self.result.statics if finding.blocking]

    @cached_property
    def limits(self) -> list[StaticFinding]:
        """What clients should know."""
        return [finding for finding in self.result.statics if not finding.blocking]

    @property
    def first_faults(self) -> tuple[PayloadFault, ...]:
        """The first fault of each tally, as many as are shown."""
        return self.result.first_faults[:_FAULTS_SHOWN]

    @property
    def files_shown(self) -> tuple[PayloadFile, ...]:
        """The files, those that are damaged or faulty first."""
        order = sorted(self.result.files, key=lambda file: not (file.damage or file.faulty))
        return tuple(order[:_FILES_SHOWN])

    @property
    def files_left_out(self) -> int:
        """How many files are not shown."""
        return max(0, len(self.result.files) - _FILES_SHOWN)

    def state(self, kind: FaultKind) -> str:
        """Return the style of a kind of fault."""
        return _STATES[kind]


def payload_html(result: PayloadResult) -> bytes:
    """Return a result as a page: no script, no request, the same result gives the same bytes."""
    template = page_environment().get_template("payload_page.html")
    return template.render(page=PayloadPage(result), result=result).encode("utf-8")


def write_payload_report(folder: Path, result: PayloadResult) -> tuple[Path, Path]:
    """Write `report.json` and `report.html` into a folder and return the two files."""
    path = folder / FILE_NAME
    written = write_payload_json(folder, result)
    write_bytes(path, payload_html(result))
    return written, path
