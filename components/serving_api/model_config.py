"""What a ModelServerConfig asks for: models, versions and labels.

Sources: TF Serving 2.16, model_servers/server_core.cc and
sources/storage_path/file_system_storage_path_source.cc.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tfx_parity.protos import FileSystemStoragePathSourceConfig, ModelConfig, ModelServerConfig
from tfx_parity.serving_api.status import Code, ServingError, invalid_argument

PLATFORM = "tensorflow"
_TYPE_TENSORFLOW = 1
_MODEL_LIST = "model_config_list"
Labels = Mapping[str, Mapping[str, int]]


def check_config(config: ModelServerConfig) -> None:
    """Raise what TF Serving answers to a config that it cannot serve.

    An empty config is none of these: it asks for nothing.

    Raises:
        ServingError: INVALID_ARGUMENT, with TF Serving's text.
    """
    if config.WhichOneof("config") == "custom_model_config":
        raise invalid_argument("Missing custom_model_config_loader in ServerCore Options")
    names: set[str] = set()
    for model in config.model_config_list.config:
        if model.name in names:
            raise invalid_argument(
                f"Illegal to list model {model.name} multiple times in config list"
            )
        names.add(model.name)
    for model in config.model_config_list.config:
        _check_platform(model)


def _check_platform(model: ModelConfig) -> None:
    platform = model.model_platform
    if model.model_type:
        if platform:
            raise invalid_argument(
                "Illegal setting both ModelServerConfig::model_type (deprecated) "
                "and ModelServerConfig::model_platform."
            )
        if model.model_type != _TYPE_TENSORFLOW:
            raise invalid_argument(
                f"ModelServerConfig::model_type choice {model.model_type} not supported."
            )
        platform = PLATFORM
    if not platform:
        raise invalid_argument(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) "
            "nor ModelServerConfig::model_platform."
        )
    if platform != PLATFORM:
        raise invalid_argument(f"Model {model.name} requests unsupported platform {platform}")


def check_reload(config: ModelServerConfig) -> None:
    """Raise what TF Serving answers to a reload that changes more than the list of models.

    Raises:
        ServingError: INVALID_ARGUMENT, with TF Serving's text (model_service_impl.cc).
    """
    if config.WhichOneof("config") != _MODEL_LIST:
        raise invalid_argument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )


def chosen_versions(
    policy: FileSystemStoragePathSourceConfig.ServableVersionPolicy, found: Collection[int]
) -> list[int]:
    """Return the versions that a policy picks.

    Args:
        policy: `latest` (the default, one version), `all` or `specific`.
        found: The versions that are there.

    Returns:
        Ascending; a specific version that is not there is left out, as in TF Serving.
    """
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return sorted(found)
    if kind == "specific":
        return sorted(set(policy.specific.versions) & set(found))
    return sorted(found)[-max(1, policy.latest.num_versions) :]


def assigned_labels(
    config: ModelServerConfig,
    available: Mapping[str, Collection[int]],
    current: Labels,
    *,
    allow_unavailable: bool,
) -> dict[str, dict[str, int]]:
    """Return the version labels that a config assigns: model to label to version.

    TF Serving looks at them before it loads anything, so that a label can name only a version
    that is served already, and no config with labels can be a server's first, unless
    --allow_version_labels_for_unavailable_models is given. Even then a label that is in use
    cannot be moved to a version that is not available.

    Args:
        config: The new config.
        available: The versions of each model that are served now.
        current: The labels that are in use now.
        allow_unavailable: The flag.

    Raises:
        ServingError: FAILED_PRECONDITION, with TF Serving's text.
    """
    labels: dict[str, dict[str, int]] = {}
    for model in config.model_config_list.config:
        for label, version in sorted(model.version_labels.items()):
            in_use = current.get(model.name, {}).get(label, version) != version
            if version not in available.get(model.name, ()) and (in_use or not allow_unavailable):
                raise ServingError(
                    Code.FAILED_PRECONDITION,
                    f"Request to assign label to version {version} of model {model.name}, "
                    "which is not currently available for inference",
                )
            labels.setdefault(model.name, {})[label] = version
    return labels
