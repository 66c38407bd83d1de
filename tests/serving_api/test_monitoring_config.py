"""A MonitoringConfig says where Prometheus finds the metrics."""

from __future__ import annotations

import pytest

from tfx_parity.errors import BadInputError
from tfx_parity.serving_api.monitoring_config import DEFAULT_PATH, prometheus_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", None),
        ("prometheus_config { path: '/metrics' }", None),
        ("prometheus_config { enable: true }", DEFAULT_PATH),
        ("prometheus_config: { enable: true, path: '/metrics' }", "/metrics"),
    ],
    ids=["nothing", "not enabled", "default", "path"],
)
def test_the_path_is_the_configs(text: str, path: str | None) -> None:
    """None unless it is enabled, TF Serving's own where none is given."""
    assert path == prometheus_path(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense: 1", "Error parsing text-format tensorflow.serving.MonitoringConfig"),
        ("prometheus_config { enable: true path: 'metrics' }", "begin with a slash"),
    ],
    ids=["no config", "no path"],
)
def test_what_is_no_config_is_refused(text: str, told: str) -> None:
    """It is bad input."""
    with pytest.raises(BadInputError, match=told):
        prometheus_path(text)
