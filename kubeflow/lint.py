"""Checks a compiled pipeline for what a Kubeflow Pipelines server would refuse or would fail on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tfx_parity.kubeflow.fault import Fault
from tfx_parity.kubeflow.lint_executors import executor_faults
from tfx_parity.kubeflow.lint_parsers import parser_faults
from tfx_parity.kubeflow.lint_tasks import dag_faults
from tfx_parity.kubeflow.spec import SCHEMA_VERSION, Spec, dags, executors

RECOMPILE = "Compile it with: tfx-parity kubeflow compile"
# The server's rule and the stricter one of TFX, pipeline_builder._LEGAL_NAME_PATTERN.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")


def lint(spec: Spec) -> list[Fault]:
    """Return what is wrong with a compiled pipeline, errors first.

    Args:
        spec: The pipeline.
    """
    faults = [
        *_head_faults(spec),
        *parser_faults(spec),
        *_component_faults(spec),
        *(fault for place, component in dags(spec) for fault in dag_faults(spec, place, component)),
        *executor_faults(spec),
    ]
    return sorted(set(faults), key=lambda fault: (not fault.is_error, fault))


def _head_faults(spec: Spec) -> Iterator[Fault]:
    version = spec.get("schemaVersion")
    if version != SCHEMA_VERSION:
        yield Fault(
            "schemaVersion",
            f"expected {SCHEMA_VERSION}, found {version!r}; the server says: KFP only supports "
            f"schema version {SCHEMA_VERSION}",
            RECOMPILE,
        )
    name = spec.get("pipelineInfo", {}).get("name", "")
    if not _NAME.fullmatch(name):
        yield Fault(
            "pipelineInfo.name",
            f"expected lower-case letters, digits and '-', found {name!r}",
            "Give the Pipeline another pipeline_name.",
        )
    if "dag" not in spec.get("root", {}):
        yield Fault("root", "expected tasks, found none", RECOMPILE)
    inputs = spec.get("root", {}).get("inputDefinitions", {})
    for key, parameter in inputs.get("parameters", {}).items():
        if "defaultValue" not in parameter and not parameter.get("isOptional"):
            yield Fault(
                f"root.inputDefinitions.parameters.{key}",
                "has no default: the server refuses a run that does not set it",
                "Give the RuntimeParameter a default, or set it in every run and schedule.",
                is_error=False,
            )


def _component_faults(spec: Spec) -> Iterator[Fault]:
    """Yield faults of components without an executor, and of executors that nothing uses."""
    labels: set[str] = set()
    components: dict[str, Any] = spec.get("components", {})
    for name, component in components.items():
        if "dag" in component:
            continue
        label = component.get("executorLabel", "")
        labels.add(label)
        if label not in executors(spec):
            yield Fault(
                f"components.{name}.executorLabel",
                f"expected an executor of deploymentSpec, found {label!r}",
                RECOMPILE,
            )
    for label in sorted(executors(spec).keys() - labels):
        yield Fault(
            f"deploymentSpec.executors.{label}",
            "no component uses it",
            RECOMPILE,
            is_error=False,
        )
