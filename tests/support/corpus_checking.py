"""The corpus built and checked: each case by the code that `tfx-parity check` runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from corpus_cases import Case
from old_rest_server import old_rest_server
from serve_command import serving

from tfx_parity.canary.backend import CanaryBackend
from tfx_parity.canary.endpoint import Endpoint, EndpointBackend
from tfx_parity.canary.native import NativeBackend
from tfx_parity.canary_validator.check import check_model
from tfx_parity.canary_validator.recorded import read_recorded
from tfx_parity.findings import ParityResult

_AT_ONCE = 2


@contextmanager
def corpus_checks(
    folder: Path, transform_graph: Path, cases: Iterable[Case]
) -> Iterator[Mapping[str, Future[ParityResult]]]:
    """Build cases, each in a folder of its name, and yield their checks.

    A case is checked while the next ones are built, which alone keeps one core busy.

    Args:
        folder: Gets the cases' folders.
        transform_graph: The toy examples'.
        cases: Which cases.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        built = _built(folder, transform_graph, [case.name for case in cases])
        yield {name: pool.submit(check_case, folder / name) for name in built}


def _built(folder: Path, transform_graph: Path, names: Sequence[str]) -> Iterator[str]:
    """Build cases in a process of its own, and yield the name of each that is whole."""
    script = Path(__file__).with_name("corpus_build.py")
    arguments = [sys.executable, str(script), str(folder), str(transform_graph), *names]
    with (
        TemporaryFile() as errors,
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=errors, text=True) as building,
    ):
        assert building.stdout is not None
        for line in building.stdout:
            if (name := line.partition(":")[0]) in names:
                yield name
        errors.seek(0)
        assert building.wait() == 0, errors.read()[-4000:].decode(errors="replace")


def check_case(folder: Path) -> ParityResult:
    """Check the model of a case's folder against what its trainer recorded."""
    run = folder / "run"
    recorded = read_recorded(run if run.is_dir() else folder / "predictions.tfrecord")
    with _backend(folder) as backend:
        return check_model(folder / "model", recorded, backend)


@contextmanager
def _backend(folder: Path) -> Iterator[CanaryBackend]:
    """Yield what serves a case's model.

    Where the folder holds a model that is served in its place, a server of that one is asked, whose
    REST front may be an old one; where it names an instruction set, a server that keeps to that
    one; where it holds batching parameters, the server batches requests by them.
    """
    served, processor = folder / "served", folder / "instruction_set"
    batching = folder / "batching_parameters.pbtxt"
    with ExitStack() as stack:
        if served.is_dir():
            canary = stack.enter_context(NativeBackend().start(served))
            rest = canary.rest_address
            if (folder / "old_rest").is_file():
                rest = stack.enter_context(old_rest_server(rest))
            yield EndpointBackend(Endpoint(canary.grpc_address, rest), canary.model_name)
        elif processor.is_file():
            flags = ("--model_name=served", f"--saved_model_path={folder / 'model'}")
            environment = {"ONEDNN_MAX_CPU_ISA": processor.read_text()}
            server = stack.enter_context(serving(folder, *flags, environment=environment))
            endpoint = Endpoint(server.grpc_address, server.rest_address)
            yield EndpointBackend(endpoint, "served")
        elif batching.is_file():
            yield NativeBackend(batching_parameters=batching.read_text())
        else:
            yield NativeBackend()
