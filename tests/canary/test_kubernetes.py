"""The back end `kubernetes`, at the API it calls: a local server whose pods are processes.

No cluster is run here, and no stock image: what is tested is what is asked of a cluster, and what
is made of its answers and faults.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kubernetes_cluster import FakeCluster
from model_server_stand_in import write_stand_in

from tfx_parity.canary.backend import ModelLoadError
from tfx_parity.canary.client import CanaryDied
from tfx_parity.canary.kubernetes import KubernetesBackend
from tfx_parity.canary.kubernetes_api import Cluster
from tfx_parity.canary.pod import ModelPlace, PodWishes, pod_manifest
from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.serving_api.status import Code

pytestmark = pytest.mark.system

X = np.array([[1, 2, 3]], np.float32)
IMAGE = "tensorflow/serving:2.16.1"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """A cluster with the image, and with images that fail, which a kubeconfig names."""
    program = write_stand_in(tmp_path / "tensorflow_model_server", "2.16.1")
    shell = ["sh", "-c"]
    images = {
        IMAGE: [str(program)],
        "dies:1": [*shell, "echo no such library >&2; exit 127"],
        "aborts:1": [*shell, "echo 'Reading SavedModel from: /m/1' >&2; kill -ABRT $$"],
        "never:1": [*shell, '[ "$0" = --version ] || { echo starting; exec sleep 60; }'],
    }
    root = tmp_path / "cluster"
    root.mkdir()
    with FakeCluster(root, images, claims={}) as fake:
        monkeypatch.setenv("KUBECONFIG", str(fake.kubeconfig(tmp_path / "config")))
        # The package reads the variable once, when it is imported.
        monkeypatch.setattr(
            "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config")
        )
        yield fake


@pytest.fixture
def saved_model(tmp_path: Path) -> Path:
    """Return what looks like a SavedModel to whoever does not load it."""
    folder = tmp_path / "claim" / "model"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    return folder


def _backend(cluster: FakeCluster, model: Path, image: str = IMAGE) -> KubernetesBackend:
    """Return the back end for a model in a claim of the cluster."""
    cluster.claims["claim"] = model.parent
    place = ModelPlace.parse(f"pvc://claim/{model.name}", "penguins")
    return KubernetesBackend(image, Cluster.connect(), place, "penguins")


@pytest.mark.native
@pytest.mark.tensorflow
def test_a_pod_is_run_asked_and_deleted(models: Path, cluster: FakeCluster) -> None:
    """Over forwarded ports the model answers; the report gets the image's digest and version."""
    model = models / "affine" / "1"
    with _backend(cluster, model).start(model) as canary:
        over_grpc = canary.client.predict("serving_default", {"x": X})["y"].tolist()
        over_rest = canary.client.predict_rows("serving_default", [[1, 2, 3]])["y"].tolist()

    assert over_grpc == over_rest == [[11.125, 1.0]]
    assert canary.identity.backend == "kubernetes"
    assert canary.identity.version == "TensorFlow 2.16.1 (ModelServer 0.0.0+dev.sha.0123456)"
    assert canary.identity.digest == f"sha256:{'ab' * 32}"
    assert cluster.pods == {}
    assert cluster.tokens == {"Bearer secret"}
    assert all("/namespaces/models/pods" in path for path in cluster.asked)


@pytest.mark.native
@pytest.mark.tensorflow
def test_large_answers_pass_the_forwarded_port(models: Path, cluster: FakeCluster) -> None:
    """A megabyte goes and comes over the stream, in many messages, unchanged."""
    model = models / "affine" / "1"
    rows = np.arange(300_000, dtype=np.float32).reshape(-1, 3)
    with _backend(cluster, model).start(model) as canary:
        answered = canary.client.predict("serving_default", {"x": rows})["y"]

    weights = np.array([[1.0, -2.0], [0.5, 0.25], [3.0, 1.0]], np.float32)
    expected = rows @ weights + np.array([0.125, -0.5], np.float32)
    np.testing.assert_allclose(answered, expected, rtol=1e-5)


