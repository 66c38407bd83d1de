"""The wheel: what it holds, and that it works outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.package
ROOT = Path(__file__).parents[2]
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
SOURCES = (
    "components",
    "pipelines",
    "schemas",
    "kubeflow",
    "setup.py",
    "pyproject.toml",
    "README.md",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which the wheel, built from a copy of the sources, was unpacked."""
    work = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, work / "source" / name)
        else:
            shutil.copy(source, work / "source" / name)
    subprocess.run(
        [sys.executable, "-c", BUILD, str(work)],
        cwd=work / "source",
        capture_output=True,
        check=True,
    )
    (wheel,) = work.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(work / "installed")
    return work / "installed"


def test_the_wheel_holds_one_package_with_its_data(installed: Path) -> None:
    """No bare top-level name, and the typing marker and schemas are in."""
    names = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}

    assert {"tfx_parity"} == names
    for data in (
        "py.typed",
        "schemas/penguins.pbtxt",
        "schemas/parity_report.schema.json",
        "reporting/templates/page.html",
    ):
        assert (installed / "tfx_parity" / data).is_file(), data


def test_every_module_of_the_checkout_is_in_the_wheel(installed: Path) -> None:
    """The package mapping leaves no module behind."""
    expected = {f"tfx_parity/{p.relative_to(ROOT / 'components')}" for p in _modules("components")}
    for folder in ("pipelines", "schemas", "kubeflow"):
        expected |= {f"tfx_parity/{p.relative_to(ROOT)}" for p in _modules(folder)}

    assert expected == {str(path.relative_to(installed)) for path in installed.rglob("*.py")}


def _modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def test_the_command_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    """The unpacked wheel, first on the path, is what answers."""
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); import tfx_parity; "
        f"assert tfx_parity.__file__.startswith({str(installed)!r}), tfx_parity.__file__; "
        "from tfx_parity.cli import main; main(['check', '--help'])"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "--predictions" in done.stdout
