"""Model config files, and which folders on this machine they ask for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

from google.protobuf import text_format

from tfx_parity.canary.versions import ModelVersion, no_versions, versions_below
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
    wanted: list[WantedVersion] = []
    for model in config.model_config_list.config:
        of_model = _of_model(model)
        if not of_model:
            raise no_versions(Path(model.base_path), model.name)
        _warn_of_missing(model, {version.number for _, version in of_model})
        wanted += of_model
    return wanted


def versions_there(config: ModelServerConfig) -> list[WantedVersion]:
    """Return what `wanted_versions` returns; a model may have none.

    Raises:
        BadInputError: If a base path is relative, or is not there.
    """
    return [wanted for model in config.model_config_list.config for wanted in _of_model(model)]


def _of_model(model: ModelConfig) -> list[WantedVersion]:
    found = versions_below(Path(model.base_path), model.name)
    chosen = chosen_versions(model.model_version_policy, found)
    return [WantedVersion(model.name, found[number]) for number in chosen]


def _warn_of_missing(model: ModelConfig, found: set[int]) -> None:
    for number in sorted(set(model.model_version_policy.specific.versions) - found):
        _LOG.warning(
            "Version %d of servable %s, which was requested to be served as a 'specific' version "
            "in the servable's version policy, was not found in the file system",
            number,
            model.name,
        )
