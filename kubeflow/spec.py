"""A compiled pipeline: the PipelineSpec of Kubeflow Pipelines 2, as plain data.

Its proto is kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto, in proto3's JSON names.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tfx_parity.errors import BadInputError
from tfx_parity.files import write_bytes

Spec = dict[str, Any]
SCHEMA_VERSION = "2.1.0"
EXECUTOR_INPUT = "{{$}}"
"""What the launcher replaces by the ExecutorInput, as JSON."""


def read_spec(path: Path) -> Spec:
    """Read a compiled pipeline.

    Args:
        path: The YAML file.

    Raises:
        BadInputError: If it cannot be read, or holds no pipeline.
    """
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInputError(
            f"Expected a compiled pipeline at {path}, found: {error}\n"
            "Make one with: tfx-parity kubeflow compile"
        ) from error
    pipelines = [d for d in documents if isinstance(d, dict) and "pipelineInfo" in d]
    if len(pipelines) != 1:
        raise BadInputError(
            f"Expected one document with a pipelineInfo in {path}, found {len(pipelines)} among "
            f"{len(documents)} documents. Make one with: tfx-parity kubeflow compile"
        )
    return pipelines[0]


def write_spec(path: Path, spec: Spec, comment: str) -> None:
    """Write a compiled pipeline; the same spec gives the same bytes.

    Args:
        path: The YAML file.
        spec: The pipeline.
        comment: A line for people at the head of the file.
    """
    body = yaml.safe_dump(spec, sort_keys=True, width=100, allow_unicode=True)
    write_bytes(path, f"# {comment}\n{body}".encode())


def executors(spec: Mapping[str, Any]) -> Mapping[str, dict[str, Any]]:
    """Return the executors by their labels."""
    found: Mapping[str, dict[str, Any]] = spec.get("deploymentSpec", {}).get("executors", {})
    return found


def dags(spec: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every component that is made of tasks, the root first, with its place in the file."""
    if "dag" in spec.get("root", {}):
        yield "root", spec["root"]
    for name, component in sorted(spec.get("components", {}).items()):
        if "dag" in component:
            yield f"components.{name}", component


def tasks(spec: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every task with its place in the file."""
    for place, component in dags(spec):
        for name, task in sorted(component["dag"].get("tasks", {}).items()):
            yield f"{place}.dag.tasks.{name}", task


def argument(container: Mapping[str, Any], flag: str) -> str | None:
    """Return the argument of a container that follows a flag; None where there is none."""
    arguments = container.get("args", [])
    for name, value in itertools.pairwise(arguments):
        if name == flag:
            return str(value)
    return None
