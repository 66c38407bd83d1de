"""What a launcher tells a step, and how a step must see it for TFX to understand it.

An ExecutorInput and an ExecutorOutput (pipeline_spec.proto) as plain data, in proto3's JSON names.
Vertex AI gives TFX what it expects; the launcher of open-source Kubeflow Pipelines does not. Each
function mends one difference, and does nothing where there is none.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

from tfx_parity.errors import BadInputError

LAUNCHER_ROOT = "TFX_PARITY_LAUNCHER_ROOT"
"""The environment variable that names another folder than `/` for the launcher's copies, where a
step runs in no container of its own."""

ExecutorInput = dict[str, Any]
ExecutorOutput = dict[str, Any]

# Where the launcher keeps its copies, by the scheme of the store (LocalPathForURI in
# kubeflow/pipelines, backend/src/v2/component/launcher_v2.go).
_LOCAL_FOLDERS = {"gs": "gcs", "minio": "minio", "s3": "s3"}
_KFP_OWN = "system."


def with_types(given: ExecutorInput, inputs_spec: Mapping[str, Any]) -> ExecutorInput:
    """Fill in the types of input artifacts.

    Kubeflow's driver forgets them ("figure out how to get schema" in backend/src/v2/metadata,
    client.go) and TFX's entrypoint dies of it: AttributeError on an empty instance schema,
    UnboundLocalError without a type, ImportError on one of Kubeflow's own (`_retrieve_class_path`
    in tfx/orchestration/kubeflow/v2/container/kubeflow_v2_entrypoint_utils.py).

    Args:
        given: The ExecutorInput.
        inputs_spec: The component's inputs as compiled, which says the types.

    Raises:
        BadInputError: If an artifact has no type and the compiled component does not know it.
    """
    mended = copy.deepcopy(given)
    known = inputs_spec.get("artifacts", {})
    for name, artifact in _artifacts(mended, "inputs"):
        if _lacks_type(artifact):
            if name not in known:
                raise BadInputError(
                    f"Expected a type of the input {name!r}, found none in the ExecutorInput, and "
                    f"the compiled component knows {sorted(known)} only. Compile the pipeline with "
                    "tfx-parity kubeflow compile, by the version that is in the image."
                )
            artifact["type"] = copy.deepcopy(known[name]["artifactType"])
    return mended


def without_foreign_outputs(given: ExecutorInput) -> ExecutorInput:
    """Drop outputs of Kubeflow's own types.

    A server that publishes logs adds an output `executor-logs` of type system.Artifact to every
    step (provisionOutputs in backend/src/v2/driver/driver.go), which TFX tries to import.
    """
    mended = copy.deepcopy(given)
    outputs = mended.get("outputs", {}).get("artifacts", {})
    for name in [n for n, artifact in _artifacts(mended, "outputs") if _is_foreign(artifact)]:
        del outputs[name]
    return mended


def local_uris(given: ExecutorInput, root: str) -> dict[str, str]:
    """Return the launcher's local path of each artifact by its URI, empty where it keeps none.

    Kubeflow's launcher copies input artifacts from the store to a local path before a step, and
    output artifacts from one after it. TFX reads and writes URIs instead: it knows no minio://
    (the default store of Kubeflow), s3:// only with further packages, and on any store it leaves
    empty objects in place of folders, on which the next step's launcher fails
    (https://github.com/kubeflow/pipelines/issues/13476). Vertex AI keeps no copies; it is told by
    its output file, which lies in the store as well.

    Args:
        given: The ExecutorInput.
        root: The folder under which the launcher keeps its copies: `/`.
    """
    if "://" in given["outputs"]["outputFile"]:
        return {}
    uris = {
        artifact["uri"] for kind in ("inputs", "outputs") for _, artifact in _artifacts(given, kind)
    }
    return {
        uri: f"{root.rstrip('/')}/{_LOCAL_FOLDERS[parts.scheme]}/{parts.netloc}{parts.path}"
        for uri in sorted(uris)
        if (parts := urlsplit(uri)).scheme in _LOCAL_FOLDERS
    }


def renamed(message: Any, names: Mapping[str, str]) -> Any:
    """Return a message in which every text that is a name is replaced by what it stands for."""
    if isinstance(message, dict):
        return {key: renamed(value, names) for key, value in message.items()}
    if isinstance(message, list):
        return [renamed(value, names) for value in message]
    return names.get(message, message) if isinstance(message, str) else message


def needs_driver(given: ExecutorInput) -> bool:
    """Return whether the step is a file-based ExampleGen (the others have no `input_base`)."""
    parameters = given.get("inputs", {}).get("parameterValues", {})
    return {"input_base", "input_config"} <= parameters.keys()


def with_driver_output(given: ExecutorInput, driven: ExecutorOutput) -> ExecutorInput:
    """Take what ExampleGen's driver found into the step's input.

    TFX's entrypoint takes the parameters out of the driver's output file, not the properties of
    the artifact (span, version, fingerprint): Vertex AI does that between the two.

    Args:
        given: The ExecutorInput.
        driven: The ExecutorOutput of the driver.
    """
    mended = copy.deepcopy(given)
    outputs = mended["outputs"]["artifacts"]
    for name, found in driven.get("artifacts", {}).items():
        for artifact, told in zip(outputs[name]["artifacts"], found["artifacts"], strict=True):
            artifact["metadata"] = {**artifact.get("metadata", {}), **told.get("metadata", {})}
    return mended


def _artifacts(given: Mapping[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, listed in given.get(kind, {}).get("artifacts", {}).items():
        for artifact in listed.get("artifacts", []):
            yield name, artifact


def _lacks_type(artifact: Mapping[str, Any]) -> bool:
    told = artifact.get("type", {})
    return not (told.get("schemaTitle") or told.get("instanceSchema")) or _is_foreign(artifact)


def _is_foreign(artifact: Mapping[str, Any]) -> bool:
    told = artifact.get("type", {})
    title = told.get("schemaTitle") or ""
    if told.get("instanceSchema"):
        title = (yaml.safe_load(told["instanceSchema"]) or {}).get("title", "")
    return str(title).startswith(_KFP_OWN)
