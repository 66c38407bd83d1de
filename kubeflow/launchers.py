"""What stands between a compiled step and its process: Vertex AI's launcher, and Kubeflow's.

Both played on this machine, as far as a step can tell. Vertex AI names the types of all artifacts,
gives URIs that TFX reads by itself and runs `lifecycle.preCacheCheck`. Kubeflow
(kubeflow/pipelines, backend/src/v2/driver and component/launcher_v2.go) gives input artifacts an
empty type, adds an output of its own for logs, keeps copies of artifacts on a local path and
carries files, never empty folders, from and to its store.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tfx_parity.kubeflow.executor_input import LAUNCHER_ROOT, ExecutorInput, local_uris

Artifact = dict[str, Any]
_STORE = "minio://mlpipeline/v2/artifacts"


class Launcher(Protocol):
    """Gives a step its ExecutorInput's places and names, and carries its files."""

    @property
    def runs_hooks(self) -> bool:
        """Whether `lifecycle.preCacheCheck` is run before the step."""

    def uri(self, task: str, key: str) -> str:
        """Return where an output artifact goes."""

    def output_file(self, task: str) -> str:
        """Return where the step writes its ExecutorOutput."""

    def as_input(self, artifact: Artifact) -> Artifact:
        """Return a recorded artifact as the next step is told of it."""

    def own_outputs(self, task: str) -> dict[str, Any]:
        """Return output artifacts that no component asked for."""

    def environment(self, task: str) -> Mapping[str, str]:
        """Return environment variables of the step's process."""

    def bring(self, task: str, given: ExecutorInput) -> None:
        """Bring what the step reads to where it reads it."""

    def take(self, task: str, given: ExecutorInput) -> None:
        """Take what the step wrote to where the next one's launcher looks."""


@dataclass(frozen=True)
class VertexLauncher:
    """As Vertex AI does it, with a local folder for the bucket.

    Attributes:
        root: The folder of the run.
    """

    root: Path
    runs_hooks: bool = True

    def uri(self, task: str, key: str) -> str:
        """See `Launcher`."""
        return str(self.root / "artifacts" / task / key)

    def output_file(self, task: str) -> str:
        """See `Launcher`."""
        return str(self.root / "artifacts" / task / "executor_output.json")

    def as_input(self, artifact: Artifact) -> Artifact:
        """See `Launcher`."""
        name = f"projects/1/locations/here/metadataStores/default/artifacts/{artifact['name']}"
        return {**artifact, "name": name}

    def own_outputs(self, task: str) -> dict[str, Any]:  # noqa: ARG002 - see `Launcher`
        """See `Launcher`."""
        return {}

    def environment(self, task: str) -> Mapping[str, str]:  # noqa: ARG002 - see `Launcher`
        """See `Launcher`."""
        return {}

    def bring(self, task: str, given: ExecutorInput) -> None:
        """See `Launcher`: TFX reads the bucket by itself."""

    def take(self, task: str, given: ExecutorInput) -> None:
        """See `Launcher`: TFX writes to the bucket by itself."""


@dataclass(frozen=True)
class KubeflowLauncher:
    """As open-source Kubeflow Pipelines does it, with a local folder for the object store.

    Attributes:
        root: The folder of the run: the store, and a folder for each step's file system.
    """

    root: Path
    runs_hooks: bool = False

    def uri(self, task: str, key: str) -> str:
        """See `Launcher`."""
        return f"{_STORE}/{task}/{key}"

    def output_file(self, task: str) -> str:
        """See `Launcher`."""
        return str(self._step(task) / "tmp" / "kfp_outputs" / "output_metadata.json")

    def as_input(self, artifact: Artifact) -> Artifact:
        """See `Launcher`."""
        told = {"display_name": "artifact", "store_session_info": "{}"}
        metadata = {**told, **artifact.get("metadata", {})}
        return {**artifact, "metadata": metadata, "type": {"instanceSchema": ""}}

    def own_outputs(self, task: str) -> dict[str, Any]:
        """See `Launcher`."""
        logs = {"uri": self.uri(task, "executor-logs"), "type": {"schemaTitle": "system.Artifact"}}
        return {"executor-logs": {"artifacts": [logs]}}

    def environment(self, task: str) -> Mapping[str, str]:
        """See `Launcher`."""
        return {LAUNCHER_ROOT: str(self._step(task))}

    def bring(self, task: str, given: ExecutorInput) -> None:
        """See `Launcher`."""
        for uri, path in self._local_uris(task, given, "inputs").items():
            _copy_files(self._stored(uri), Path(path))
        for path in self._local_uris(task, given, "outputs").values():
            Path(path).parent.mkdir(parents=True, exist_ok=True)

    def take(self, task: str, given: ExecutorInput) -> None:
        """See `Launcher`."""
        for uri, path in self._local_uris(task, given, "outputs").items():
            _copy_files(Path(path), self._stored(uri))

    def _step(self, task: str) -> Path:
        return self.root / "steps" / task

    def _stored(self, uri: str) -> Path:
        return self.root / "store" / uri.removeprefix("minio://")

    def _local_uris(self, task: str, given: ExecutorInput, kind: str) -> dict[str, str]:
        wanted = {
            artifact["uri"]
            for listed in given[kind].get("artifacts", {}).values()
            for artifact in listed["artifacts"]
        }
        found = local_uris(given, str(self._step(task)))
        return {uri: path for uri, path in found.items() if uri in wanted}


def _copy_files(source: Path, target: Path) -> None:
    """Copy the files of a folder: an object store has no empty folders."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            beside = target / path.relative_to(source)
            beside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, beside)
