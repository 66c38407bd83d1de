"""The back end `docker`, at the API it calls: a local engine whose containers are processes.

No Docker engine is run here, and no stock image: what is tested is what is asked of an engine, and
what is made of its answers and faults.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from docker_engine import FakeEngine
from model_server_stand_in import write_stand_in

from tfx_parity.canary.backend import ModelLoadError
from tfx_parity.canary.client import CanaryDied
from tfx_parity.canary.docker import DockerBackend
from tfx_parity.canary.docker_api import DockerEngine
from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.serving_api.status import Code

pytestmark = pytest.mark.system

X = np.array([[1, 2, 3]], np.float32)
IMAGE = "tensorflow/serving:2.16.1"


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    """A running engine with the image, and with images that fail."""
    # A Unix socket's path has 108 bytes at most.
    root = Path(tempfile.mkdtemp(prefix="engine-"))
    program = write_stand_in(root / "tensorflow_model_server", "2.16.1")
    shell = ["sh", "-c"]
    images = {
        IMAGE: [str(program)],
        "dies:1": [*shell, "echo no such library >&2; exit 127"],
        "aborts:1": [*shell, "echo 'Reading SavedModel from: /m/1' >&2; kill -ABRT $$"],
        "killed:1": [*shell, "echo working; kill -KILL $$"],
        "never:1": [*shell, "echo starting; exec sleep 60"],
    }
    with FakeEngine(root, images, in_registry={"remote:1": [str(program)]}) as fake:
        yield fake
    shutil.rmtree(root)


@pytest.fixture
def saved_model(tmp_path: Path) -> Path:
    """Return what looks like a SavedModel to whoever does not load it."""
    (tmp_path / "saved_model.pb").write_bytes(b"")
    return tmp_path


def _backend(engine: FakeEngine, image: str = IMAGE) -> DockerBackend:
    return DockerBackend(image, "penguins", DockerEngine(engine.url, timeout_s=10))


@pytest.mark.native
@pytest.mark.tensorflow
def test_the_image_is_run_asked_and_removed(models: Path, engine: FakeEngine) -> None:
    """The model answers over both ports; the report gets the image's digest and version."""
    with _backend(engine).start(models / "affine") as canary:
        over_grpc = canary.client.predict("serving_default", {"x": X})["y"].tolist()
        over_rest = canary.client.predict_rows("serving_default", [[1, 2, 3]])["y"].tolist()

    assert over_grpc == over_rest == [[11.125, 1.0]]
    assert canary.identity.backend == "docker"
    assert canary.identity.version == "TensorFlow 2.16.1 (ModelServer 0.0.0+dev.sha.0123456)"
    assert canary.identity.digest == f"sha256:{'ab' * 32}"
    assert engine.containers == {}


@pytest.mark.native
@pytest.mark.tensorflow
def test_what_is_asked_of_the_engine(models: Path, engine: FakeEngine) -> None:
    """The mount is read-only, ports are the loopback's, load retries off, the end not removed."""
    with _backend(engine).start(models / "affine"):
        [config] = engine.configs

    assert config["Image"] == IMAGE
    assert config["Cmd"] == ["--max_num_load_retries=0", "--file_system_poll_wait_seconds=0"]
    assert config["Env"] == [
        "MODEL_BASE_PATH=/model", "MODEL_NAME=penguins", "TF_CPP_MAX_VLOG_LEVEL=3",
    ]  # fmt: skip
    host = config["HostConfig"]
    assert host["Mounts"] == [
        {
            "Type": "bind",
            "Source": str(models / "affine" / "1"),
            "Target": "/model/penguins/1",
            "ReadOnly": True,
        }
    ]
    loopback = [{"HostIp": "127.0.0.1", "HostPort": ""}]
    assert host["PortBindings"] == {"8500/tcp": loopback, "8501/tcp": loopback}
    assert "AutoRemove" not in host


@pytest.mark.native
@pytest.mark.tensorflow
def test_an_image_that_is_not_there_is_pulled(models: Path, engine: FakeEngine) -> None:
    """As TFX's InfraValidator does: its pipelines go on without a docker pull."""
    with _backend(engine, "remote:1").start(models / "affine") as canary:
        assert canary.version == 1

    assert "POST /images/create?fromImage=remote%3A1" in engine.asked


@pytest.mark.native
@pytest.mark.tensorflow
def test_a_model_that_the_image_cannot_load_is_the_models_fault(
    copied: Callable[[str], Path], engine: FakeEngine
) -> None:
    """The container's last words hold the code and the text."""
    path = copied("vocabulary")
    [vocabulary] = (path / "assets").iterdir()
    vocabulary.unlink()

    with pytest.raises(ModelLoadError) as raised:
        _backend(engine).start(path).__enter__()

    assert raised.value.code == Code.NOT_FOUND
    assert "vocabulary.txt; No such file" in raised.value.message
    assert engine.containers == {}


