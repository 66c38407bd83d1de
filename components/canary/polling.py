"""What the server looks at again and again: a model config file, and the folders of its models."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from tfx_parity.canary.model_configs import read_config
from tfx_parity.canary.served_models import ServedModels
from tfx_parity.errors import BadInputError
from tfx_parity.serving_api.status import ServingError

_LOG = logging.getLogger(__name__)


def poll_config(file: str, wait_s: float, served: ServedModels) -> None:
    """Start a thread that serves what a file asks for, whenever the file says something else.

    A file that cannot be read or served is told in the log, and what was served stays
    (model_servers/server.cc, PollFilesystemAndReloadConfig).

    Args:
        file: A ModelServerConfig in text form.
        wait_s: How long to wait between two looks.
        served: What is changed.
    """
    _repeat(
        lambda: served.reload(read_config(file)),
        wait_s,
        "PollFilesystemAndReloadConfig failed to ReloadConfig: %s",
    )


def poll_versions(wait_s: float, served: ServedModels) -> None:
    """Start a thread that serves the versions that come, and no longer those that go.

    A folder that cannot be read is told in the log, and what was served stays
    (sources/storage_path/file_system_storage_path_source.cc).

    Args:
        wait_s: How long to wait between two looks.
        served: What is changed.
    """
    _repeat(
        served.look_again,
        wait_s,
        "FileSystemStoragePathSource encountered a filesystem access error: %s",
    )


def _repeat(look: Callable[[], None], wait_s: float, complaint: str) -> None:
    thread = threading.Thread(
        target=_look_for_ever, args=(look, wait_s, complaint), name="polling", daemon=True
    )
    thread.start()


def _look_for_ever(look: Callable[[], None], wait_s: float, complaint: str) -> None:
    told = ""
    while True:
        time.sleep(wait_s)
        try:
            look()
            told = ""
        except (BadInputError, ServingError, OSError) as error:
            if str(error) != told:  # the same complaint every second would fill the log
                _LOG.error(complaint, error)
            told = str(error)
