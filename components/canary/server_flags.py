"""The flags of `tensorflow_model_server` that the native canary takes, parsed as it parses them."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_type_hints

from tfx_parity.canary.foreign_flags import WITHOUT_EFFECT, is_default
from tfx_parity.errors import BadInputError

# TF Serving sets both thread pools to four times the processors it may use (main.cc).
_THREADS_PER_CPU = 4
_MAX_PORT = 65535
_BOOLEANS = {"": True, "=true": True, "=false": False}

_LOG = logging.getLogger(__name__)

_HELP = {
    "port": "TCP port of the gRPC API on 127.0.0.1; 0 leaves it out",
    "rest_api_port": "TCP port of the REST API on 127.0.0.1; 0 leaves it out",
    "model_name": "name that requests use",
    "model_base_path": "folder with numbered versions; the latest is served",
    "file_system_poll_wait_seconds": "seconds between two looks for versions; 0 looks once",
    "model_config_file": "ModelServerConfig in text form: several models, versions, labels",
    "model_config_file_poll_wait_seconds": "seconds between two looks at it; 0 looks once",
    "allow_version_labels_for_unavailable_models": "labels for versions that are not yet loaded",
    "grpc_socket_path": "UNIX socket to listen on as well",
    "grpc_channel_arguments": "arguments of gRPC's own: name=value, separated by commas",
    "monitoring_config_file": "MonitoringConfig in text form: Prometheus metrics over REST",
    "enable_batching": "run concurrent requests of a signature in batches",
    "batching_parameters_file": "BatchingParameters in text form",
    "tensorflow_session_config_file": "ConfigProto in text form for the session",
    "enable_model_warmup": "replay assets.extra/tf_serving_warmup_requests at load",
    "num_request_iterations_for_warmup": "times that each of them is sent, if more than 0",
    "version": "tell the version and end",
    "rest_api_timeout_in_ms": "timeout of a REST request",
    "rest_api_num_threads": "threads that work on REST requests",
    "grpc_max_threads": "threads that work on gRPC requests",
    "saved_model_path": "one SavedModel to serve instead of --model_base_path (not in TF Serving)",
    "supervised_by": "for a canary's own child: pid of the parent (not in TF Serving)",
}


def _threads() -> int:
    return _THREADS_PER_CPU * len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class ServerFlags:
    """What the command line of a server says; defaults are TF Serving's.

    Attributes are documented in `usage()`. With `supervised_by` the system chooses both ports and
    they are reported on standard output.
    """

    port: int = 8500
    rest_api_port: int = 0
    model_name: str = "default"
    model_base_path: str = ""
    file_system_poll_wait_seconds: int = 1
    model_config_file: str = ""
    model_config_file_poll_wait_seconds: int = 0
    allow_version_labels_for_unavailable_models: bool = False
    grpc_socket_path: str = ""
    grpc_channel_arguments: str = ""
    monitoring_config_file: str = ""
    enable_batching: bool = False
    batching_parameters_file: str = ""
    tensorflow_session_config_file: str = ""
    enable_model_warmup: bool = True
    num_request_iterations_for_warmup: int = 0
    version: bool = False
    rest_api_timeout_in_ms: int = 30_000
    rest_api_num_threads: int = dataclasses.field(default_factory=_threads)
    grpc_max_threads: int = dataclasses.field(default_factory=_threads)
    saved_model_path: str = ""
    supervised_by: int = 0

    def __post_init__(self) -> None:
        _check_range("port", self.port, 0, _MAX_PORT)
        _check_range("rest_api_port", self.rest_api_port, 0, _MAX_PORT)
        _check_range("rest_api_num_threads", self.rest_api_num_threads, 1, None)
        _check_range("grpc_max_threads", self.grpc_max_threads, 1, None)
        for flag in ("model_config_file_poll_wait_seconds", "file_system_poll_wait_seconds"):
            # With a negative number TF Serving waits for a model for ever, for its own tests.
            _check_range(flag, getattr(self, flag), 0, None)
        if self.version:
            return
        self._check_model()
        if self.batching_parameters_file and not self.enable_batching:
            raise BadInputError(
                "Expected --enable_batching beside --batching_parameters_file, found it not set."
            )
        if self.supervised_by:
            return
        if not self.port and not self.rest_api_port:
            raise BadInputError(
                "Expected --port or --rest_api_port, found both 0: nothing to serve."
            )
        if self.port == self.rest_api_port:
            raise BadInputError(
                f"Expected different ports, found {self.port} for both --port and --rest_api_port."
            )

    def _check_model(self) -> None:
        if self.model_config_file:
            # As in TF Serving, a config file outweighs --model_name and --model_base_path.
            return
        if bool(self.model_base_path) == bool(self.saved_model_path):
            raise BadInputError(
                "Expected one of --model_base_path, --model_config_file and --saved_model_path, "
                f"found {'two' if self.model_base_path else 'none'}."
            )


def _check_range(flag: str, value: int, low: int, high: int | None) -> None:
    if value < low or (high is not None and value > high):
        bounds = f"at least {low}" if high is None else f"{low} to {high}"
        raise BadInputError(f"Expected --{flag} to be {bounds}, found {value}.")


def parse_flags(arguments: Sequence[str]) -> ServerFlags:
    """Parse a command line: `--name=value`, and `--name` alone for a boolean; the last one counts.

    Raises:
        BadInputError: If a flag is unknown, has no value or a wrong one, or the whole makes no
            sense.
    """
    types = get_type_hints(ServerFlags)
    values: dict[str, object] = {}
    for argument in arguments:
        name, equals, value = argument.removeprefix("--").partition("=")
        is_flag = argument.startswith("--")
        if is_flag and name in WITHOUT_EFFECT:
            _LOG.warning("--%s has no effect on the native canary.", name)
            continue
        if is_flag and is_default(name, value):
            continue
        if not is_flag or name not in types:
            raise BadInputError(
                f"unknown argument: {argument}\nExpected flags of the form --name=value.\n{usage()}"
            )
        values[name] = _parse_value(name, types[name], equals + value)
    return ServerFlags(**values)  # type: ignore[arg-type] # each was parsed by its field's type


def _parse_value(name: str, kind: type, text: str) -> object:
    if kind is bool:
        if text not in _BOOLEANS:
            raise BadInputError(
                f"Expected --{name}, --{name}=true or =false, found --{name}{text}."
            )
        return _BOOLEANS[text]
    if not text:
        raise BadInputError(f"Expected a value: --{name}=..., found --{name} alone.")
    try:
        return kind(text[1:])
    except ValueError as error:
        raise BadInputError(f"Expected a number for --{name}, found {text[1:]!r}.") from error


def usage() -> str:
    """Return one line for each flag: its name, its default and what it does."""
    lines = ["Flags (defaults are TF Serving's):"]
    for field in dataclasses.fields(ServerFlags):
        default = (
            "" if field.default in ("", dataclasses.MISSING) else f" (default {field.default})"
        )
        lines.append(f"  --{field.name}=...  {_HELP[field.name]}{default}")
    return "\n".join(lines)
