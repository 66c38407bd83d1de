"""The corpus of planted faults and clean models: what the check of each case must say."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "faults" / "corpus"


@dataclass(frozen=True)
class Case:
    """A case and what its check must say.

    Attributes:
        name: Its builder's name.
        plants: What is planted, or unusual, in a few words.
        row: The number of its root cause in root_causes.csv; None where none was reported.
        library: What the model is made with.
        verdict: What the check must say.
        codes: The codes of all causes, the first cause first.
        place: What the first cause's place must hold.
    """

    name: str
    plants: str
    row: int | None
    library: str
    verdict: str
    codes: tuple[str, ...]
    place: str


@dataclass(frozen=True)
class RootCause:
    """A root cause that users reported.

    Attributes:
        row: Its number.
        cause: What it is.
        sources: Where it was reported.
    """

    row: int
    cause: str
    sources: tuple[str, ...]


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (CORPUS / name).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


CASES = tuple(
    Case(
        name=row["name"],
        plants=row["plants"],
        row=int(row["row"]) if row["row"] else None,
        library=row["library"],
        verdict=row["verdict"],
        codes=tuple(row["codes"].split()),
        place=row["place"],
    )
    for row in _rows("cases.csv")
)
ROOT_CAUSES = {
    int(row["row"]): RootCause(int(row["row"]), row["cause"], tuple(row["sources"].split()))
    for row in _rows("root_causes.csv")
}
