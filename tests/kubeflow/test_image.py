"""The image: what its Dockerfile promises, and that it agrees with the rest."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tfx_parity.cli.kubeflow import IMAGE, IN_THE_IMAGE
from tfx_parity.version import VERSION

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "kubeflow" / "Dockerfile"


def _instructions() -> list[tuple[str, str]]:
    """Return the instructions with their arguments, lines joined and comments left out."""
    lines = [
        line
        for line in DOCKERFILE.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(name, rest) for name, rest in (line.split(" ", 1) for line in joined.splitlines())]


def _arguments(name: str) -> list[str]:
    return [rest for instruction, rest in _instructions() if instruction == name]


def test_the_base_is_pinned_by_its_digest_and_serving_by_its_full_version() -> None:
    """Both can be replaced at build time, and every FROM names one of them."""
    arguments = dict(each.split("=", 1) for each in _arguments("ARG"))

    assert re.fullmatch(
        r"python:3\.11\.\d+-slim-\w+@sha256:[0-9a-f]{64}", arguments["PYTHON_IMAGE"]
    )
    assert re.fullmatch(r"tensorflow/serving:\d+\.\d+\.\d+", arguments["SERVING_IMAGE"])
    assert ["${SERVING_IMAGE}", "${PYTHON_IMAGE}", "${PYTHON_IMAGE}"] == [
        each.split(" ")[0] for each in _arguments("FROM")
    ]


def test_serving_is_the_tensorflow_of_the_pinned_set() -> None:
    """The same minor version: a canary of another one proves another thing."""
    pinned = (ROOT / "constraints" / "tfx-1.16.txt").read_text(encoding="utf-8")
    trained = re.search(r"^tensorflow==(\d+\.\d+)\.", pinned, re.MULTILINE)
    arguments = dict(each.split("=", 1) for each in _arguments("ARG"))

    assert trained is not None
    assert trained[1] == arguments["SERVING_IMAGE"].split(":")[1].rsplit(".", 1)[0]


def test_it_installs_with_the_same_uv_as_make() -> None:
    """One resolver, one behaviour."""
    make = re.search(r"^UV_VERSION := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    arguments = dict(each.split("=", 1) for each in _arguments("ARG"))

    assert make is not None
    assert make[1] == arguments["UV_VERSION"]


def test_it_runs_as_a_user_by_number_and_writes_below_tmp() -> None:
    """Kubernetes proves a number, not a name, to be another than root."""
    environment = _arguments("ENV")[-1]

    assert ["10001:10001"] == _arguments("USER")
    assert "/tmp" == _arguments("WORKDIR")[-1]  # noqa: S108 - the one folder that is written to
    assert "HOME=/tmp" in environment
    assert "PYTHONDONTWRITEBYTECODE=1" in environment


def test_it_holds_the_real_server_where_the_back_end_looks() -> None:
    """One file out of the official image."""
    target = "/usr/local/bin/tensorflow_model_server"

    assert f"--from=serving /usr/bin/tensorflow_model_server {target}" in _arguments("COPY")
    assert f"TENSORFLOW_MODEL_SERVER={target}" in _arguments("ENV")[-1]


def test_what_is_copied_is_there_and_reaches_the_build() -> None:
    """Neither missing nor left out by .dockerignore."""
    let_through = {
        line.removeprefix("!").split("/")[0]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    sources = [
        source
        for each in _arguments("COPY")
        if not each.startswith("--from")
        for source in each.split(" ")[:-1]
    ]

    assert [] == [source for source in sources if not (ROOT / source).exists()]
    assert [] == [source for source in sources if source.split("/")[0] not in let_through]


def test_compile_and_manifests_name_the_image_and_its_paths() -> None:
    """Without options the compiled penguins pipeline fits the image."""
    text = DOCKERFILE.read_text(encoding="utf-8")

    assert f"tfx-parity:{VERSION}" == IMAGE
    assert f"-t {IMAGE} " in text
    assert f"'{IN_THE_IMAGE['data_root']}'" in text
    assert str(Path(IN_THE_IMAGE["schema_file"]).parent) in text
    assert f"mkdir -p {Path(IN_THE_IMAGE['serving_model_dir']).parent} " in text
    for manifest in (ROOT / "kubeflow" / "manifests").glob("*.yaml"):
        named = re.findall(r"tfx-parity:[\w.]+", manifest.read_text(encoding="utf-8"))
        assert set(named) <= {IMAGE}


@pytest.mark.system
@pytest.mark.skipif(shutil.which("hadolint") is None, reason="no hadolint is on the PATH")
def test_hadolint_finds_nothing() -> None:
    """With all of its rules."""
    command = ["hadolint", "--format", "json", str(DOCKERFILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert [] == json.loads(done.stdout)
