"""Another server's difference from the in-process arms: the graph rewriter's doing, or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tfx_parity.canary.endpoint import Endpoint, EndpointBackend
from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary_validator.answers import Answers
from tfx_parity.canary_validator.check import check_model
from tfx_parity.canary_validator.comparing import Limits
from tfx_parity.canary_validator.panel import Panel
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.canary_validator.rewriter import is_rewriters_doing
from tfx_parity.comparison.tolerance import TolerancePolicy
from tfx_parity.findings import Cause, CauseCode, Evidence

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

X = np.random.default_rng(0).normal(size=(320, 4)).astype(np.float32)
LIMITS = Limits(0.01, 0.95)


@pytest.fixture
def model(graph_models: Path) -> Path:
    """Return a model whose answers the rewriter changes."""
    return graph_models / "v1_rewritten"


def _recorded(rows: NDArray[np.float32]) -> Recorded:
    return Recorded("serving_default", {"x": list(X)}, {"y": list(rows)}, None, (), (), None, "-")


def test_a_difference_that_the_rewriter_makes_is_its_doing_on_any_server(model: Path) -> None:
    """A running server answers as the native canary with the rewriter on, and not without it."""
    with NativeBackend(graph_rewriter=False).start(model) as plain:
        recorded = _recorded(plain.client.predict("serving_default", {"x": X})["y"])
    with NativeBackend().start(model) as server:
        endpoint = Endpoint(server.grpc_address, server.rest_address)
        result = check_model(model, recorded, EndpointBackend(endpoint, server.model_name))

    assert CauseCode.GRAPH_OPTIMISATION in [cause.code for cause in result.causes]
    assert CauseCode.RUNTIME_SKEW not in [cause.code for cause in result.causes]


def test_a_difference_that_stays_with_the_rewriter_is_not(model: Path) -> None:
    """A server that answers otherwise than both is another run time; none is asked in vain."""
    cause = Cause(CauseCode.RUNTIME_SKEW, "-", Evidence(("B", "C"), 0, 0, "-"))
    with NativeBackend().start(model) as canary:
        rows = canary.client.predict("serving_default", {"x": X})["y"]
        signatures = canary.client.signature_defs()
        panel = Panel(_recorded(rows), signatures, canary.client, canary.client, 64)

        def is_it(causes: list[Cause], answered: NDArray[np.float32]) -> bool:
            answers = {"C": Answers(tuple(range(len(X))), {"y": list(answered)}, {})}
            policy = TolerancePolicy()
            return is_rewriters_doing(causes, panel, answers, model / "1", 60, policy, LIMITS)

        assert is_it([cause], rows)
        assert not is_it([cause], rows + np.float32(1))
        assert not is_it([], rows)
