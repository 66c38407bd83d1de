"""What others say who read a compiled pipeline: its proto, and the SDK of Kubeflow Pipelines."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import yaml

from tfx_parity.kubeflow.fault import Fault
from tfx_parity.kubeflow.spec import Spec

_CURE = "Compile it with: tfx-parity kubeflow compile"


def parser_faults(spec: Spec) -> Iterator[Fault]:
    """Yield what the proto and the SDK refuse."""
    if importlib.util.find_spec("kfp") is None:
        yield Fault(
            "the file",
            "not read by the proto and the SDK of Kubeflow Pipelines: kfp is not installed",
            "On Python 3.11: pip install 'tfx-parity[kubeflow]'",
            is_error=False,
        )
        return
    yield from _proto_faults(spec)
    yield from _sdk_faults(spec)


def _proto_faults(spec: Spec) -> Iterator[Fault]:
    from google.protobuf import json_format  # noqa: PLC0415 - beside kfp
    from kfp.pipeline_spec import pipeline_spec_pb2  # noqa: PLC0415 - may not be installed

    # The deployment is a Struct in the one: what it holds is checked by the other alone.
    messages = {
        "the file": (spec, pipeline_spec_pb2.PipelineSpec()),
        "deploymentSpec": (
            spec.get("deploymentSpec", {}),
            pipeline_spec_pb2.PipelineDeploymentConfig(),
        ),
    }
    for place, (value, message) in messages.items():
        try:
            json_format.ParseDict(value, message)
        except json_format.ParseError as error:
            yield Fault(
                place, f"not the {message.DESCRIPTOR.name} of pipeline_spec.proto: {error}", _CURE
            )


def _sdk_faults(spec: Spec) -> Iterator[Fault]:
    from kfp import components  # noqa: PLC0415 - may not be installed

    try:
        components.load_component_from_text(yaml.safe_dump(spec))
    except Exception as error:  # noqa: BLE001 - the SDK raises whatever its parts raise
        told = str(error).splitlines() or [type(error).__name__]
        yield Fault("the file", f"the SDK of Kubeflow Pipelines cannot load it: {told[0]}", _CURE)
