"""TFX's ServingSpec, as pipelines with InfraValidator give it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tfx_parity.canary.docker import DockerBackend
from tfx_parity.canary.kubernetes import KubernetesBackend
from tfx_parity.canary.pod import ModelPlace, PodWishes
from tfx_parity.canary.serving_spec import backends_of
from tfx_parity.errors import BadInputError

DIGEST = f"sha256:{'ab' * 32}"


def _spec(**values: Any) -> str:
    return json.dumps({"tensorflow_serving": {"tags": ["2.16.1"]}} | values)


def test_each_tag_and_digest_is_a_server_of_its_own() -> None:
    """As InfraValidator tests several versions; its default image and model name are taken."""
    serving = {"tags": ["2.15.1", "latest"], "digests": [DIGEST]}

    found = backends_of(_spec(tensorflow_serving=serving, local_docker={}))

    assert all(isinstance(backend, DockerBackend) for backend in found)
    assert [getattr(backend, "image", None) for backend in found] == [
        "tensorflow/serving:2.15.1",
        "tensorflow/serving:latest",
        f"tensorflow/serving@{DIGEST}",
    ]
    assert {getattr(backend, "model_name", None) for backend in found} == {"infra-validation-model"}


def test_the_docker_section_is_heeded() -> None:
    """The engine's address and the host's, the image's name and the model's."""
    docker = {"client_base_url": "unix://var/run/d.sock", "host_ip_address": "172.17.0.1"}
    serving = {"image_name": "registry:5000/serving", "tags": ["2.16.1"]}

    [backend] = backends_of(
        _spec(tensorflow_serving=serving, local_docker=docker, model_name="penguins")
    )

    assert isinstance(backend, DockerBackend)
    assert (backend.image, backend.model_name, backend.host, backend.engine.url) == (
        "registry:5000/serving:2.16.1",
        "penguins",
        "172.17.0.1",
        "unix://var/run/d.sock",
    )


@pytest.mark.system
def test_the_kubernetes_section_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Service account, deadline, annotations, environment with secrets, resources."""
    config = tmp_path / "config"
    context = {"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "models"}}
    config.write_text(
        json.dumps(
            {
                "current-context": "x",
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [context],
            }
        )
    )
    monkeypatch.setenv("KUBECONFIG", str(config))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(config))
    secret = {"secret_key_ref": {"name": "s", "key": "k"}}
    kubernetes = {
        "service_account_name": "runner",
        "active_deadline_seconds": 600,
        "serving_pod_overrides": {
            "annotations": {"a": "b"},
            "env": [{"name": "E", "value": "1"}, {"name": "S", "value_from": secret}],
            "resources": {"limits": {"cpu": "2"}},
        },
    }
    place = ModelPlace("gs://bucket/m", 7)

    [backend] = backends_of(_spec(kubernetes=kubernetes), place)

    assert isinstance(backend, KubernetesBackend)
    assert (backend.cluster.namespace, backend.place) == ("models", place)
    assert backend.wishes == PodWishes(
        "runner",
        600,
        {"a": "b"},
        (
            {"name": "E", "value": "1"},
            {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ),
        {"limits": {"cpu": "2"}},
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{", "as JSON"),
        ("[]", "serving_spec with fields of"),
        (_spec(), "local_docker or kubernetes"),
        (_spec(tensorflow_serving={}, local_docker={}), "its tags or digests"),
        (_spec(local_docker={"port": 1}), "local_docker with fields of.*'port': 1"),
    ],
)
def test_what_is_no_serving_spec_is_refused(spec: str, words: str) -> None:
    """A field that would not be heeded is told, never dropped."""
    with pytest.raises(BadInputError, match=words):
        backends_of(spec)


@pytest.mark.tfx
def test_tfx_own_message_is_taken_as_its_component_hands_it_on() -> None:
    """The JSON is what TFX makes of the message that InfraValidator takes."""
    from tfx.proto import infra_validator_pb2 as proto
    from tfx.utils import proto_utils

    spec = proto.ServingSpec(
        tensorflow_serving=proto.TensorFlowServing(tags=["2.16.1"]),
        local_docker=proto.LocalDockerConfig(client_timeout_seconds=5),
        model_name="m",
    )

    [backend] = backends_of(proto_utils.proto_to_json(spec))

    assert isinstance(backend, DockerBackend)
    assert (backend.image, backend.model_name) == ("tensorflow/serving:2.16.1", "m")
