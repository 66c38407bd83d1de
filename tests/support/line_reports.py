"""Reports of both commands on the same inputs, whichever TFX line makes them.

Records, for both lines' tests, what a report says but for versions and noise. Run it anew on either
line where reports change:
    python tests/support/line_reports.py tests/lines/data/reports
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "lines" / "data"
MODEL_OF = "tfx-1.16"
# Of the member `environment`; another TensorFlow than the model's is a warning.
VERSIONS = ("canary", "canary digest", "python", "tfx-parity", "tfx_parity")
# How far apart numbers lie that agree, which rounding alone moves.
NOISE = frozenset(
    {"max_difference", "max_ratio", "noise_ratio", "ratios", "ulps"}
    | {"bias", "prediction_difference", "rank_agreement"}
)
# Where examples mismatch, it is no noise.
DIFFERENCE = frozenset({"max_difference", "max_ratio"})
DRAWN = frozenset({"scatter"})  # The numbers behind a picture: many, and told in words elsewhere.
GOOD = {"size": 3.5, "count": 7, "vector": [0, 1, 2], "colour": "red", "tags": ["a"]}
PAYLOADS = (
    {"signature_name": "serve_raw", "instances": [GOOD]},
    {"signature_name": "serve_raw", "instances": [GOOD | {"size": "big", "count": 2**63}]},
    {"signature_name": "serve_raw", "instances": [GOOD | {"size": 16_777_217, "count": 91}]},
    {"signature_name": "serve_raw", "instances": [{"count": 7}]},
    {"signature_name": "serve_row", "instances": []},
)


def agree(folder: Path) -> dict[str, Any]:
    """Return the report of a model that answers what its trainer did."""
    return _report("check", "model", "--predictions=run", folder=folder)


def another_vocabulary(folder: Path) -> dict[str, Any]:
    """Return the report of a model whose vocabulary was written in another order."""
    vocabulary = folder / "model" / "assets" / "colour"
    words = vocabulary.read_bytes().splitlines(keepends=True)
    vocabulary.write_bytes(b"".join(reversed(words)))
    return _report("check", "model", "--predictions=run", folder=folder)


def payloads(folder: Path) -> dict[str, Any]:
    """Return the report of payloads, all but one of them with faults."""
    lines = [json.dumps(payload) for payload in PAYLOADS]
    (folder / "requests.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return _report("payload", "model", "requests.jsonl", folder=folder)


CASES: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    make.__name__: make for make in (agree, another_vocabulary, payloads)
}


def said(name: str, folder: Path) -> Any:
    """Return what a case's report says but for versions and noise.

    Args:
        name: The case.
        folder: A new folder to work in; the report is the same in any other.
    """
    shutil.copytree(DATA / MODEL_OF, folder, dirs_exist_ok=True)
    report = CASES[name](folder)
    report.pop("warnings", None)
    for version in VERSIONS:
        report["environment"].pop(version, None)
    return _without_noise(report)


def _report(command: str, *arguments: str, folder: Path) -> dict[str, Any]:
    """Run a command in a folder and return its report, with paths as they lie in the folder."""
    if command == "check":
        arguments = (*arguments, "--allow-version-mismatch")
    code = "import sys; from tfx_parity.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, command, "--json", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    report: dict[str, Any] = json.loads(done.stdout.replace(f"{folder.resolve()}/", ""))
    return report


def _without_noise(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_noise(item) for item in value]
    if not isinstance(value, dict):
        return value
    mismatching = value.get("mismatching") or value.get("mismatching_examples")
    left_out = (NOISE - DIFFERENCE if mismatching else NOISE) | DRAWN
    return {key: _without_noise(item) for key, item in value.items() if key not in left_out}


def main(folder: Path) -> None:
    """Write each case's file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in CASES:
        with tempfile.TemporaryDirectory() as work:
            text = json.dumps(said(name, Path(work)), indent=1, sort_keys=True)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
