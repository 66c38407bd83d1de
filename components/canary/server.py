"""The native canary's server: `python -m tfx_parity.canary.server --model_base_path=DIR ...`.

It takes `tensorflow_model_server`'s flags. What takes long to import is imported when it is
needed, so that a wrong flag is told at once and the first answer comes soon.
"""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfx_parity.canary.lifeline import end_with_parent, private_standard_output
from tfx_parity.canary.server_flags import ServerFlags, parse_flags, usage
from tfx_parity.canary.startup import Stage, StartupReport
from tfx_parity.canary.versions import found_versions
from tfx_parity.errors import BadInputError, ServerUnavailableError
from tfx_parity.serving_api.status import ServingError
from tfx_parity.version import VERSION

if TYPE_CHECKING:
    from tfx_parity.canary.grpc_front import GrpcFront
    from tfx_parity.canary.rest_front import RestFront
    from tfx_parity.canary.served_models import ServedModels

_GARBAGE_THRESHOLD = 50_000
EXIT_OK = 0
EXIT_MODEL_REFUSED = 1
EXIT_BAD_INPUT = 2
EXIT_UNAVAILABLE = 3
EXIT_INTERRUPTED = 130
_EXIT_CODES = {
    Stage.MODEL_REFUSED: EXIT_MODEL_REFUSED,
    Stage.INPUT_REFUSED: EXIT_BAD_INPUT,
    Stage.UNAVAILABLE: EXIT_UNAVAILABLE,
}
_Tell = Callable[[StartupReport], None]


def serve_main(arguments: Sequence[str]) -> int:
    """Serve models until the process is told to end (SIGINT, SIGTERM).

    Args:
        arguments: `tensorflow_model_server`'s flags; see `server_flags.usage()`.

    Returns:
        The exit code: 0 ended when told to, 1 the model cannot be loaded, 2 what was given cannot
        be used (flags, no model, a port in use), 3 this machine cannot run the server.
    """
    if "--help" in arguments:
        sys.stdout.write(f"{usage()}\n")
        return EXIT_OK
    tell: _Tell = _tell_user
    try:
        flags = parse_flags(arguments)
        if flags.supervised_by:
            end_with_parent(flags.supervised_by)
            tell = _parent_teller()
        _serve(flags, tell)
    except ServingError as error:
        return _refuse(tell, StartupReport(Stage.MODEL_REFUSED, error.message, code=error.code))
    except BadInputError as error:
        return _refuse(tell, StartupReport(Stage.INPUT_REFUSED, str(error)))
    except ServerUnavailableError as error:
        return _refuse(tell, StartupReport(Stage.UNAVAILABLE, str(error)))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED  # while it was loading; later, SIGINT ends it in order
    return EXIT_OK


def _refuse(tell: _Tell, report: StartupReport) -> int:
    tell(report)
    return _EXIT_CODES[report.stage]


