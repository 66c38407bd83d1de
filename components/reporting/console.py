"""A parity result as text for a console."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tfx_parity.findings import MEANINGS, Arm, Cause, MetricSides, ParityResult, Rung, Verdict
from tfx_parity.reporting.metrics import (
    difference_text,
    metrics_sentence,
    most_different_first,
    slice_text,
    value_text,
)
from tfx_parity.reporting.wording import count_text, ratio_text

_COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}
_STATES = {
    "agrees": ("=", "green"),
    "differs": ("≠", "red"),
    "undecided": ("?", "yellow"),
    "not compared": ("·", "dim"),
}
_WORST_SHOWN = 3
_METRICS_SHOWN = 5


def print_result(result: ParityResult, console: Console) -> None:
    """Print a verdict, its causes and the ladder.

    Args:
        result: The result.
        console: Where to print; its width is respected.
    """
    console.print(_verdict(result))
    for number, cause in enumerate(result.causes, 1):
        console.print(_cause(number, cause))
    for warning in result.warnings:
        console.print(_warning(warning))
    console.print(_ladder(result))
    if result.metrics is not None:
        console.print(_metrics(result.metrics))
    for line in _footer(result):
        console.print(Text(line, style="dim"))


def _verdict(result: ParityResult) -> RenderableType:
    colour = _COLOURS[result.verdict]
    title = Text(f" {result.verdict.value} ", style=f"bold reverse {colour}")
    return Panel(Text(result.decision.sentence), title=title, title_align="left", style=colour)


def _cause(number: int, cause: Cause) -> RenderableType:
    meaning = MEANINGS[cause.code]
    lines: list[RenderableType] = [
        Text.assemble(
            (f"{number}. {cause.code.value}", "bold"), f"  {meaning.summary} ({meaning.family})"
        ),
        Text.assemble(("   where  ", "dim"), cause.place),
        Text.assemble(("   seen   ", "dim"), cause.evidence.detail),
    ]
    if cause.evidence.message:
        lines.append(Text.assemble(("   server ", "dim"), cause.evidence.message))
    for worst in cause.evidence.worst[:_WORST_SHOWN]:
        index = f"[{', '.join(map(str, worst.index))}]" if worst.index else ""
        value = f"{worst.reference} became {worst.candidate}"
        ratio = "" if worst.ratio is None else f", {ratio_text(worst.ratio)} times the tolerance"
        text = f"example {worst.example}, {worst.output}{index}: {value}{ratio}"
        lines.append(Text.assemble(("          ", "dim"), text))
    lines.append(Text.assemble(("   to do  ", "dim"), meaning.advice))
    return Group(*lines, Text(""))


def _warning(warning: Cause) -> RenderableType:
    words = f"{warning.code.value}, allowed: {warning.evidence.detail}"
    return Group(Text.assemble(("warning: ", "bold yellow"), words), Text(""))


def _ladder(result: ParityResult) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("ladder", "", "examples", "differ", "worst / tolerance"):
        table.add_column(heading)
    for rung in result.ladder:
        table.add_row(*_rung(rung))
    missing = [_missing(arm) for arm in result.arms if arm.missing is not None]
    return Group(table, *missing, Text(""))


def _rung(rung: Rung) -> tuple[RenderableType, ...]:
    sign, colour = _STATES[rung.state]
    pair = Text.assemble(rung.pair[0], (f" {sign} ", f"bold {colour}"), rung.pair[1])
    if rung.state == "not compared":
        return pair, Text(rung.reason, style="dim", overflow="fold"), "", "", ""
    counts = count_text(rung.examples), count_text(rung.mismatching)
    return pair, Text(rung.state, style=colour), *counts, ratio_text(rung.max_ratio)


def _missing(arm: Arm) -> RenderableType:
    return Text(f"arm {arm.name} was not asked: {arm.missing}", style="dim")


def _metrics(sides: MetricSides) -> RenderableType:
    """Return the metrics that differ most; where none differs the sentence says all."""
    sentence = Text(f"metrics: {metrics_sentence(sides)}")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("metric", "slice", "trainer", "canary", "difference"):
        table.add_column(heading, overflow="fold")
    for metric in most_different_first(sides)[:_METRICS_SHOWN]:
        if metric.differs:
            sides_text = value_text(metric.trainer), value_text(metric.canary)
            words = (metric.name, slice_text(metric), *sides_text, difference_text(metric))
            table.add_row(*map(Text, words))
    notes = [Text(note, style="dim") for note in sides.notes]
    return Group(sentence, *([table] if table.row_count else []), *notes, Text(""))


def _footer(result: ParityResult) -> list[str]:
    coverage = result.coverage
    lines = [
        f"rare values: {coverage.rows - coverage.differing} of {coverage.rows} as expected"
        if coverage.missing is None
        else f"rare values: {coverage.missing}"
    ]
    lines += [f"  {line}" for line in coverage.detail[:_WORST_SHOWN]]
    lines += [f"  the server: {message}" for message in coverage.messages[:1]]
    lines += [
        f"sample request {fault.record}: {fault.code.value} at {fault.pointer or 'the request'}: "
        f"expected {fault.expected}, found {fault.found}"
        for fault in result.sample_faults[:_WORST_SHOWN]
    ]
    lines += [f"tolerance of {name}: {text}" for name, text in sorted(result.tolerances.items())]
    if canary := result.environment.get("canary"):
        lines.append(f"canary: {canary}; not exercised: {', '.join(result.not_exercised)}")
    return [*lines, result.sampling, f"again: {result.reproduce}"]
