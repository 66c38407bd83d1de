"""MonitoringConfig in text form, which the wheel tensorflow-serving-api does not carry.

Sources: TF Serving 2.16, config/monitoring_config.proto and model_servers/http_server.cc.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2

from tfx_parity.errors import BadInputError
from tfx_parity.serving_api.text_protos import parse_text

DEFAULT_PATH = "/monitoring/prometheus/metrics"
_Field = descriptor_pb2.FieldDescriptorProto


def prometheus_path(text: str) -> str | None:
    """Return the path at which a config asks for Prometheus metrics, None if it does not.

    Args:
        text: A MonitoringConfig in text form.

    Raises:
        BadInputError: If it is none, or its path does not begin with a slash.
    """
    config: Any = parse_text(text, _declaration(), "tensorflow.serving.MonitoringConfig")
    if not config.prometheus_config.enable:
        return None
    path = str(config.prometheus_config.path or DEFAULT_PATH)
    if not path.startswith("/"):
        raise BadInputError(
            f"Expected the path of prometheus_config to begin with a slash, found {path!r}."
        )
    return path


def _declaration() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="monitoring_config.proto", package="tensorflow.serving", syntax="proto3"
    )
    prometheus = file.message_type.add(name="PrometheusConfig")
    prometheus.field.add(
        name="enable", number=1, type=_Field.TYPE_BOOL, label=_Field.LABEL_OPTIONAL
    )
    prometheus.field.add(
        name="path", number=2, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL
    )
    config = file.message_type.add(name="MonitoringConfig")
    config.field.add(
        name="prometheus_config",
        number=1,
        type=_Field.TYPE_MESSAGE,
        type_name=".tensorflow.serving.PrometheusConfig",
        label=_Field.LABEL_OPTIONAL,
    )
    return file