@pytest.mark.native
@pytest.mark.tensorflow
def test_a_model_that_the_pod_cannot_load_is_the_models_fault(
    copied: Callable[[str], Path], cluster: FakeCluster
) -> None:
    """The server's own container's log holds the code and the text."""
    path = copied("vocabulary")
    [vocabulary] = (path / "assets").iterdir()
    vocabulary.unlink()

    with pytest.raises(ModelLoadError) as raised:
        _backend(cluster, path).start(path).__enter__()

    assert raised.value.code == Code.NOT_FOUND
    assert "vocabulary.txt; No such file" in raised.value.message
    assert cluster.pods == {}


@pytest.mark.native
@pytest.mark.tensorflow
def test_a_pod_that_dies_under_a_request_is_told(models: Path, cluster: FakeCluster) -> None:
    """With its signal and the last lines of the right container."""
    model = models / "affine" / "1"
    died = pytest.raises(CanaryDied, match="(?s)model-server of pod.*SIGABRT.*about to abort")

    with _backend(cluster, model).start(model) as canary, died:
        canary.client.predict("crash", {"x": X[0]})


@pytest.mark.native
@pytest.mark.tensorflow
def test_what_the_cluster_does_midway_is_no_verdict(models: Path, cluster: FakeCluster) -> None:
    """An eviction, a deleted pod and an API that is gone say nothing about the model."""
    model = models / "affine" / "1"
    running = _backend(cluster, model).start(model)
    canary = running.__enter__()
    [pod] = cluster.pods.values()
    assert pod.process is not None
    pod.process.kill()
    pod.reason = "Evicted"
    with pytest.raises(ServerUnavailableError, match="the cluster ended it: Evicted"):
        canary.client.predict("serving_default", {"x": X})
    cluster.pods.clear()
    with pytest.raises(ServerUnavailableError, match="HTTP 404"):
        canary.client.predict("serving_default", {"x": X})
    cluster.go_away()
    with pytest.raises(ServerUnavailableError, match="no answer"):
        canary.client.predict("serving_default", {"x": X})
    with pytest.raises(ServerUnavailableError, match="delete pod"):
        running.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("nowhere/serving:1", "Pending: ImagePullBackOff: so the node says.*Is the image there"),
        ("dies:1", "ended with exit code 127.*no such library"),
    ],
)
def test_what_ends_before_the_model_is_read_is_no_verdict(
    saved_model: Path, cluster: FakeCluster, image: str, words: str
) -> None:
    """An image that is missing or does not run says nothing about the model."""
    backend = _backend(cluster, saved_model, image)

    with pytest.raises(ServerUnavailableError, match=f"(?s){words}"):
        backend.start(saved_model, startup_deadline_s=20).__enter__()

    assert cluster.pods == {}


def test_a_crash_while_the_model_is_read_is_the_models(
    saved_model: Path, cluster: FakeCluster
) -> None:
    """The container ended by a signal after its server began to load."""
    backend = _backend(cluster, saved_model, "aborts:1")

    with pytest.raises(ModelLoadError, match="INTERNAL.*SIGABRT"):
        backend.start(saved_model, startup_deadline_s=20).__enter__()


def test_a_pod_that_is_never_ready_is_told_within_the_deadline(
    saved_model: Path, cluster: FakeCluster
) -> None:
    """It is deleted, and what it logged is told."""
    started = time.monotonic()
    backend = _backend(cluster, saved_model, "never:1")

    with pytest.raises(ServerUnavailableError, match="(?s)found no answer.*starting"):
        backend.start(saved_model, startup_deadline_s=3).__enter__()

    assert time.monotonic() - started < 25
    assert cluster.pods == {}


