"""`tfx-parity check --server`: which back end is taken, and what a check with it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from model_server_stand_in import write_stand_in

from tfx_parity.canary.binary import BinaryBackend
from tfx_parity.canary.docker import DockerBackend
from tfx_parity.canary.endpoint import EndpointBackend
from tfx_parity.canary.native import NativeBackend
from tfx_parity.cli.servers import backend_of, batching_parameters, server_options
from tfx_parity.errors import BadInputError


def _check(trained: Any, *options: str, **environment: str) -> tuple[int, dict[str, Any], str]:
    code = "import sys; from tfx_parity.cli import main; main(sys.argv[1:])"
    arguments = ["check", str(trained.model), "--predictions", str(trained.run), "--json", *options]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=False, env=environment or None,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def _missing(report: dict[str, Any]) -> dict[str, str]:
    return {arm["name"]: arm["missing"] for arm in report["arms"] if arm["missing"]}


def test_each_server_has_its_back_end() -> None:
    """The words of --server choose; anything else is an address."""
    assert isinstance(backend_of("native", None, None), NativeBackend)
    assert isinstance(backend_of("binary", None, None), BinaryBackend)
    docker = backend_of("docker", "tensorflow/serving:2.16.1", None)
    assert isinstance(docker, DockerBackend)
    assert docker.image == "tensorflow/serving:2.16.1"
    endpoint = backend_of("localhost:8500,8501", None, "penguins")
    assert isinstance(endpoint, EndpointBackend)
    assert (endpoint.model_name, endpoint.endpoint.rest_address) == ("penguins", "localhost:8501")
    assert getattr(backend_of("h:1", None, None), "model_name", None) == "default"


@pytest.mark.parametrize(
    ("server", "image", "model_name", "hint"),
    [
        ("docker", None, None, "--image"),
        ("native", "tensorflow/serving:2.16.1", None, "--image"),
        ("h:1", "tensorflow/serving:2.16.1", None, "--image"),
        ("native", None, "m", "--model-name"),
        ("binary", None, "m", "--model-name"),
    ],
)
def test_options_without_a_meaning_are_refused(
    server: str, image: str | None, model_name: str | None, hint: str
) -> None:
    """An option that a server cannot heed is told, never ignored."""
    with pytest.raises(click.BadParameter) as raised:
        backend_of(server, image, model_name)

    assert hint == raised.value.param_hint


def test_what_is_neither_a_server_nor_an_address_is_refused() -> None:
    """A typing mistake falls back on nothing."""
    with pytest.raises(BadInputError, match="found 'nativ'"):
        backend_of("nativ", None, None)


def test_batching_is_the_native_canarys(tmp_path: Path) -> None:
    """Its parameters are the file's, TF Serving's own without one; other servers have flags."""
    file = tmp_path / "batching.txt"
    file.write_text("max_batch_size { value: 4 }")

    assert batching_parameters(False, None) is None
    assert batching_parameters(True, None) == ""
    assert batching_parameters(True, file) == "max_batch_size { value: 4 }"
    native = backend_of("native", None, None, "max_batch_size { value: 4 }")
    assert isinstance(native, NativeBackend)
    assert native.batching_parameters == "max_batch_size { value: 4 }"
    for refused in (
        lambda: batching_parameters(False, file),
        lambda: backend_of("binary", None, None, ""),
    ):
        with pytest.raises(click.BadParameter):
            refused()
    with pytest.raises(BadInputError, match="Invalid protobuf file"):
        batching_parameters(True, tmp_path / "none")


def test_the_command_repeats_the_options_that_were_given() -> None:
    """What is left at its default is left out."""
    assert server_options("native", None, None) == ()
    assert server_options("docker", "a/b:1", None) == ("--server", "docker", "--image", "a/b:1")
    assert server_options("h:1", None, "m") == ("--server", "h:1", "--model-name", "m")
    batching = server_options("native", None, None, Path("/b.txt"))
    assert batching == ("--batching_parameters_file", "/b.txt")


@pytest.fixture
def trained(trained_models: dict[str, Any]) -> Any:
    """Return a trained Keras 3 model."""
    return trained_models["keras 3"]


@pytest.mark.native
@pytest.mark.tensorflow
@pytest.mark.tfx
def test_a_check_with_the_binary_names_it(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every arm is asked; the report names the binary and its version."""
    import tensorflow as tf

    program = write_stand_in(tmp_path / "tensorflow_model_server", tf.__version__)
    monkeypatch.setenv("TENSORFLOW_MODEL_SERVER", str(program))

    code, report, words = _check(trained, "--server", "binary")

    assert (0, "PASS", []) == (code, report["verdict"], report["causes"]), words
    assert report["environment"]["canary"].startswith(f"binary, TensorFlow {tf.__version__} ")
    assert "--server binary" in report["reproduce"]
    assert _missing(report) == {}


@pytest.mark.native
@pytest.mark.tensorflow
@pytest.mark.tfx
def test_a_binary_of_another_tensorflow_is_a_version_mismatch(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The minor version that the binary tells is compared with the model's."""
    program = write_stand_in(tmp_path / "tensorflow_model_server", "2.9.3")
    monkeypatch.setenv("TENSORFLOW_MODEL_SERVER", str(program))

    code, report, _ = _check(trained, "--server", "binary")

    assert (1, ["VERSION_MISMATCH"]) == (code, [cause["code"] for cause in report["causes"]])
    assert "2.9 in the server" in report["causes"][0]["place"]


@pytest.mark.native
@pytest.mark.tensorflow
@pytest.mark.tfx
def test_a_check_of_a_running_server_says_what_it_could_not_ask(trained: Any) -> None:
    """Without a REST port the REST arms are missing, a second start always is, with the reason."""
    with NativeBackend().start(trained.model) as server:
        options = ("--server", server.grpc_address, "--model-name", server.model_name)
        code, report, words = _check(trained, *options)

    missing = _missing(report)
    assert (0, "PASS") == (code, report["verdict"]), words
    assert {"C'", "R", "Rc", "Rr"} == set(missing)
    assert "not ours to start" in missing["C'"]
    assert "REST port" in missing["R"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--server", "binary"), "Expected the binary tensorflow_model_server"),
        (("--server", "docker", "--image", "tensorflow/serving:2.16.1"), "a Docker engine at unix"),
        (("--server", "127.0.0.1:1"), "gRPC API at 127.0.0.1:1"),
    ],
)
@pytest.mark.native
@pytest.mark.tensorflow
@pytest.mark.tfx
def test_a_server_that_is_not_there_is_never_a_verdict(
    trained: Any, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    """Exit code 3, no report, and what was looked for; the native canary is not taken instead."""
    code, report, told = _check(
        trained, *options, PATH=str(tmp_path), DOCKER_HOST=f"unix://{tmp_path}/none.sock"
    )

    assert (3, {}) == (code, report)
    assert words in told
