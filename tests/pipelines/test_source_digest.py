"""The digest of the code behind an import path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tfx_parity.errors import BadInputError
from tfx_parity.pipelines.source_digest import source_digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an importable package whose modules raise when they are imported."""
    folder = tmp_path / "digested"
    (folder / "below").mkdir(parents=True)
    (folder / "__init__.py").write_text("", encoding="utf-8")
    for name in ("model.py", "other.py", "below/__init__.py", "below/deep.py"):
        (folder / name).write_text("raise RuntimeError\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "digested", raising=False)
    return folder


def test_it_changes_with_the_functions_module_alone(package: Path) -> None:
    """The module that holds the function counts, its neighbours do not; nothing is run."""
    before = source_digest("digested.model.run_fn")

    (package / "other.py").write_text("1\n", encoding="utf-8")
    neighbour_changed = source_digest("digested.model.run_fn")
    (package / "model.py").write_text("2\n", encoding="utf-8")

    assert before == neighbour_changed
    assert before != source_digest("digested.model.run_fn")


@pytest.mark.parametrize("file", ["other.py", "below/deep.py"])
def test_it_changes_with_every_file_of_a_package(package: Path, file: str) -> None:
    """Of a package all modules count, however deep."""
    before = source_digest("digested.model.run_fn", "digested")

    (package / file).write_text("1\n", encoding="utf-8")

    assert before != source_digest("digested.model.run_fn", "digested")


def test_a_line_that_moves_to_another_file_changes_it(package: Path) -> None:
    """Files are told apart: their concatenation is not enough."""
    (package / "model.py").write_text("a\nb\n", encoding="utf-8")
    (package / "other.py").write_text("", encoding="utf-8")
    before = source_digest("digested.model.run_fn", "digested")

    (package / "model.py").write_text("a\n", encoding="utf-8")
    (package / "other.py").write_text("b\n", encoding="utf-8")

    assert before != source_digest("digested.model.run_fn", "digested")


@pytest.mark.parametrize("name", ["nowhere.run_fn", "digested.nowhere.run_fn", "run_fn", ""])
def test_a_path_that_leads_nowhere_is_refused(package: Path, name: str) -> None:
    """A misspelt path is bad input, named."""
    with pytest.raises(BadInputError, match=f"found '{name}', and no module"):
        source_digest(name)