def _say(text: str) -> None:
    # A log that takes no more, on a full disk, is no reason to stop serving.
    with contextlib.suppress(OSError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def _tell_user(report: StartupReport) -> None:
    """Tell a person at a terminal, in the words of tensorflow_model_server."""
    if report.stage is Stage.READY:
        if report.grpc_port:
            _say(f"Running gRPC ModelServer at 127.0.0.1:{report.grpc_port} ...")
        if report.rest_port:
            _say(f"Exporting HTTP/REST API at:localhost:{report.rest_port} ...")
    elif report.stage is Stage.MODEL_REFUSED:
        _say(f"Failed to start server. Error: {report.code.name}: {report.message}")
    elif report.stage is not Stage.LOADING:
        _say(report.message)


def _tell_version() -> None:
    """Tell what tensorflow_model_server tells; the server is this package."""
    from tfx_parity.canary.c_api import tensorflow_version  # noqa: PLC0415 - loads TensorFlow

    sys.stdout.write(
        f"TensorFlow ModelServer: tfx-parity-{VERSION}\n"
        f"TensorFlow Library: {tensorflow_version()}\n"
    )


def _parent_teller() -> _Tell:
    """Return how a supervised child tells its parent."""
    write_line = private_standard_output()
    return lambda report: write_line(report.to_line())


def _serve(flags: ServerFlags, tell: _Tell) -> None:
    if flags.version:
        _tell_version()
        return
    if flags.model_base_path and not flags.model_config_file:
        # No model is told at once, before anything heavy is imported.
        found_versions(Path(flags.model_base_path), flags.model_name)
    grpc_front, rest_front = _bound_fronts(flags)
    from tfx_parity.canary.loading import start_models  # noqa: PLC0415 - see the module
    from tfx_parity.canary.monitoring import RequestMetrics  # noqa: PLC0415

    served = start_models(flags, tell)
    metrics = RequestMetrics()
    _collect_garbage_seldom()
    # Who finds one of them ready, by whatever way, may use the other at once: REST takes longer.
    for front in (rest_front, grpc_front):
        if front is not None:
            front.serve(served, metrics)
    tell(_ready(served, grpc_front, rest_front))
    _poll(flags, served)
    _wait_for_the_end(flags)
    for front in (grpc_front, rest_front):
        if front is not None:
            front.stop()


def _collect_garbage_seldom() -> None:
    """Keep Python from looking for cycles while it reads a body, which has none.

    A thousand rows of JSON are some 20,000 lists and objects, each 700 of them a reason to look.
    """
    gc.set_threshold(_GARBAGE_THRESHOLD)


def _poll(flags: ServerFlags, served: ServedModels) -> None:
    """Start to look for other versions and another config, where the flags say so."""
    from tfx_parity.canary.polling import poll_config, poll_versions  # noqa: PLC0415

    if flags.file_system_poll_wait_seconds and not flags.saved_model_path:
        poll_versions(flags.file_system_poll_wait_seconds, served)
    if flags.model_config_file and flags.model_config_file_poll_wait_seconds:
        poll_config(flags.model_config_file, flags.model_config_file_poll_wait_seconds, served)


def _bound_fronts(flags: ServerFlags) -> tuple[GrpcFront | None, RestFront | None]:
    """Bind the ports before the model is loaded: a port in use is told at once."""
    grpc_front = rest_front = None
    if flags.port or flags.supervised_by:
        from tfx_parity.canary.grpc_front import GrpcFront  # noqa: PLC0415

        grpc_front = GrpcFront(
            0 if flags.supervised_by else flags.port,
            flags.grpc_max_threads,
            flags.grpc_socket_path,
            flags.grpc_channel_arguments,
        )
    if flags.rest_api_port or flags.supervised_by:
        from tfx_parity.canary.rest_front import RestFront  # noqa: PLC0415

        rest_front = RestFront(
            0 if flags.supervised_by else flags.rest_api_port,
            flags.rest_api_num_threads,
            flags.rest_api_timeout_in_ms,
            _metrics_path(flags),
        )
    return grpc_front, rest_front


def _metrics_path(flags: ServerFlags) -> str | None:
    if not flags.monitoring_config_file:
        return None
    from tfx_parity.canary.text_files import read_text  # noqa: PLC0415
    from tfx_parity.serving_api.monitoring_config import prometheus_path  # noqa: PLC0415

    return prometheus_path(read_text(flags.monitoring_config_file))


def _ready(
    served: ServedModels, grpc_front: GrpcFront | None, rest_front: RestFront | None
) -> StartupReport:
    from tfx_parity.canary.c_api import tensorflow_version  # noqa: PLC0415

    return StartupReport(
        Stage.READY,
        grpc_port=0 if grpc_front is None else grpc_front.port,
        rest_port=0 if rest_front is None else rest_front.port,
        version=max(served.latest_versions().values(), default=0),
        tensorflow=tensorflow_version(),
    )


def _wait_for_the_end(flags: ServerFlags) -> None:
    """Return when the process is told to end; a supervised one dies of the signal, at once."""
    ended = threading.Event()
    if not flags.supervised_by:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
    ended.wait()


if __name__ == "__main__":
    sys.exit(serve_main(sys.argv[1:]))
