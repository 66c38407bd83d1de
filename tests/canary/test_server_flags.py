"""The command line of the native canary is tensorflow_model_server's."""

from __future__ import annotations

import pytest

from tfx_parity.canary.server_flags import ServerFlags, parse_flags, usage
from tfx_parity.errors import BadInputError

BASE = "--model_base_path=/models/m"


def test_defaults_are_tf_servings() -> None:
    """Flags that are not given have tensorflow_model_server's defaults."""
    flags = parse_flags([BASE])

    assert (
        flags.port,
        flags.rest_api_port,
        flags.model_name,
        flags.model_base_path,
        flags.enable_model_warmup,
        flags.rest_api_timeout_in_ms,
    ) == (8500, 0, "default", "/models/m", True, 30_000)


@pytest.mark.parametrize(
    ("text", "value"),
    [("--enable_model_warmup", True), ("--enable_model_warmup=true", True),
     ("--enable_model_warmup=false", False)],
    ids=["alone", "true", "false"],
)  # fmt: skip
def test_booleans_are_given_alone_or_as_true_or_false(text: str, value: bool) -> None:
    """A boolean flag takes no value, or true or false."""
    assert value is parse_flags([BASE, text]).enable_model_warmup


def test_the_last_of_equal_flags_counts_and_a_value_may_hold_equals_signs() -> None:
    """A flag given twice has its last value, all that follows the first equals sign."""
    flags = parse_flags([BASE, "--model_name=a", "--model_name=b=c"])

    assert flags.model_name == "b=c"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([BASE, "--nonsense=1"], "unknown argument: --nonsense=1\n"),
        ([BASE, "-port=1"], "unknown argument: -port=1\n"),
        ([BASE, "port=1"], "unknown argument: port=1\n"),
        ([BASE, "--port"], "--port alone"),
        ([BASE, "--port=abc"], "'abc'"),
        ([BASE, "--port=65536"], "65536"),
        ([BASE, "--port=-1"], "-1"),
        ([BASE, "--enable_model_warmup=1"], "--enable_model_warmup=1"),
        ([BASE, "--grpc_max_threads=0"], "at least 1"),
        ([BASE, "--port=0"], "nothing to serve"),
        ([BASE, "--port=9", "--rest_api_port=9"], "different ports"),
        ([BASE, "--batching_parameters_file=/b"], "Expected --enable_batching"),
        ([BASE, "--model_config_file_poll_wait_seconds=-1"], "at least 0"),
        ([BASE, "--file_system_poll_wait_seconds=-1"], "at least 0"),
        ([BASE, "--ssl_config_file=/ssl"], "does not follow it"),
        ([BASE, "--prefer_tflite_model"], "does not follow it"),
        ([BASE, "--saved_model_tags=tpu,serve"], "does not follow it"),
        ([], "found none"),
        ([BASE, "--saved_model_path=/m"], "found two"),
    ],
    ids=[
        "unknown", "one dash", "no dashes", "no value", "no number", "port too high",
        "port too low", "wrong boolean", "no threads", "no port", "one port for both",
        "batching", "polling", "polling for versions", "encryption", "tflite", "tags",
        "no model", "two models",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_its_text(arguments: list[str], text: str) -> None:
    """A wrong flag is bad input, and the message shows what was found."""
    with pytest.raises(BadInputError) as raised:
        parse_flags(arguments)

    assert text in str(raised.value)


def test_a_supervised_server_needs_no_port() -> None:
    """A supervised child lets the system choose its ports."""
    assert parse_flags([BASE, "--port=0", "--supervised_by=7"]).supervised_by == 7


def test_usage_names_every_flag() -> None:
    """The help text has a line for each flag."""
    shown = usage()

    assert all(f"--{name}=" in shown for name in ServerFlags.__dataclass_fields__)


def test_flags_that_change_nothing_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """A command line of tensorflow_model_server's can be used as it is."""
    assert ServerFlags(model_base_path="/models/m") == parse_flags(
        [BASE, "--max_num_load_retries=0", "--tensorflow_session_parallelism=2"]
    )
    assert "--max_num_load_retries has no effect" in caplog.text


@pytest.mark.parametrize(
    "flag",
    ["--prefer_tflite_model=false", "--ssl_config_file=", "--saved_model_tags=serve"],
)
def test_a_default_of_a_flag_that_is_not_followed_is_accepted(flag: str) -> None:
    """It asks for nothing."""
    assert ServerFlags(model_base_path="/models/m") == parse_flags([BASE, flag])


def test_the_version_needs_no_model() -> None:
    """As of tensorflow_model_server, it can be asked for alone."""
    assert parse_flags(["--version"]).version


def test_a_config_file_outweighs_a_base_path() -> None:
    """As in TF Serving, the two may be given together."""
    assert parse_flags([BASE, "--model_config_file=/m.config"]).model_config_file == "/m.config"
