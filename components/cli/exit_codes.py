"""What the command's exit code says."""

from __future__ import annotations

from collections.abc import Mapping

from tfx_parity.findings import Verdict

BAD_INPUT = 2
SERVER_UNAVAILABLE = 3
OF_VERDICT: Mapping[Verdict, int] = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 4}
HELP = (
    "Exit code: 0 PASS, 1 FAIL, 2 usage or bad input, 3 the server could not be run, "
    "4 INCONCLUSIVE."
)
