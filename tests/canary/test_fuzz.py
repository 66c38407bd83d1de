"""A small, seeded part of benchmarks/fuzz_server.py: whatever comes, there is an answer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_server.py"


def test_random_and_mutated_requests_are_all_answered(models: Path) -> None:
    """In process and over the wire, by HTTP and gRPC: no crash, no hang, no other form."""
    fuzzed = subprocess.run(
        [sys.executable, str(SCRIPT), "--requests=6000", "--wire=400", "--seed=20161116",
         f"--model={models / 'dtypes' / '1'}"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert fuzzed.returncode == 0, fuzzed.stderr[-3000:]
    assert re.search(r"in process: \{.*200: [1-9]", fuzzed.stdout)
    assert re.search(r"over the wire: \{.*'HTTP 200': [1-9].*'gRPC OK': [1-9]", fuzzed.stdout)
    assert "6400 requests" in fuzzed.stdout