@pytest.mark.native
@pytest.mark.tensorflow
def test_a_container_that_dies_under_a_request_is_told(models: Path, engine: FakeEngine) -> None:
    """With its signal and its last lines, which are kept as the container is not auto-removed."""
    died = pytest.raises(CanaryDied, match="(?s)container of tensorflow.*SIGABRT.*about to abort")

    with _backend(engine).start(models / "affine") as canary, died:
        canary.client.predict("crash", {"x": X[0]})


@pytest.mark.native
@pytest.mark.tensorflow
def test_an_engine_that_goes_away_midway_is_no_verdict(models: Path, engine: FakeEngine) -> None:
    """A request that fails while nobody can say why is an error; so is what cannot be removed."""
    running = _backend(engine).start(models / "affine")
    canary = running.__enter__()
    engine.go_away()

    with pytest.raises(ServerUnavailableError, match="found none that answers"):
        canary.client.predict("crash", {"x": X[0]})
    with pytest.raises(ServerUnavailableError, match="found none that answers"):
        running.__exit__(None, None, None)


@pytest.mark.native
@pytest.mark.tensorflow
def test_a_container_that_is_removed_midway_is_no_verdict(models: Path, engine: FakeEngine) -> None:
    """Somebody else removed it: nothing is known of the model."""
    gone = pytest.raises(ServerUnavailableError, match="No such container")

    with _backend(engine).start(models / "affine") as canary:
        for name in list(engine.containers):
            engine.containers.pop(name).end()
        with gone:
            canary.client.predict("serving_default", {"x": X})


def test_no_container_outlives_its_killed_starter(saved_model: Path, engine: FakeEngine) -> None:
    """The reaper removes it, though the engine would go on for ever."""
    code = textwrap.dedent(f"""
        from pathlib import Path
        from tfx_parity.canary.docker import DockerBackend
        from tfx_parity.canary.docker_api import DockerEngine
        backend = DockerBackend("never:1", engine=DockerEngine({engine.url!r}))
        backend.start(Path({str(saved_model)!r})).__enter__()
    """)
    starter = subprocess.Popen([sys.executable, "-c", code])
    assert _until(lambda: any(c.process for c in engine.containers.values()))

    starter.kill()
    starter.wait()

    assert _until(lambda: not engine.containers)


def _until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("nowhere/serving:1", "manifest for nowhere/serving:1 not found.*docker pull"),
        ("dies:1", "container of dies:1 ended with exit code 127.*no such library"),
        ("killed:1", "container of killed:1 was killed by signal 9 .SIGKILL., out of memory"),
    ],
)
def test_what_ends_before_the_model_is_read_is_no_verdict(
    saved_model: Path, engine: FakeEngine, image: str, words: str
) -> None:
    """An image that is missing or does not run says nothing about the model."""
    with pytest.raises(ServerUnavailableError, match=f"(?s){words}"):
        _backend(engine, image).start(saved_model, startup_deadline_s=20).__enter__()

    assert engine.containers == {}


def test_a_crash_while_the_model_is_read_is_the_models(
    saved_model: Path, engine: FakeEngine
) -> None:
    """The container ended by a signal after its server began to load."""
    with pytest.raises(ModelLoadError, match="INTERNAL.*SIGABRT"):
        _backend(engine, "aborts:1").start(saved_model, startup_deadline_s=20).__enter__()


def test_a_container_that_is_never_ready_is_told_within_the_deadline(
    saved_model: Path, engine: FakeEngine
) -> None:
    """It is removed, and what it logged is told."""
    started = time.monotonic()

    with pytest.raises(ServerUnavailableError, match="(?s)within 2 s, found no answer.*starting"):
        _backend(engine, "never:1").start(saved_model, startup_deadline_s=2).__enter__()

    assert time.monotonic() - started < 20
    assert engine.containers == {}


def test_no_engine_is_told_with_what_to_install(saved_model: Path, tmp_path: Path) -> None:
    """The message names the socket that was looked for; no other back end is taken instead."""
    backend = DockerBackend(IMAGE, engine=DockerEngine(f"unix://{tmp_path}/docker.sock"))

    with pytest.raises(ServerUnavailableError, match=f"{tmp_path}/docker.sock.*docs.docker.com"):
        backend.start(saved_model).__enter__()


def test_the_engine_is_the_one_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As for the docker command; TLS and ssh are not spoken, and that is told."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert DockerEngine().url == "unix:///var/run/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    assert DockerEngine().url == "tcp://10.0.0.1:2375"
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@there")
    with pytest.raises(BadInputError, match="ssh://me@there"):
        DockerEngine()


@pytest.mark.parametrize("image", ["tensorflow/serving", "host:5000/serving"])
def test_an_image_without_a_tag_is_refused(image: str) -> None:
    """`latest` is another server at every run; a registry's port is no tag."""
    with pytest.raises(BadInputError, match="tag or a digest.*tensorflow/serving:2.16.1"):
        DockerBackend(image)
