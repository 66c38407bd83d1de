"""The options of a command that choose what serves the model."""

from __future__ import annotations

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


def backend_of(server: str, image: str | None, model_name: str | None) -> CanaryBackend:
    """Return the back end that `--server`, `--image` and `--model-name` choose.

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
        return NativeBackend()
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


def server_options(server: str, image: str | None, model_name: str | None) -> tuple[str, ...]:
    """Return the options as words of a command, those left at their defaults left out."""
    words: list[str] = []
    for option, value in (("--server", server), ("--image", image), ("--model-name", model_name)):
        if value not in (None, NATIVE):
            words += [option, str(value)]
    return tuple(words)
