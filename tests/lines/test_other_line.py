"""A model of the one TFX line, checked by a canary of the other's TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tfx_line import LINE, OTHER

pytestmark = pytest.mark.native
TENSORFLOW = {"1.16": "2.16", "1.21": "2.21"}
MINOR, OTHER_MINOR = TENSORFLOW[LINE], TENSORFLOW[OTHER]
# Made on the other line by tests/support/record_line_model.py.
DATA = Path(__file__).parent / "data" / f"tfx-{OTHER}"


def _check(*options: str) -> tuple[int, dict[str, Any], str]:
    code = "import sys; from tfx_parity.cli import main; main(sys.argv[1:])"
    arguments = ["check", str(DATA / "model"), "--predictions", str(DATA / "run"), *options]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, json.loads(done.stdout) if "--json" in options else {}, done.stdout


def test_a_model_of_the_other_line_is_a_version_mismatch() -> None:
    """It loads and answers as its trainer did; that another TensorFlow serves it is no proof."""
    code, report, _ = _check("--json")

    assert (1, ["VERSION_MISMATCH"]) == (code, [cause["code"] for cause in report["causes"]])
    cause = report["causes"][0]
    assert f"TensorFlow {OTHER_MINOR} in the model, {MINOR} in the server" == cause["place"]
    assert "0 of 420 examples differ; at most" in cause["evidence"]["detail"]
    assert report["warnings"] == []


def test_where_it_is_allowed_it_is_a_warning_with_the_difference_that_it_brought() -> None:
    """The verdict is the comparison's own; the warning says how far the versions lie apart."""
    code, report, _ = _check("--json", "--allow-version-mismatch")

    assert (0, "PASS", []) == (code, report["verdict"], report["causes"])
    (warning,) = report["warnings"]
    assert "VERSION_MISMATCH" == warning["code"]
    assert "0 of 420 examples differ; at most" in warning["evidence"]["detail"]
    assert "--allow-version-mismatch" in report["reproduce"]
    compared = {tuple(rung["pair"]): rung for rung in report["ladder"]}["T", "C"]
    assert 0 < compared["max_difference"] < 1e-6


def test_the_warning_is_on_the_screen() -> None:
    """Who reads the console alone sees it, too."""
    code, _, screen = _check("--allow-version-mismatch")

    assert 0 == code
    assert "warning: VERSION_MISMATCH, allowed" in screen
