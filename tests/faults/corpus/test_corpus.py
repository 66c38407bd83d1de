"""The corpus of planted faults and clean models: each check says what it must."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest
from corpus_cases import CASES, Case
from corpus_checking import corpus_checks

from tfx_parity.findings import ParityResult

pytestmark = [pytest.mark.tfx, pytest.mark.tensorflow, pytest.mark.native, pytest.mark.corpus]


@pytest.fixture(scope="module")
def checks(
    request: pytest.FixtureRequest,
    toy_transform_graph: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mapping[str, Future[ParityResult]]]:
    """Yield the checks of the cases that were asked for, two under way at a time."""
    folder = tmp_path_factory.mktemp("corpus")
    wanted = [
        item.callspec.params["case"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and item.path == request.path
    ]
    with corpus_checks(folder, toy_transform_graph, wanted) as checks:
        yield checks


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_case_gets_its_verdict_code_and_place(
    case: Case, checks: Mapping[str, Future[ParityResult]]
) -> None:
    """The verdict, every code in its order, and the place of the first cause."""
    result = checks[case.name].result()

    found = tuple(cause.code.value for cause in result.causes)
    assert (case.verdict, case.codes) == (result.verdict.value, found), result.causes
    assert case.place in (result.causes[0].place if result.causes else "")
