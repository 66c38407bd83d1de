"""Every command and every piece of code of the README, run."""

from __future__ import annotations

import ast
import json
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tfx_line import needs_kfp

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(?P<language>\w+)\n(?P<code>.*?)```", re.DOTALL)
MAIN = f"{shlex.quote(sys.executable)} -c 'from tfx_parity.cli import main; main()'"


def _blocks(language: str) -> list[str]:
    return [
        found["code"].strip() for found in BLOCK.finditer(README) if found["language"] == language
    ]


def _command(start: str) -> str:
    (command,) = [block for block in _blocks("sh") if block.startswith(start)]
    return command


@pytest.fixture
def folder(penguins_demo: Path, tmp_path: Path) -> Path:
    """Return a folder in which the demo's run lies where the README says."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "penguins").symlink_to(penguins_demo)
    return tmp_path


def _shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    text = command.replace("tfx-parity ", f"{MAIN} ", 1)
    return subprocess.run(
        ["sh", "-c", text], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_commands_are_the_ones_that_are_run_here() -> None:
    """A command that is added to the README needs a test."""
    starts = [
        "make demo",
        "tfx-parity check",
        "tfx-parity payload",
        "tfx-parity serve",
        "curl",
        "tfx-parity kubeflow compile",
        "tfx-parity kubeflow lint",
    ]

    assert len(starts) == len(_blocks("sh"))
    assert all(block.startswith(start) for start, block in zip(starts, _blocks("sh"), strict=True))


def test_make_demo_runs_the_pipeline() -> None:
    """`make demo` is the command whose result the other commands look at."""
    done = subprocess.run(
        ["make", "--dry-run", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "/tfx-parity run penguins" in done.stdout


@pytest.mark.parametrize("code", _blocks("python"))
def test_the_python_is_python(code: str) -> None:
    """Each piece of code parses, and the names that it takes from us exist."""
    import tfx_parity

    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module == "tfx_parity":
            assert {alias.name for alias in node.names} <= set(tfx_parity.__all__)


@pytest.mark.native
@pytest.mark.tensorflow
@pytest.mark.tfx
def test_check_passes_on_the_demo(folder: Path) -> None:
    """The command of the README gives the verdict that the README shows."""
    run = max((folder / "runs/penguins/artifacts/Trainer/model_run").iterdir())
    command = _command("tfx-parity check").replace("model_run/*", f"model_run/{_first(run)}")

    done = _shell(command, folder)

    assert done.returncode == 0, done.stderr
    assert "0 of 344 examples differ: under 0.87% at 95% confidence, 1.00% allowed" in done.stdout


@pytest.mark.tensorflow
@pytest.mark.tfx
def test_payload_passes_on_the_demo(folder: Path) -> None:
    """The README's request and the model's own warm-up requests have no fault."""
    (body,) = re.findall(r"-d '(.*)'", _command("curl"))
    (folder / "requests.jsonl").write_text(f"{body}\n{body}\n", encoding="utf-8")
    (folder / "recorded_logs").mkdir()
    model = max((folder / "runs/penguins/serving_model").iterdir())
    warmup = (model / "assets.extra/tf_serving_warmup_requests").read_bytes()
    (folder / "recorded_logs" / "warmup").write_bytes(warmup)

    done = _shell(_command("tfx-parity payload"), folder)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "no fault" in done.stdout
    assert (folder / "report" / "report.html").is_file()


def _first(run: Path) -> str:
    """Return the demo's own model_run: later tests may have run the pipeline again."""
    return min((path.name for path in run.parent.iterdir()), key=int)


@pytest.fixture
def served(folder: Path) -> Iterator[int]:
    """Start the README's server, on ports that are free, and return its REST port."""
    ports = [_free_port(), _free_port()]
    command = (
        _command("tfx-parity serve").replace("8500", str(ports[0])).replace("8501", str(ports[1]))
    )
    text = "exec " + command.replace("tfx-parity ", f"{MAIN} ", 1)
    server = subprocess.Popen(["sh", "-c", text], cwd=folder)
    try:
        _wait_for(ports[1])
        yield ports[1]
    finally:
        server.terminate()
        server.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.1)
        else:
            return


@pytest.mark.native
@pytest.mark.tensorflow
@pytest.mark.tfx
def test_curl_gets_a_prediction(folder: Path, served: int) -> None:
    """The README's request gets three probabilities of one penguin."""
    done = _shell(_command("curl").replace("8501", str(served)), folder)

    (probabilities,) = json.loads(done.stdout)["predictions"]
    assert len(probabilities) == 3
    assert abs(sum(probabilities) - 1) < 1e-5


@needs_kfp
@pytest.mark.tfx
def test_the_compiled_pipeline_has_no_faults(tmp_path: Path) -> None:
    """What the one command compiles the other takes, warnings included."""
    compiled = _shell(_command("tfx-parity kubeflow compile"), tmp_path)
    linted = _shell(_command("tfx-parity kubeflow lint"), tmp_path)

    assert (0, 0) == (compiled.returncode, linted.returncode), compiled.stderr + linted.stdout
    assert linted.stdout == "pipeline.yaml: 0 errors, 0 warnings\n"
