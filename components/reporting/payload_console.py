"""A payload result as text for a console."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tfx_parity.findings import (
    FAULT_MEANINGS,
    FaultKind,
    PayloadFault,
    PayloadFile,
    PayloadResult,
    StaticFinding,
    Verdict,
)
from tfx_parity.reporting.wording import count_text, short_text, visible_text

_COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}
_KIND_COLOURS = {
    FaultKind.REFUSED: "red",
    FaultKind.CHANGED: "magenta",
    FaultKind.SUSPECT: "yellow",
}
_FAULTS_SHOWN = 12
_FILES_SHOWN = 20
_LONGEST = 300


def print_payload_result(result: PayloadResult, console: Console) -> None:
    """Print a verdict, what was found of it, and where.

    Args:
        result: The result.
        console: Where to print; its width is respected.
    """
    colour = _COLOURS[result.verdict]
    title = Text(f" {result.verdict.value} ", style=f"bold reverse {colour}")
    console.print(Panel(Text(result.sentence), title=title, title_align="left", style=colour))
    for finding in result.statics:
        if finding.blocking:
            console.print(_blocking(finding))
    if result.tallies:
        console.print(_tallies(result))
    for fault in result.first_faults[:_FAULTS_SHOWN]:
        console.print(_fault(fault))
    console.print(_files(result.files))
    limits = sum(not finding.blocking for finding in result.statics)
    if limits:
        console.print(
            Text(f"{limits} limits of the model's signatures: see --json or --report", style="dim")
        )
    console.print(Text(f"again: {result.reproduce}", style="dim"))


def _blocking(finding: StaticFinding) -> RenderableType:
    place = " ".join(part for part in (finding.signature, finding.name) if part)
    return Group(
        Text.assemble((finding.code, "bold red"), f"  {place}"),
        _line("expected", finding.expected),
        _line("found", finding.found),
        _line("to do", finding.cure),
        Text(""),
    )


def _tallies(result: PayloadResult) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("kind", "code", "input", "faults"):
        table.add_column(heading, justify="right" if heading == "faults" else "left")
    for tally in result.tallies[:_FILES_SHOWN]:
        table.add_row(
            Text(tally.kind.value, style=_KIND_COLOURS[tally.kind]),
            tally.code.value,
            Text(_shown(tally.input)),
            count_text(tally.count),
        )
    more = len(result.tallies) - _FILES_SHOWN
    return Group(table, Text(f"and {more} more" if more > 0 else "", style="dim"))


def _fault(fault: PayloadFault) -> RenderableType:
    meaning = FAULT_MEANINGS[fault.code]
    lines: list[RenderableType] = [
        Text.assemble(
            (f"{fault.code.value}", f"bold {_KIND_COLOURS[fault.kind]}"),
            f"  {fault.kind.value}: {meaning.summary}",
        ),
        _line("where", fault.place),
        _line("expected", fault.expected),
        _line("found", fault.found),
    ]
    if fault.server:
        lines.append(_line("server", fault.server))
    return Group(*lines, _line("to do", fault.cure), Text(""))


def _line(name: str, text: str) -> Text:
    return Text.assemble((f"   {name:9}", "dim"), _shown(text))


def _shown(text: str) -> str:
    return visible_text(short_text(text, _LONGEST))


def _files(files: tuple[PayloadFile, ...]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("file", "form", "payloads", "rows", "faulty"):
        table.add_column(heading, overflow="fold")
    for file in files[:_FILES_SHOWN]:
        counts = map(count_text, (file.payloads, file.rows, file.faulty))
        table.add_row(Text(_shown(file.path)), file.form, *counts)
        if file.damage:
            table.add_row(Text(f"  {_shown(file.damage)}", style="red"), "", "", "", "")
    more = len(files) - _FILES_SHOWN
    return Group(table, Text(f"and {more} more" if more > 0 else "", style="dim"))
