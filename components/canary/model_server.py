"""What every back end knows of `tensorflow_model_server`: its flags, version and last words."""

from __future__ import annotations

import re

from tfx_parity.canary.backend import ModelLoadError
from tfx_parity.errors import BadInputError
from tfx_parity.serving_api.status import Code

GRPC_PORT = 8500
REST_PORT = 8501
# The server would try a broken model five more times, a minute apart, before it says so, and would
# look for other versions while it is asked (model_servers/main.cc).
FLAGS = ("--max_num_load_retries=0", "--file_system_poll_wait_seconds=0")
NOT_EXERCISED = ("request batching", "version management", "GPU kernels")
LOG_LINES = 200
MODELS_FOLDER = "/model"
# What the image's entry point makes flags of; the flags above are its arguments.
ENVIRONMENT = {"MODEL_BASE_PATH": MODELS_FOLDER, "TF_CPP_MAX_VLOG_LEVEL": "3"}
VERSION_COMMAND = ("tensorflow_model_server", "--version")

_VERSIONS = re.compile(r"TensorFlow (ModelServer|Library): (\S+)")
# cc/saved_model/reader.cc and loader.cc log this: what follows is the model's doing.
_LOADS = re.compile(r"(Reading|Loading) SavedModel|Reading meta graph")
_REFUSAL = re.compile(r"Failed to start server\. Error: (.*)", re.DOTALL)
# "{{{name: m version: 1} due to error: Not found: text}, }" (model_servers/server_core.cc,
# WaitUntilModelsAvailable).
_UNAVAILABLE_MODEL = re.compile(
    r"did not become available: \{.*? due to error: (.*?)(?:\}, \}|$)", re.DOTALL
)
_STATUS = re.compile(r"([A-Za-z_ ]+): (.*)", re.DOTALL)


def require_tag(image: str) -> str:
    """Return an image's name.

    Raises:
        BadInputError: If it has neither a tag nor a digest: `latest` would be another server at
            every run.
    """
    if ":" in image.rpartition("/")[2] or "@" in image:
        return image
    raise BadInputError(
        f"Expected an image with a tag or a digest, such as tensorflow/serving:2.16.1, found "
        f"{image!r}. Take the one that production runs."
    )


def version_of(output: str) -> str:
    """Return a server's version from what `--version` prints, TensorFlow's own first.

    Args:
        output: One line for the server, and one for the library where it tells it.

    Returns:
        Such as "TensorFlow 2.16.1 (ModelServer 2.16.1-rc0)": some builds call the server 0.0.0.
        "unknown" where nothing is told.
    """
    found = dict(_VERSIONS.findall(output))
    server, library = found.get("ModelServer"), found.get("Library")
    if server is None:
        return "unknown"
    return (
        f"ModelServer {server}"
        if library is None
        else (f"TensorFlow {library} (ModelServer {server})")
    )


def has_begun_to_load(log: str) -> bool:
    """Tell whether a server had begun to load the model: what went wrong then is the model's."""
    return _LOADS.search(log) is not None


def find_refusal(log: str) -> ModelLoadError | None:
    """Return why a server that ended could not load the model, by its own last words.

    A server that cannot bind its port ends with "Failed to start server", too: that is not the
    model's fault, and None.
    """
    refusal = _REFUSAL.search(log)
    if refusal is None:
        return None
    cause = _UNAVAILABLE_MODEL.search(refusal[1])
    if cause is None and not has_begun_to_load(log):
        return None
    code, message = _read_status(refusal[1] if cause is None else cause[1])
    return ModelLoadError(code, message, log)


def _read_status(text: str) -> tuple[Code, str]:
    """Read `NOT_FOUND: text`, or `Not found: text` as older servers write it."""
    found = _STATUS.match(text)
    name = "" if found is None else found[1].strip().upper().replace(" ", "_")
    if found is None or name not in Code.__members__:
        return Code.UNKNOWN, text.strip()
    return Code[name], found[2].strip()
