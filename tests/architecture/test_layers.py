"""Imports run downwards only, and the light packages stay light."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough  # It reads every module.

ROOT = Path(__file__).parents[2]
LEAVES = {"errors", "protos", "version", "files", "tfrecord", "tfx_lines"}
# Who may import whom: a package may import itself, the leaves and what is listed here.
MAY_IMPORT = {
    "serving_api": set(),
    "comparison": set(),
    "contract": set(),
    "findings": set(),
    "artifacts": set(),
    "notebook": {"artifacts", "reporting"},
    "canary": {"serving_api"},
    "prediction_logs": {"serving_api", "comparison", "contract"},
    "training": {"contract"},
    "transform_graph_gen": {"contract"},
    "reporting": {"findings"},
    "canary_validator": {
        "serving_api",
        "comparison",
        "contract",
        "findings",
        "canary",
        "payloads",
        "prediction_logs",
        "reporting",
        "artifacts",
    },
    "payloads": {"serving_api", "contract", "findings", "canary"},
    "payload_validator": {
        "payloads",
        "contract",
        "findings",
        "reporting",
        "artifacts",
    },
    "cli": {
        "canary",
        "canary_validator",
        "comparison",
        "findings",
        "kubeflow",
        "payloads",
        "pipelines",
        "reporting",
    },
    "pipelines": {"", "training", "findings", "reporting", "artifacts", "schemas"},
    "schemas": set(),
    "kubeflow": {"", "pipelines"},
}
HEAVY = {"tensorflow", "tfx", "apache_beam", "tensorflow_transform", "keras", "tf_keras"}
LIGHT = (
    "serving_api",
    "comparison",
    "contract",
    "findings",
    "canary",
    "payloads",
    "payload_validator",
    "reporting",
    "kubeflow",
)
# TensorFlow is what the one's child process is there to ask; the others are jobs for TFX.
ALLOWED_HEAVY = {
    "components/canary/eager_child.py",
    "components/payload_validator/beam_job.py",
    "kubeflow/compiling.py",
    "kubeflow/entrypoint.py",
}


def _sources() -> Iterator[tuple[str, Path]]:
    """Yield every module of the package with the name of the package it belongs to."""
    for folder in ("pipelines", "schemas", "kubeflow"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield folder, path
    for path in sorted((ROOT / "components").rglob("*.py")):
        parts = path.relative_to(ROOT / "components").parts
        yield (parts[0] if len(parts) > 1 else path.stem), path


@functools.cache
def _imports(path: Path) -> tuple[str, ...]:
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_imports_run_downwards() -> None:
    """No package imports one that stands above or beside it."""
    wrong = []
    for package, path in _sources():
        if package in LEAVES | {"__init__"}:
            continue
        for name in _imports(path):
            if name.split(".")[0] != "tfx_parity":
                continue
            target = name.split(".")[1] if "." in name else ""
            if target != package and target not in LEAVES | MAY_IMPORT[package]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")

    assert wrong == []


def test_the_leaves_import_leaves_only() -> None:
    """What every package stands on stands on nothing of ours."""
    wrong = [
        f"{path.name} imports {name}"
        for package, path in _sources()
        if package in LEAVES
        for name in _imports(path)
        if name.startswith("tfx_parity.") and name.split(".")[1] not in LEAVES
    ]

    assert wrong == []


def test_the_top_level_folders_are_never_imported_by_their_bare_names() -> None:
    """`import schemas` from the repository's root would be a second module."""
    bare = re.compile(r"^\s*(from|import) (components|pipelines|schemas|kubeflow)\b", re.MULTILINE)
    sources = [path for _, path in _sources()] + sorted((ROOT / "tests").rglob("*.py"))

    wrong = [str(path) for path in sources if bare.search(path.read_text(encoding="utf-8"))]

    assert wrong == []


@pytest.mark.parametrize("package", LIGHT)
def test_light_packages_do_not_import_tensorflow(package: str) -> None:
    """The packages that `check` needs import neither TensorFlow's Python nor TFX."""
    entry_points = {"component.py", "executor.py"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for owner, path in _sources()
        if owner == package and path.name not in entry_points
        if str(path.relative_to(ROOT)) not in ALLOWED_HEAVY
        for name in _imports(path)
        if name.split(".")[0] in HEAVY
    ]

    assert wrong == []


@pytest.mark.system
@pytest.mark.parametrize(
    "module",
    ["tfx_parity", "tfx_parity.protos", "tfx_parity.cli", "tfx_parity.canary_validator.check"],
)
def test_importing_loads_neither_tensorflow_nor_tfx(module: str) -> None:
    """A fresh interpreter that imports the package has not run TensorFlow's or TFX's code."""
    code = (
        f"import sys, {module}; heavy = {sorted(HEAVY)!r}; "
        "sys.exit(', '.join(name for name in heavy if name in sys.modules) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_source_files_stay_readable() -> None:
    """No module of the package has more than 400 lines."""
    long = [
        f"{path.relative_to(ROOT)}: {count}"
        for _, path in _sources()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 400
    ]

    assert long == []
