"""What a server refuses of the executors of a compiled pipeline, and what a step dies of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_parity.kubeflow.fault import Fault
from tfx_parity.kubeflow.import_paths import is_importable
from tfx_parity.kubeflow.lint_tasks import title
from tfx_parity.kubeflow.spec import EXECUTOR_INPUT, Spec, argument, executors

_RECOMPILE = "Compile it with: tfx-parity kubeflow compile"
_TFX_COMMAND = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
_PINNED = re.compile(r".+(@sha256:[0-9a-f]{64}|:(?!latest$)[A-Za-z0-9_][A-Za-z0-9_.-]*)")
_OWN_TYPE = re.compile(r"[a-z][a-z0-9_-]{2,20}\.[A-Z][a-zA-Z0-9_-]{2,49}")
_KINDS = {"container", "importer"}


def executor_faults(spec: Spec) -> Iterator[Fault]:
    """Yield what is wrong with the executors of a pipeline."""
    components = {
        component["executorLabel"]: component
        for component in spec.get("components", {}).values()
        if "executorLabel" in component
    }
    for label, executor in sorted(executors(spec).items()):
        place = f"deploymentSpec.executors.{label}"
        if "resolver" in executor:
            yield Fault(
                place,
                "a Resolver: the server takes it and the run fails, 'resolver executors not "
                "implemented'",
                "Use tfx_parity.pipelines.baseline.LatestBlessedModel, or an Importer.",
            )
        elif not _KINDS & executor.keys():
            yield Fault(place, f"expected a container, found {sorted(executor)}", _RECOMPILE)
        elif "container" in executor:
            yield from _container_faults(f"{place}.container", executor["container"])
            yield from _tfx_faults(
                f"{place}.container", executor["container"], components.get(label, {})
            )
    yield from _type_faults(spec)


def _container_faults(place: str, container: Mapping[str, Any]) -> Iterator[Fault]:
    image = container.get("image", "")
    if not image:
        yield Fault(f"{place}.image", "there is none", "Compile it with --image.")
    elif not _PINNED.fullmatch(image):
        yield Fault(
            f"{place}.image",
            f"{image!r} may be another image tomorrow",
            "Name a version or, better, a digest: --image NAME@sha256:...",
            is_error=False,
        )
    if not container.get("command"):
        yield Fault(
            f"{place}.command",
            "there is none: Kubeflow's launcher does not know the image's entrypoint",
            _RECOMPILE,
        )
    if _TFX_COMMAND in container.get("command", []):
        yield Fault(
            f"{place}.command",
            "TFX's own entrypoint: on open-source Kubeflow it dies of artifacts without types",
            _RECOMPILE,
        )


def _tfx_faults(
    place: str, container: Mapping[str, Any], component: Mapping[str, Any]
) -> Iterator[Fault]:
    """Yield faults of the arguments that TFX's entrypoint reads."""
    path = argument(container, "--executor_class_path")
    if path is None:
        return
    if path.startswith("__main__."):
        yield Fault(
            f"{place}.args",
            f"the executor {path} lies in the script that compiled the pipeline",
            "Move the component into a module of a package that is in the image.",
        )
    elif not is_importable(path):
        yield Fault(
            f"{place}.args",
            f"the executor {path} cannot be imported here",
            "Put its package on PYTHONPATH here, and into the image.",
        )
    if argument(container, "--json_serialized_invocation_args") != EXECUTOR_INPUT:
        yield Fault(f"{place}.args", f"expected {EXECUTOR_INPUT} as the invocation", _RECOMPILE)
    inputs_spec = argument(container, "--json_serialized_inputs_spec_args")
    if _json(inputs_spec) != component.get("inputDefinitions", {}):
        yield Fault(
            f"{place}.args",
            "--json_serialized_inputs_spec_args are not the inputDefinitions of its component",
            _RECOMPILE,
        )


def _type_faults(spec: Spec) -> Iterator[Fault]:
    """Yield artifact types that a step could not find."""
    for name, component in sorted(spec.get("components", {}).items()):
        for side in ("inputDefinitions", "outputDefinitions"):
            for key, declared in component.get(side, {}).get("artifacts", {}).items():
                place = f"components.{name}.{side}.artifacts.{key}.artifactType"
                found = title(declared)
                if not found:
                    yield Fault(place, "has no title: the server stops at it", _RECOMPILE)
                elif not found.startswith(("tfx.", "system.")) and not (
                    _OWN_TYPE.fullmatch(found) and is_importable(found)
                ):
                    yield Fault(
                        place,
                        f"{found!r} cannot be imported here, as a step does with a type's title",
                        "Name the type package.Class, and let the package's __init__ export it.",
                    )


def _json(text: str | None) -> object:
    try:
        return json.loads(text or "{}")
    except json.JSONDecodeError:
        return None
