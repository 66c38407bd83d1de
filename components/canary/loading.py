"""From flags to served models: config, sessions, warm-up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf import text_format

from tfx_parity.canary.c_api import library, tensorflow_version
from tfx_parity.canary.model_configs import (
    WantedVersion,
    read_config,
    single_config,
)
from tfx_parity.canary.servable import Servable
from tfx_parity.canary.served_models import ServedModels
from tfx_parity.canary.session import SavedModelSession
from tfx_parity.canary.startup import Stage, StartupReport
from tfx_parity.canary.text_files import read_text
from tfx_parity.canary.versions import single_version
from tfx_parity.canary.warmup import replay_warmup
from tfx_parity.errors import BadInputError
from tfx_parity.protos import ConfigProto, ModelServerConfig
from tfx_parity.serving_api.generation import Generation

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfx_parity.canary.batching_queue import BatchingSession
    from tfx_parity.canary.server_flags import ServerFlags


def start_models(flags: ServerFlags, tell: Callable[[StartupReport], None]) -> ServedModels:
    """Load what the flags ask for.

    Args:
        flags: The server's flags.
        tell: Is told when the models' loading begins.

    Raises:
        ServingError: If a model cannot be loaded or a config not be served, or a warm-up request
            fails.
        BadInputError: If a file cannot be read, or there is no model.
        ServerUnavailableError: If TensorFlow cannot be opened.
    """
    config = _model_config(flags)
    load = _loader(flags)
    library()
    tell(StartupReport(Stage.LOADING))
    served = ServedModels(
        load,
        Generation.of_tensorflow(tensorflow_version()),
        labels_before_versions=flags.allow_version_labels_for_unavailable_models,
    )
    if config is None:
        version = single_version(Path(flags.saved_model_path))
        served.serve([WantedVersion(flags.model_name, version)])
    else:
        served.start(config)
    return served


def _model_config(flags: ServerFlags) -> ModelServerConfig | None:
    if flags.model_config_file:
        return read_config(flags.model_config_file)
    if flags.saved_model_path:
        return None
    return single_config(flags.model_name, flags.model_base_path)


def _loader(flags: ServerFlags) -> Callable[[WantedVersion], Servable]:
    """Return what loads a version: the session, then the warm-up."""
    config = read_session_config(flags.tensorflow_session_config_file)
    batched = _batcher(flags)

    def load(wanted: WantedVersion) -> Servable:
        session = batched(SavedModelSession(wanted.version.path, config))
        generation = Generation.of_tensorflow(tensorflow_version())
        servable = Servable(wanted.model_name, wanted.version.number, session, generation)
        if flags.enable_model_warmup:
            iterations = max(1, flags.num_request_iterations_for_warmup)
            replay_warmup(servable, wanted.version.path, iterations)
        return servable

    return load


def _batcher(
    flags: ServerFlags,
) -> Callable[[SavedModelSession], SavedModelSession | BatchingSession]:
    """Return what wraps a session for batching, or leaves it as it is."""
    if not flags.enable_batching:
        return lambda session: session
    from tfx_parity.canary.batching_queue import BatchingSession  # noqa: PLC0415
    from tfx_parity.serving_api.batching_parameters import (  # noqa: PLC0415
        BatchingOptions,
        parse_batching_parameters,
    )

    options = BatchingOptions()
    if flags.batching_parameters_file:
        options = parse_batching_parameters(read_text(flags.batching_parameters_file))
    return lambda session: BatchingSession(session, options)


def read_session_config(file: str) -> ConfigProto | None:
    """Read a ConfigProto in text form.

    Args:
        file: Its path; empty for none.

    Raises:
        BadInputError: If it cannot be read, or is no ConfigProto.
    """
    if not file:
        return None
    try:
        return text_format.Parse(read_text(file), ConfigProto())
    except text_format.ParseError as error:
        raise BadInputError(f"Invalid protobuf file: '{file}': {error}") from error
