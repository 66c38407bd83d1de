"""Exported and recorded models of every library, asked in the canary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary_validator.check import check_model
from tfx_parity.canary_validator.recorded import read_recorded
from tfx_parity.contract.serving_contract import read_contract
from tfx_parity.contract.trainer_predictions import read_trainer_predictions
from tfx_parity.findings import Verdict

pytestmark = [pytest.mark.tensorflow, pytest.mark.tfx, pytest.mark.native]


def test_a_rightly_exported_model_passes_on_every_arm(trained: Any) -> None:
    """A model of each library answers in the C++ session what it answered in memory."""
    result = check_model(trained.model, read_recorded(trained.run))

    assert (result.verdict, result.causes) == (Verdict.PASS, ()), result.decision
    assert [arm.name for arm in result.arms if arm.missing] == []
    assert {"agrees"} == {rung.state for rung in result.ladder}
    assert (result.coverage.differing, result.coverage.missing) == (0, None)


def test_the_signatures_are_those_of_the_contract(trained: Any) -> None:
    """The served model offers exactly the signatures that the contract names."""
    contract = read_contract(trained.model / "assets.extra")
    assert contract is not None

    with NativeBackend().start(trained.model) as canary:
        offered = canary.client.signature_defs()

    assert set(contract.signatures) == set(offered)
    assert {"count", "colour", "size", "tags", "vector"} == set(offered["serve_raw"].inputs)


def test_the_contract_in_the_model_is_the_trainers(trained: Any) -> None:
    """The model and the recorded predictions carry the same contract, byte for byte."""
    model = (trained.model / "assets.extra" / "serving_contract.json").read_bytes()
    run = (trained.run / "trainer_predictions" / "serving_contract.json").read_bytes()

    assert model == run


def test_requests_carry_no_label(trained: Any) -> None:
    """A recorded request is what a client sends: the raw example without its label."""
    recorded = read_recorded(trained.run)
    assert recorded.examples is not None

    assert not any(b"label" in example for example in recorded.examples)


def test_every_variable_is_kept_by_its_digests(trained: Any) -> None:
    """The trained model's variables are all there, each under its own path."""
    paths = [
        v.path for v in read_trainer_predictions(trained.run / "trainer_predictions").variables
    ]

    assert len(set(paths)) == len(paths)
    assert any("kernel" in path for path in paths)


def test_nothing_is_left_beside_the_export(trained: Any) -> None:
    """The folder that the model was saved into first is gone."""
    assert {"model", "run"} == {path.name for path in Path(trained.model).parent.iterdir()}
