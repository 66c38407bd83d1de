"""A model config file that is read again and again (main.cc, PollFilesystemAndReloadConfig)."""

from __future__ import annotations

import logging
import threading
import time

from tfx_parity.canary.model_configs import read_config
from tfx_parity.canary.served_models import ServedModels
from tfx_parity.errors import BadInputError
from tfx_parity.serving_api.status import ServingError

_LOG = logging.getLogger(__name__)


def poll_config(file: str, wait_s: float, served: ServedModels) -> None:
    """Start a thread that serves what a file asks for, whenever the file says something else.

    A file that cannot be read or served is told in the log, and what was served stays.

    Args:
        file: A ModelServerConfig in text form.
        wait_s: How long to wait between two looks.
        served: What is changed.
    """
    thread = threading.Thread(
        target=_poll, args=(file, wait_s, served), name="config polling", daemon=True
    )
    thread.start()


def _poll(file: str, wait_s: float, served: ServedModels) -> None:
    while True:
        time.sleep(wait_s)
        try:
            served.reload(read_config(file))
        except (BadInputError, ServingError) as error:
            _LOG.error("PollFilesystemAndReloadConfig failed to ReloadConfig: %s", error)
