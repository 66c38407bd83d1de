"""The corpus built and checked: each case by the code that `tfx-parity check` runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from corpus_cases import Case
from old_rest_server import old_rest_server

from tfx_parity.canary.endpoint import Endpoint, EndpointBackend
from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary_validator.check import check_model
from tfx_parity.canary_validator.recorded import read_recorded
from tfx_parity.findings import ParityResult


def build_corpus(folder: Path, transform_graph: Path, cases: Iterable[Case]) -> None:
    """Build cases in a process of its own, each in a folder of its name."""
    script = Path(__file__).with_name("corpus_build.py")
    names = [case.name for case in cases]
    made = subprocess.run(
        [sys.executable, str(script), str(folder), str(transform_graph), *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-4000:]


def check_case(folder: Path) -> ParityResult:
    """Check the model of a case's folder against what its trainer recorded.

    Where the folder holds a model that is served in its place, a server of that one is asked, whose
    REST front may be an old one; where it holds batching parameters, the server batches requests by
    them.
    """
    run = folder / "run"
    recorded = read_recorded(run if run.is_dir() else folder / "predictions.tfrecord")
    served = folder / "served"
    if not served.is_dir():
        batching = folder / "batching_parameters.pbtxt"
        backend = NativeBackend(
            batching_parameters=batching.read_text() if batching.is_file() else None
        )
        return check_model(folder / "model", recorded, backend)
    with ExitStack() as stack:
        server = stack.enter_context(NativeBackend().start(served))
        rest = server.rest_address
        if (folder / "old_rest").is_file():
            rest = stack.enter_context(old_rest_server(rest))
        endpoint = EndpointBackend(Endpoint(server.grpc_address, rest), server.model_name)
        return check_model(folder / "model", recorded, endpoint)
