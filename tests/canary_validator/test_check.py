"""One check of one model, where there are requests and no trainer's answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary_validator.check import check_model
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.findings import Verdict

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]
COUNT, WIDTH = 320, 2048


def test_requests_alone_are_held_to_tolerances_of_their_answers_size(graph_models: Path) -> None:
    """Sums that cancel differ with the batch by more than is allowed at zero: no fault."""
    rows = np.random.default_rng(3).normal(size=(COUNT, WIDTH)).astype(np.float32)
    requests = Recorded("serving_default", {"x": list(rows)}, None, None, (), (), None, "rows")

    result = check_model(graph_models / "great_sums", requests)

    rungs = {rung.pair: rung for rung in result.ladder}
    alone = rungs["C", "C1"]
    assert (Verdict.PASS, ()) == (result.verdict, result.causes)
    assert alone.examples == COUNT
    assert (alone.max_difference or 0) > 0