def test_no_cluster_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a pod nor a kubeconfig: an error, and no other back end instead."""
    nowhere = str(tmp_path / "none")
    monkeypatch.setenv("KUBECONFIG", nowhere)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", nowhere)

    with pytest.raises(ServerUnavailableError, match="no kubeconfig to use.*kubectl get pods"):
        Cluster.connect()


OWN_POD: dict[str, Any] = {
    "metadata": {"name": "step-1", "uid": "u-1"},
    "spec": {
        "serviceAccountName": "pipeline-runner",
        "volumes": [
            {"name": "root", "persistentVolumeClaim": {"claimName": "artifacts"}},
            {"name": "tmp", "emptyDir": {}},
        ],
        "containers": [
            {
                "volumeMounts": [
                    {"name": "root", "mountPath": "/mnt/pipelines", "subPath": "tfx"},
                    {"name": "tmp", "mountPath": "/scratch"},
                ]
            }
        ],
    },
}


def test_a_model_in_this_pods_own_claim_is_found_there() -> None:
    """The path in the claim is that below the mount, behind the mount's own sub-path."""
    path = Path("/mnt/pipelines/Trainer/model/7/Format-Serving")

    place = ModelPlace.in_own_claim(OWN_POD, path, "m")

    assert place == ModelPlace("/model/m", 1, "artifacts", "tfx/Trainer/model/7/Format-Serving")
    with pytest.raises(BadInputError, match="/scratch/model.*'artifacts'"):
        ModelPlace.in_own_claim(OWN_POD, Path("/scratch/model"), "m")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("pvc://claim/models/7", ModelPlace("/model/m", 1, "claim", "models/7")),
        ("gs://bucket/models/penguins/7", ModelPlace("gs://bucket/models/penguins", 7)),
        ("s3://bucket/penguins/0012/", ModelPlace("s3://bucket/penguins", 12)),
    ],
)
def test_where_a_pod_finds_the_model(uri: str, expected: ModelPlace) -> None:
    """A claim holds any path, a remote model must lie in a numbered folder, as servers want it."""
    assert expected == ModelPlace.parse(uri, "m")


@pytest.mark.parametrize(
    "uri", ["", "/models/7", "pvc://claim", "gs://bucket/Format-Serving", "gs:///7", "7"]
)
def test_what_no_pod_can_find_is_refused(uri: str) -> None:
    """The message shows both forms."""
    with pytest.raises(BadInputError, match="pvc://CLAIM/PATH.*gs://"):
        ModelPlace.parse(uri, "m")


def test_the_pod_is_owned_by_this_one_and_as_the_user_wishes() -> None:
    """Its owner takes it along, its deadline ends it, its claim cannot be written."""
    secret = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    wishes = PodWishes("", 600, {"note": "x"}, (secret,), {"limits": {"memory": "2Gi"}})
    place = ModelPlace.parse("pvc://claim/models/7", "m")

    manifest = pod_manifest(IMAGE, "m", place, wishes, OWN_POD)

    spec, [server] = manifest["spec"], manifest["spec"]["containers"]
    assert manifest["metadata"]["annotations"] == {"note": "x"}
    assert manifest["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "step-1", "uid": "u-1"}
    ]
    assert (spec["serviceAccountName"], spec["activeDeadlineSeconds"], spec["restartPolicy"]) == (
        "pipeline-runner", 600, "Never",
    )  # fmt: skip
    assert spec["volumes"] == [
        {"name": "model", "persistentVolumeClaim": {"claimName": "claim", "readOnly": True}}
    ]
    assert server["volumeMounts"] == [
        {"name": "model", "mountPath": "/model/m/1", "subPath": "models/7", "readOnly": True}
    ]
    assert server["args"] == [
        "--max_num_load_retries=0",
        "--file_system_poll_wait_seconds=0",
        "--model_base_path=/model/m",
    ]
    assert secret in server["env"]
    assert server["resources"] == {"limits": {"memory": "2Gi"}}
