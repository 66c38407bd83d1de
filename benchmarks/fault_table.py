"""Checks the corpus of planted faults and clean models, and writes docs/faults.md from it.

    python benchmarks/fault_table.py [CASE...]

Builds every case (tests/support/corpus_*.py), checks it as `tfx-parity check` does, and writes what
stands between the markers of docs/faults.md: the table of cases with the place that each report
named, the reported root causes, and the reports of the faults that the page explains. With names
it checks those cases alone; the rows and reports of the others stay as they are. Ends with 1 where
a check says something else than its case must.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from tfx_parity.findings import ParityResult
from tfx_parity.reporting.console import print_result

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "faults.md"
sys.path.insert(0, str(ROOT / "tests" / "support"))

from corpus_cases import CASES, ROOT_CAUSES, Case  # noqa: E402 - lies beside the tests
from corpus_checking import corpus_checks  # noqa: E402
from toy_pipeline import make_transform_graph  # noqa: E402

_WIDTH = 100


def main(names: Sequence[str]) -> int:
    """Check the cases and write the page; return the exit code."""
    cases = [case for case in CASES if not names or case.name in names]
    results = _check(cases)
    page = PAGE.read_text(encoding="utf-8")
    page = _between(page, "cases", _case_table(_rows_of(page) | _rows(cases, results)))
    page = _between(page, "root causes", _cause_table())
    for name, result in results.items():
        page = _between(page, f"report of {name}", _report(result))
    PAGE.write_text(page, encoding="utf-8")
    wrong = [case.name for case in cases if not _is_as_must(case, results[case.name])]
    print(f"{len(cases) - len(wrong)} of {len(cases)} say what they must", *wrong, sep="\n")
    return 1 if wrong else 0


def _check(cases: Sequence[Case]) -> dict[str, ParityResult]:
    """Check in a folder of its own, whose path no report shows."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        graph = make_transform_graph(_made(root / "transform"))
        before = Path.cwd()
        os.chdir(root)
        try:
            with corpus_checks(Path(), graph, cases) as checks:
                return {name: _told(name, check.result()) for name, check in checks.items()}
        finally:
            os.chdir(before)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _told(name: str, result: ParityResult) -> ParityResult:
    print(f"{name}: {result.verdict.value} {_codes(result)}", flush=True)
    return result


def _codes(result: ParityResult) -> str:
    return ", ".join(cause.code.value for cause in result.causes)


def _is_as_must(case: Case, result: ParityResult) -> bool:
    codes = tuple(cause.code.value for cause in result.causes)
    place = result.causes[0].place if result.causes else ""
    return (case.verdict, case.codes) == (result.verdict.value, codes) and case.place in place


def _between(page: str, mark: str, text: str) -> str:
    """Replace what stands between two markers; a page without them stays as it is."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", page)


def _rows_of(page: str) -> dict[str, str]:
    """Return the rows that a page has, by the case's name."""
    table = page.partition("<!-- cases -->")[2].partition("<!-- end of cases -->")[0]
    return {line.split(" | ", 1)[0].removeprefix("| "): line for line in table.splitlines()}


def _rows(cases: Iterable[Case], results: Mapping[str, ParityResult]) -> dict[str, str]:
    """Return the rows of cases that were checked, by the case's name."""
    rows = {}
    for case in cases:
        causes = results[case.name].causes
        cells = (
            case.name,
            case.plants,
            "" if case.row is None else f"[{case.row}](#reported-root-causes)",
            case.library,
            case.verdict,
            " ".join(f"`{code}`" for code in case.codes),
            _cell(causes[0].place, case) if causes else "",
        )
        rows[case.name] = f"| {' | '.join(cells)} |"
    return rows


def _case_table(rows: Mapping[str, str]) -> str:
    head = (
        "| case | what is planted | reported in | made with | verdict | causes, the first first "
        "| place of the first |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    )
    return "\n".join([*head, *(rows[case.name] for case in CASES if case.name in rows)])


def _cause_table() -> str:
    lines = ["| | root cause | reported | planted by |", "| --- | --- | --- | --- |"]
    for row, cause in ROOT_CAUSES.items():
        threads = " ".join(f"[{_thread(source)}]({source})" for source in cause.sources)
        names = ", ".join(case.name for case in CASES if case.row == row)
        lines.append(f"| {row} | {cause.cause} | {threads} | {names} |")
    return "\n".join(lines)


def _thread(source: str) -> str:
    """Return `serving#1266` of a thread's address, a file's name of any other."""
    found = re.fullmatch(r"https://github\.com/[^/]+/([^/]+)/(?:issues|pull)/(\d+)", source)
    return f"{found[1]}#{found[2]}" if found else source.rpartition("/")[2]


def _cell(place: str, case: Case) -> str:
    """Return a place as a cell, without the folder in which the corpus was built."""
    return re.sub(rf"/\S*/{case.name}/", f"{case.name}/", place).replace("|", "\\|")


def _report(result: ParityResult) -> str:
    """Return what the console shows of a result, up to the ladder."""
    console = Console(file=io.StringIO(), width=_WIDTH, force_terminal=False)
    print_result(result, console)
    text = console.file.getvalue().partition("\nladder")[0]
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(["```", *lines, "```"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
