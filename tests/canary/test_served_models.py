"""Several models and versions: which one answers, and how they change."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.model_configs import WantedVersion, read_config
from tfx_parity.canary.servable import Servable
from tfx_parity.canary.served_models import ServedModels
from tfx_parity.canary.session import SavedModelSession
from tfx_parity.errors import BadInputError
from tfx_parity.protos import ModelServerConfig, get_model_status_pb2, model_pb2, predict_pb2
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.status import Code, ServingError
from tfx_parity.serving_api.tensors import from_proto, to_proto

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

Serve = Callable[..., ServedModels]
BROKEN = 9


@pytest.fixture
def base(models: Path, tmp_path: Path) -> Path:
    """A base path with the versions 1 to 3, and one that cannot be loaded."""
    folder = Path(shutil.copytree(models / "scaled", tmp_path / "scaled"))
    (folder / str(BROKEN)).mkdir()
    return folder


def _load(wanted: WantedVersion) -> Servable:
    session = SavedModelSession(wanted.version.path)
    return Servable(wanted.model_name, wanted.version.number, session, Generation.V2_16)


def _config(base: Path, policy: str, *labels: tuple[str, int], name: str = "m") -> str:
    pairs = " ".join(f'version_labels {{ key: "{key}" value: {value} }}' for key, value in labels)
    return (
        f'config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow" '
        f"model_version_policy {{ {policy} }} {pairs} }}"
    )


def _parsed(tmp_path: Path, *models: str) -> ModelServerConfig:
    file = tmp_path / "models.config"
    file.write_text(f"model_config_list {{ {' '.join(models)} }}")
    return read_config(str(file))


def _answer(served: ServedModels, spec: model_pb2.ModelSpec) -> tuple[float, int]:
    request = predict_pb2.PredictRequest(model_spec=spec)
    request.inputs["x"].CopyFrom(to_proto(np.array([10], np.float32)))
    response = served.servable(spec).predict(request, 0)
    return from_proto(response.outputs["y"]).item(), response.model_spec.version.value


def _spec(
    name: str = "m", *, version: int | None = None, label: str | None = None
) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=name)
    if version is not None:
        spec.version.value = version
    if label is not None:
        spec.version_label = label
    return spec


def _states(served: ServedModels, name: str = "m") -> list[tuple[int, str, int]]:
    request = get_model_status_pb2.GetModelStatusRequest(model_spec=_spec(name))
    enum = get_model_status_pb2.ModelVersionStatus.State
    return [
        (found.version, enum.Name(found.state), found.status.error_code)
        for found in served.status(request).model_version_status
    ]


def _refused(served: ServedModels, spec: model_pb2.ModelSpec) -> tuple[Code, str]:
    with pytest.raises(ServingError) as raised:
        served.servable(spec)
    return raised.value.code, raised.value.message


def test_versions_and_labels_are_asked_for_by_name(base: Path, tmp_path: Path) -> None:
    """Without a version the highest answers; status lists the highest first."""
    served = ServedModels(_load, Generation.V2_16, labels_before_versions=True)
    served.start(
        _parsed(
            tmp_path,
            _config(base, "specific { versions: 1 versions: 3 }", ("stable", 1), ("gone", 2)),
            _config(base, "specific { versions: 2 }", name="other"),
        )
    )

    assert _answer(served, _spec()) == (30, 3)
    assert _answer(served, _spec(version=1)) == (10, 1)
    assert _answer(served, _spec(label="stable")) == (10, 1)
    assert _answer(served, _spec("other")) == (20, 2)
    assert _states(served) == [(3, "AVAILABLE", 0), (1, "AVAILABLE", 0)]
    not_found = "Servable not found for request: "
    assert _refused(served, _spec(version=2)) == (Code.NOT_FOUND, not_found + "Specific(m, 2)")
    assert _refused(served, _spec(label="gone")) == (Code.NOT_FOUND, not_found + "Specific(m, 2)")
    assert _refused(served, _spec("none")) == (Code.NOT_FOUND, not_found + "Latest(none)")
    assert _refused(served, _spec(label="other")) == (
        Code.INVALID_ARGUMENT,
        "Unrecognized servable version label: other",
    )


def test_labels_cannot_come_before_their_versions(base: Path, tmp_path: Path) -> None:
    """As in TF Serving, a first config with labels needs the flag; a reload can add them."""
    policy = "specific { versions: 1 }"
    labelled = _parsed(tmp_path, _config(base, policy, ("stable", 1)))
    served = ServedModels(_load, Generation.V2_16)

    with pytest.raises(ServingError, match="Request to assign label to version 1 of model m"):
        served.start(labelled)
    served.start(_parsed(tmp_path, _config(base, policy)))
    served.reload(labelled)

    assert _answer(served, _spec(label="stable")) == (10, 1)


def test_a_reload_adds_and_drops_versions(base: Path, tmp_path: Path) -> None:
    """What is dropped is unloaded, and its status stays as END."""
    served = ServedModels(_load, Generation.V2_16)
    served.start(_parsed(tmp_path, _config(base, "specific { versions: 1 versions: 2 }")))
    session = served.servable(_spec(version=1)).session
    served.reload(_parsed(tmp_path, _config(base, "specific { versions: 2 versions: 3 }")))
    gc.collect()

    assert _states(served) == [(3, "AVAILABLE", 0), (2, "AVAILABLE", 0), (1, "END", 0)]
    with pytest.raises(ServingError, match="Session has been closed"):
        session.run({}, [])


def test_a_request_under_way_keeps_its_version(base: Path, tmp_path: Path) -> None:
    """A version that is dropped answers those who hold it."""
    served = ServedModels(_load, Generation.V2_16)
    served.start(_parsed(tmp_path, _config(base, "specific { versions: 1 }")))
    held = served.servable(_spec())
    served.reload(_parsed(tmp_path, _config(base, "specific { versions: 2 }")))
    gc.collect()

    request = predict_pb2.PredictRequest(model_spec=_spec())
    request.inputs["x"].CopyFrom(to_proto(np.array([10], np.float32)))
    assert from_proto(held.predict(request, 0).outputs["y"]).item() == 10


def test_a_bad_new_version_leaves_the_old_one(base: Path, tmp_path: Path) -> None:
    """Its status tells why; a bad new model makes the reload fail."""
    served = ServedModels(_load, Generation.V2_16)
    served.start(_parsed(tmp_path, _config(base, "specific { versions: 1 }")))
    bad = f"specific {{ versions: {BROKEN} }}"
    served.reload(_parsed(tmp_path, _config(base, bad)))

    assert _answer(served, _spec()) == (10, 1)
    assert _states(served) == [(BROKEN, "END", int(Code.NOT_FOUND)), (1, "AVAILABLE", 0)]
    with pytest.raises(ServingError) as raised:
        served.reload(_parsed(tmp_path, _config(base, bad, name="new")))
    assert raised.value.code == Code.UNKNOWN
    assert raised.value.message.startswith(
        "1 servable(s) did not become available: {{{name: new version: 9} due to error: "
        "NOT_FOUND: Could not find SavedModel"
    )


def test_a_server_does_not_start_with_a_bad_version(base: Path, tmp_path: Path) -> None:
    """A canary says at once that a version of the config cannot be loaded."""
    with pytest.raises(ServingError, match="Could not find SavedModel"):
        ServedModels(_load, Generation.V2_16).start(_parsed(tmp_path, _config(base, "all {}")))


def test_a_base_path_without_the_version_is_told(base: Path, tmp_path: Path) -> None:
    """At the start it is bad input, at a reload an invalid argument."""
    missing = _parsed(tmp_path, _config(base, "specific { versions: 77 }"))
    served = ServedModels(_load, Generation.V2_16)

    with pytest.raises(BadInputError, match="No versions of servable m found under base path"):
        served.start(missing)
    with pytest.raises(ServingError, match="No versions of servable m found") as raised:
        served.reload(missing)
    assert raised.value.code == Code.INVALID_ARGUMENT


def test_a_file_that_is_no_config_is_told_in_tf_servings_words(tmp_path: Path) -> None:
    """Its own parser's words, and the server's."""
    file = tmp_path / "bad.config"
    file.write_text("improperly formatted file")

    with pytest.raises(BadInputError) as raised:
        read_config(str(file))

    assert "Error parsing text-format tensorflow.serving.ModelServerConfig" in str(raised.value)
    assert f"Invalid protobuf file: '{file}'" in str(raised.value)
