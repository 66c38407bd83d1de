"""A pushed version is asked for where it is served, by a server that was there before it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from serve_command import serving

from tfx_parity.canary.endpoint import Endpoint, EndpointBackend
from tfx_parity.cli.confirming import Confirmation
from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.pipelines.retraining.push_destination import publish

NAME = "toy"


@pytest.fixture
def run(trained_models: dict[str, Any], tmp_path: Path) -> Path:
    """Return the folder of a run, with what its trainer recorded where the Trainer leaves it."""
    folder = tmp_path / "run"
    recorded = folder / "artifacts" / "Trainer" / "model_run" / "6"
    shutil.copytree(trained_models["keras 3"].run, recorded)
    return folder


@pytest.mark.native
@pytest.mark.tensorflow
@pytest.mark.tfx
def test_a_running_server_is_waited_for_and_asked(
    trained_models: dict[str, Any], run: Path, tmp_path: Path
) -> None:
    """What comes is confirmed or told once it is served; what never comes is no verdict."""
    destination = tmp_path / "serving_model"
    model = trained_models["keras 3"].model
    publish(model, destination, 1)
    flags = (f"--model_name={NAME}", f"--model_base_path={destination}")
    with serving(tmp_path, *flags) as server:
        address = f"{server.grpc_address},{server.rest_address.rpartition(':')[2]}"
        backend = EndpointBackend(Endpoint.parse(address), NAME)
        confirm = Confirmation(destination, backend, deadline_s=30)
        assert "" == confirm(1, run)

        publish(model, destination, 2)
        assert "version 2 lies in the push destination" in confirm(1, run)
        assert "" == confirm(2, run)

        publish(trained_models["tf.Module"].model, destination, 3)
        assert "FAIL after the push" in confirm(3, run)

        publish(model, tmp_path / "elsewhere", 4)
        with pytest.raises(ServerUnavailableError, match="to serve version 4.*found 3 AVAILABLE"):
            Confirmation(tmp_path / "elsewhere", backend, deadline_s=1)(4, run)


def test_a_run_without_recorded_predictions_is_told(tmp_path: Path) -> None:
    """Nothing is confirmed without what the trainer said; no server is asked."""
    (tmp_path / "serving_model" / "1").mkdir(parents=True)
    backend = EndpointBackend(Endpoint.parse("localhost:1"), NAME)

    with pytest.raises(BadInputError, match=f"one model_run of the Trainer in {tmp_path}, found 0"):
        Confirmation(tmp_path / "serving_model", backend)(1, tmp_path)
