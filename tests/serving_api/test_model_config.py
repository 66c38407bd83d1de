"""A ModelServerConfig is read as TF Serving reads it."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.protos import FileSystemStoragePathSourceConfig, ModelServerConfig
from tfx_parity.serving_api.model_config import (
    assigned_labels,
    check_config,
    check_reload,
    chosen_versions,
)
from tfx_parity.serving_api.status import Code, ServingError

Policy = FileSystemStoragePathSourceConfig.ServableVersionPolicy
LABELLED = """
config { name: "a" base_path: "/a" model_platform: "tensorflow"
         version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: 2 } }
"""


def _config(models: str) -> ModelServerConfig:
    return text_format.Parse(f"model_config_list {{ {models} }}", ModelServerConfig())


def _refusal(config: ModelServerConfig) -> tuple[Code, str]:
    with pytest.raises(ServingError) as raised:
        check_config(config)
    return raised.value.code, raised.value.message


@pytest.mark.parametrize(
    ("models", "text"),
    [
        ('config { name: "a" model_platform: "tensorflow" } '
         'config { name: "a" model_platform: "tensorflow" }',
         "Illegal to list model a multiple times in config list"),
        ('config { name: "a" model_platform: "caffe" }',
         "Model a requests unsupported platform caffe"),
        ('config { name: "a" }',
         "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
         "ModelServerConfig::model_platform."),
        ('config { name: "a" model_type: TENSORFLOW model_platform: "tensorflow" }',
         "Illegal setting both ModelServerConfig::model_type (deprecated) and "
         "ModelServerConfig::model_platform."),
        ('config { name: "a" model_type: OTHER }',
         "ModelServerConfig::model_type choice 2 not supported."),
    ],
    ids=["twice", "platform", "no platform", "both", "type"],
)  # fmt: skip
def test_a_config_that_cannot_be_served_is_refused(models: str, text: str) -> None:
    """The text is TF Serving's."""
    assert (Code.INVALID_ARGUMENT, text) == _refusal(_config(models))


def test_a_config_of_another_kind_is_refused() -> None:
    """A custom config needs a server of one's own making; a reload takes a list of models."""
    custom = ModelServerConfig()
    custom.custom_model_config.SetInParent()

    assert _refusal(custom)[1] == "Missing custom_model_config_loader in ServerCore Options"
    for config in (custom, ModelServerConfig()):
        with pytest.raises(ServingError, match="Only ModelConfigList is currently supported"):
            check_reload(config)


def test_models_and_no_models_can_be_served() -> None:
    """The deprecated type names the platform too; an empty config asks for nothing."""
    check_config(_config('config { name: "a" model_type: TENSORFLOW }'))
    check_config(ModelServerConfig())
    check_reload(_config(""))


@given(st.sets(st.integers(-5, 30), min_size=1), st.integers(0, 40))
def test_latest_picks_the_highest(found: set[int], count: int) -> None:
    """At least one: the count 0 reads as one."""
    policy = Policy(latest=Policy.Latest(num_versions=count))
    chosen = chosen_versions(policy, found)

    assert chosen == sorted(chosen)
    assert max(1, min(count, len(found))) == len(chosen)
    assert all(left < min(chosen) for left in found - set(chosen))


@given(st.sets(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_all_and_specific_pick_what_is_there(found: set[int], asked: list[int]) -> None:
    """A specific version that is not there is left out."""
    specific = Policy(specific=Policy.Specific(versions=asked))

    assert sorted(found) == chosen_versions(Policy(all=Policy.All()), found)
    expected = [number for number in range(10) if number in found and number in asked]
    assert (expected if asked else []) == chosen_versions(specific, found)


def test_the_default_policy_is_the_latest_version() -> None:
    """A config without a policy serves one version."""
    assert chosen_versions(Policy(), {3, 20, 100}) == [100]


def test_a_label_names_a_version_that_is_served() -> None:
    """Labels are looked at before versions are loaded."""
    config = _config(LABELLED)
    labels = {"a": {"stable": 1, "canary": 2}}

    assert labels == assigned_labels(config, {"a": [1, 2]}, {}, allow_unavailable=False)
    with pytest.raises(ServingError) as raised:
        assigned_labels(config, {"a": [1]}, {}, allow_unavailable=False)
    assert (raised.value.code, raised.value.message) == (
        Code.FAILED_PRECONDITION,
        "Request to assign label to version 2 of model a, which is not currently available for "
        "inference",
    )


def test_a_new_label_may_be_ahead_of_its_version_where_the_flag_says_so() -> None:
    """A label that is in use can still not be moved to a version that is not served."""
    config = _config(LABELLED)
    labels = {"a": {"stable": 1, "canary": 2}}

    assert labels == assigned_labels(config, {}, {}, allow_unavailable=True)
    assert labels == assigned_labels(config, {}, labels, allow_unavailable=True)
    with pytest.raises(ServingError, match="version 2 of model a"):
        assigned_labels(config, {}, {"a": {"canary": 1}}, allow_unavailable=True)
