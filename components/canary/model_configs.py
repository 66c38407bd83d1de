"""Model config files, and which folders on this machine they ask for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from google.protobuf import text_format

from tfx_parity.canary.versions import ModelVersion, found_versions, no_versions
from tfx_parity.errors import BadInputError
from tfx_parity.protos import ModelConfig, ModelServerConfig
from tfx_parity.serving_api.model_config import PLATFORM, chosen_versions

_LOG = logging.getLogger(__name__)


class WantedVersion(NamedTuple):
    """One version of one model that is to be served."""

    model_name: str
    version: ModelVersion


def read_config(file: str) -> ModelServerConfig:
    """Read a ModelServerConfig in text form.

    Raises:
        BadInputError: If it cannot be read, with the words that tensorflow_model_server logs.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
        return text_format.Parse(text, ModelServerConfig())
    except OSError as error:
        raise BadInputError(f"Invalid protobuf file: '{file}': {error}") from error
    except (UnicodeDecodeError, text_format.ParseError) as error:
        raise BadInputError(
            f"Error parsing text-format tensorflow.serving.ModelServerConfig: {error}\n"
            f"Invalid protobuf file: '{file}'"
        ) from error


def single_config(model_name: str, base_path: str) -> ModelServerConfig:
    """Return the config that --model_name and --model_base_path stand for."""
    config = ModelServerConfig()
    config.model_config_list.config.add(
        name=model_name, base_path=base_path, model_platform=PLATFORM
    )
    return config


def wanted_versions(config: ModelServerConfig) -> list[WantedVersion]:
    """Return the versions that a checked config asks for, as they lie there now.

    Raises:
        BadInputError: If a base path is relative, is not there, or holds none of the versions.
    """
    return [wanted for model in config.model_config_list.config for wanted in _of_model(model)]


def _of_model(model: ModelConfig) -> Iterator[WantedVersion]:
    base_path = Path(model.base_path)
    found = found_versions(base_path, model.name)
    policy = model.model_version_policy
    chosen = chosen_versions(policy, found)
    for number in sorted(set(policy.specific.versions) - set(found)):
        _LOG.warning(
            "Version %d of servable %s, which was requested to be served as a 'specific' version "
            "in the servable's version policy, was not found in the file system",
            number,
            model.name,
        )
    if not chosen:
        raise no_versions(base_path, model.name)
    for number in chosen:
        yield WantedVersion(model.name, found[number])
