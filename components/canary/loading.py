"""From a version folder to a servable: the session, then the warm-up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf import text_format

from tfx_parity.canary.c_api import library, tensorflow_version
from tfx_parity.canary.servable import Servable
from tfx_parity.canary.session import SavedModelSession
from tfx_parity.canary.startup import Stage, StartupReport
from tfx_parity.canary.warmup import replay_warmup
from tfx_parity.errors import BadInputError
from tfx_parity.protos import ConfigProto
from tfx_parity.serving_api.generation import Generation

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfx_parity.canary.server_flags import ServerFlags
    from tfx_parity.canary.versions import ModelVersion


def load_servable(
    flags: ServerFlags, version: ModelVersion, tell: Callable[[StartupReport], None]
) -> Servable:
    """Load a version and replay its warm-up requests.

    Args:
        flags: The server's flags.
        version: What to load.
        tell: Is told when the model's loading begins.

    Raises:
        ServingError: If the model cannot be loaded, or a warm-up request fails.
        BadInputError: If the session's configuration cannot be read.
        ServerUnavailableError: If TensorFlow cannot be opened.
    """
    config = read_session_config(flags.tensorflow_session_config_file)
    library()
    tell(StartupReport(Stage.LOADING))
    session = SavedModelSession(version.path, config)
    generation = Generation.of_tensorflow(tensorflow_version())
    servable = Servable(flags.model_name, version.number, session, generation)
    if flags.enable_model_warmup:
        replay_warmup(servable, version.path)
    return servable


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
        return text_format.Parse(Path(file).read_text(encoding="utf-8"), ConfigProto())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise BadInputError(f"Invalid protobuf file: '{file}': {error}") from error
