"""The options of a command that choose what serves the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tfx_parity.canary.backend import CanaryBackend

NATIVE, BINARY, DOCKER = "native", "binary", "docker"
SERVER_HELP = (
    "What serves the model: native (TensorFlow's C++ loader and session in a child process), "
    "binary ($TENSORFLOW_MODEL_SERVER, or tensorflow_model_server on the PATH), docker (with "
    "--image), or a server that already runs: HOST:GRPC_PORT[,REST_PORT]."
)
IMAGE_HELP = "Image of --server docker with its tag, such as tensorflow/serving:2.16.1."
MODEL_NAME_HELP = (
    "The model's name at a server that already runs; TensorFlow Serving's own is default."
)
BATCHING_HELP = "Let the native canary batch requests, as tensorflow_model_server does."
BATCHING_FILE_HELP = "BatchingParameters in text form, as production has them."


def batching_parameters(enable_batching: bool, file: Path | None) -> str | None:
    """Return the BatchingParameters that the options give in text form, None for no batching.

    Raises:
        click.BadParameter: If there is a file without batching.
        BadInputError: If the file cannot be read.
    """
    from tfx_parity.canary.text_files import read_text  # noqa: PLC0415

    if file is None:
        return "" if enable_batching else None
    if not enable_batching:
        raise click.BadParameter(
            "Expected it with --enable_batching, found it alone.",
            param_hint="--batching_parameters_file",
        )
    return read_text(str(file))


def backend_of(
    server: str, image: str | None, model_name: str | None, batching: str | None = None
) -> CanaryBackend:
    """Return the back end that the options choose.

    Args:
        server: `--server`.
        image: `--image`.
        model_name: `--model-name`.
        batching: What `batching_parameters` returned.

    Raises:
        click.BadParameter: If an option is missing, or has no meaning beside the others.
        BadInputError: If the server is none that is known, nor an address.
    """
    # Loaded here, so that --help answers at once.
    from tfx_parity.canary.binary import BinaryBackend  # noqa: PLC0415
    from tfx_parity.canary.docker import DockerBackend  # noqa: PLC0415
    from tfx_parity.canary.endpoint import Endpoint, EndpointBackend  # noqa: PLC0415
    from tfx_parity.canary.native import NativeBackend  # noqa: PLC0415

    _require_alone(server, DOCKER, "--image", image)
    if server in (NATIVE, BINARY, DOCKER) and model_name is not None:
        raise click.BadParameter(
            f"Expected it with a server that already runs (--server HOST:PORT), found {server}.",
            param_hint="--model-name",
        )
    if server == NATIVE:
        return NativeBackend(batching_parameters=batching)
    if batching is not None:
        raise click.BadParameter(
            f"Expected it with --server native, found {server}: give that server its own flags.",
            param_hint="--enable_batching",
        )
    if server == BINARY:
        return BinaryBackend()
    if server == DOCKER:
        return DockerBackend(image or "")
    return EndpointBackend(Endpoint.parse(server), model_name or "default")


def _require_alone(server: str, owner: str, option: str, value: str | None) -> None:
    """Hold that an option is given with the server that it belongs to, and with no other."""
    if (server == owner) != (value is not None):
        found = "none" if value is None else f"it with --server {server}"
        raise click.BadParameter(
            f"Expected it with --server {owner}, and only there; found {found}.", param_hint=option
        )


def server_options(
    server: str, image: str | None, model_name: str | None, batching_file: Path | None = None
) -> tuple[str, ...]:
    """Return the options as words of a command, those left at their defaults left out."""
    words: list[str] = []
    for option, value in (
        ("--server", server),
        ("--image", image),
        ("--model-name", model_name),
        ("--batching_parameters_file", batching_file),
    ):
        if value not in (None, NATIVE):
            words += [option, str(value)]
    return tuple(words)
