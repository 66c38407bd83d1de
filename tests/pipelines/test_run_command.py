"""`tfx-parity run penguins`, as far as it gets without TFX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tfx_parity.cli import main


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the message of a run that ends with the exit code of bad input."""
    with pytest.raises(SystemExit) as left:
        main(["run", "penguins", *arguments])

    assert left.value.code == 2
    return capsys.readouterr().err


@pytest.mark.system
def test_help_loads_neither_tensorflow_nor_tfx() -> None:
    """Help answers at once, with the exit codes and every option."""
    code = (
        "import sys\nfrom tfx_parity.cli import main\n"
        "try: main(['run', 'penguins', '--help'])\n"
        "except SystemExit: print({'tensorflow', 'tfx', 'keras'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "set()"
    assert "4 INCONCLUSIVE" in " ".join(done.stdout.split())


def test_a_csv_without_a_column_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the column and the file; nothing is started."""
    mine = tmp_path / "mine.csv"
    mine.write_text("species,island\nAdelie,Dream\n", encoding="utf-8")

    message = _refused(capsys, "--root", str(tmp_path / "root"), "--data", str(mine))

    assert "found no bill_length_mm" in message
    assert str(mine) in message
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("option", ["--run-fn", "--preprocessing-fn"])
def test_a_misspelt_function_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """A path that leads nowhere is told before TFX is loaded."""
    message = _refused(capsys, "--root", str(tmp_path), option, "nowhere.at_all")

    assert "found 'nowhere.at_all', and no module 'nowhere'" in message
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    "arguments",
    [("--train-steps", "0"), ("--seed", "-1"), ("--data", "/no/such.csv"), ("--unknown",)],
)
def test_wrong_usage_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """Options are checked before anything is done."""
    assert "Error: " in _refused(capsys, "--root", str(tmp_path), *arguments)
    assert list(tmp_path.iterdir()) == []
