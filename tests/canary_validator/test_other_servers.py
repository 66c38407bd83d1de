"""CanaryValidator with TFX's ServingSpec: another server than the native canary."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_engine import FakeEngine
from model_server_stand_in import write_stand_in

from tfx_parity.errors import ServerUnavailableError

pytestmark = [pytest.mark.tfx, pytest.mark.tensorflow, pytest.mark.native]
PROPERTIES = {
    "max_mismatch_rate": 0.01,
    "confidence": 0.95,
    "tolerances": "{}",
    "without_trainer_predictions": 0,
    "redact": 0,
    "allow_version_mismatch": 0,
}


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    """A Docker engine with an image of the model's TensorFlow, and one that does not run."""
    import tensorflow as tf

    root = Path(tempfile.mkdtemp(prefix="engine-"))
    program = write_stand_in(root / "tensorflow_model_server", tf.__version__)
    images = {"serving:good": [str(program)], "serving:broken": ["sh", "-c", "exit 1"]}
    with FakeEngine(root, images) as fake:
        yield fake
    shutil.rmtree(root)


def _run(trained: Any, graph: Path, folder: Path, engine: FakeEngine, *tags: str) -> Any:
    """Run the component's executor as TFX does, and return its two artifacts."""
    from tfx.proto import infra_validator_pb2 as proto
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils

    from tfx_parity import ParityReport
    from tfx_parity.canary_validator.executor import Executor

    spec = proto.ServingSpec(
        tensorflow_serving=proto.TensorFlowServing(image_name="serving", tags=tags),
        local_docker=proto.LocalDockerConfig(client_base_url=engine.url),
        model_name="penguins",
    )
    shutil.copytree(trained.model, folder / "model" / "Format-Serving")
    inputs, outputs = {}, {}
    for name, kind, uri in (
        ("model", standard_artifacts.Model, folder / "model"),
        ("model_run", standard_artifacts.ModelRun, trained.run),
        ("transform_graph", standard_artifacts.TransformGraph, graph),
    ):
        inputs[name] = [kind()]
        inputs[name][0].uri = str(uri)
    for name, kind in (("blessing", standard_artifacts.InfraBlessing), ("report", ParityReport)):
        outputs[name] = [kind()]
        outputs[name][0].uri = str(folder / name)
    Executor().Do(inputs, outputs, PROPERTIES | {"serving_spec": proto_utils.proto_to_json(spec)})
    return outputs["blessing"][0], outputs["report"][0]


def test_a_serving_spec_of_infra_validator_runs_its_image(
    trained_models: dict[str, Any], toy_transform_graph: Path, tmp_path: Path, engine: FakeEngine
) -> None:
    """The model is blessed by the image that the spec names, and the report names it."""
    from tfx.components.util import model_utils

    blessing, report = _run(
        trained_models["keras 3"], toy_transform_graph, tmp_path, engine, "good"
    )

    told = json.loads((Path(report.uri) / "report.json").read_text())
    assert model_utils.is_infra_validated(blessing)
    assert told["environment"]["canary"].startswith("docker, TensorFlow 2.")
    assert {config["Image"] for config in engine.configs} == {"serving:good"}
    assert engine.containers == {}


def test_every_image_has_to_run(
    trained_models: dict[str, Any], toy_transform_graph: Path, tmp_path: Path, engine: FakeEngine
) -> None:
    """One that does not is an error, and no blessing is written, though the other passed."""
    with pytest.raises(ServerUnavailableError, match="serving:broken"):
        _run(trained_models["keras 3"], toy_transform_graph, tmp_path, engine, "good", "broken")

    assert not (tmp_path / "blessing").exists()


def test_the_component_takes_the_message_itself() -> None:
    """It becomes an execution property, as InfraValidator's does; without it there is none."""
    from tfx import types
    from tfx.proto import infra_validator_pb2 as proto
    from tfx.types import standard_artifacts

    from tfx_parity import CanaryValidator

    spec = proto.ServingSpec(
        tensorflow_serving=proto.TensorFlowServing(tags=["2.16.1"]),
        local_docker=proto.LocalDockerConfig(),
    )
    model = types.Channel(type=standard_artifacts.Model)
    run = types.Channel(type=standard_artifacts.ModelRun)

    with_spec = CanaryValidator(model=model, model_run=run, serving_spec=spec)
    without = CanaryValidator(model=model, model_run=run)

    assert json.loads(with_spec.exec_properties["serving_spec"]) == {
        "tensorflow_serving": {"tags": ["2.16.1"]},
        "local_docker": {},
    }
    assert without.exec_properties.get("serving_spec") is None


def test_batching_is_a_property_that_no_orchestrator_takes_for_none() -> None:
    """The parameters are the component's own; a serving_spec beside them is refused."""
    from google.protobuf import text_format
    from tfx import types
    from tfx.proto import infra_validator_pb2 as proto
    from tfx.types import standard_artifacts

    from tfx_parity import CanaryValidator
    from tfx_parity.serving_api.batching_parameters import (
        BatchingOptions,
        parse_batching_parameters,
    )

    channels = {
        "model": types.Channel(type=standard_artifacts.Model),
        "model_run": types.Channel(type=standard_artifacts.ModelRun),
    }
    spec = text_format.Parse("tensorflow_serving { tags: 'a' }", proto.ServingSpec())
    given = CanaryValidator(**channels, batching_parameters="max_batch_size { value: 8 }")
    defaults = CanaryValidator(**channels, batching_parameters="")

    assert "max_batch_size { value: 8 }" == given.exec_properties["batching_parameters"]
    assert defaults.exec_properties["batching_parameters"]
    assert BatchingOptions() == parse_batching_parameters(
        defaults.exec_properties["batching_parameters"]
    )
    assert CanaryValidator(**channels).exec_properties.get("batching_parameters") is None
    with pytest.raises(ValueError, match="beside a serving_spec"):
        CanaryValidator(**channels, serving_spec=spec, batching_parameters="")
