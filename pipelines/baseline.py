"""Which model a new one is compared with: the latest blessed one that is not itself.

TFX's Resolver asks ML Metadata, which a step of open-source Kubeflow Pipelines cannot: its driver
answers "resolver executors not implemented" (kubeflow/pipelines, backend/src/v2/driver/dag.go). The
push destination knows as well: only what Evaluator and CanaryValidator blessed arrives there. So a
plain component looks there, alike on this machine, on Vertex AI and on Kubeflow.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Model
from tfx.utils import io_utils, path_utils

from tfx_parity.tfx_lines import FINGERPRINT

CANDIDATE = "candidate"
MODEL = "model"
PUSH_DESTINATION = "push_destination"
FOUND_AT = "found_at"
"""The custom property of the output that names the folder that it was copied from."""

_log = logging.getLogger(__name__)


class LatestBlessedModelSpec(ComponentSpec):
    """Inputs, outputs and parameters of LatestBlessedModel."""

    INPUTS = {CANDIDATE: ChannelParameter(type=Model)}  # noqa: RUF012 - TFX reads it from the class
    OUTPUTS = {MODEL: ChannelParameter(type=Model)}  # noqa: RUF012
    PARAMETERS = {PUSH_DESTINATION: ExecutionParameter(type=str)}  # noqa: RUF012


class Executor(base_executor.BaseExecutor):
    """Copies the latest blessed model."""

    def Do(  # noqa: N802 - TFX names it
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Run the component.

        Args:
            input_dict: `candidate`.
            output_dict: `model`.
            exec_properties: `push_destination`.
        """
        candidate = artifact_utils.get_single_instance(input_dict[CANDIDATE])
        baseline = artifact_utils.get_single_instance(output_dict[MODEL])
        source = _find(
            path_utils.serving_model_path(candidate.uri), exec_properties[PUSH_DESTINATION]
        )
        _log.info("The candidate is compared with %s.", source)
        io_utils.copy_dir(source, path_utils.serving_model_dir(baseline.uri))
        baseline.set_string_custom_property(FOUND_AT, source)


class LatestBlessedModel(base_component.BaseComponent):
    """Finds the model that a new one is compared with.

    Its output `model` is the newest version in the push destination that is not the candidate
    itself (a run that takes its steps from a cache meets the candidate there). Where there is none
    it is the candidate: Evaluator's absolute thresholds then decide alone, as they do without a
    baseline.
    """

    SPEC_CLASS = LatestBlessedModelSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, candidate: types.BaseChannel, push_destination: str) -> None:
        """Make the component.

        Args:
            candidate: The channel of the model that is to be compared.
            push_destination: The folder that Pusher pushes to, with a numbered folder a version.
        """
        super().__init__(
            LatestBlessedModelSpec(
                **{
                    CANDIDATE: candidate,
                    PUSH_DESTINATION: push_destination,
                    MODEL: types.Channel(type=Model),
                }
            )
        )


def _find(candidate: str, push_destination: str) -> str:
    """Return the folder of the newest version that is not the candidate, or the candidate's."""
    own_digest = _digest(candidate)
    for version in _versions(push_destination):
        if _digest(version) != own_digest:
            return version
    return candidate


def _versions(base: str) -> Iterator[str]:
    """Yield the folders of whole versions below a base path, the newest first."""
    names = fileio.listdir(base) if fileio.isdir(base) else []
    # Object stores list folders with a slash at the end.
    for number in sorted(
        (int(n) for name in names if (n := name.strip("/")).isdigit()), reverse=True
    ):
        folder = f"{base}/{number}"
        # Pusher copies it last, tfx/utils/io_utils.py.
        if fileio.exists(f"{folder}/saved_model.pb"):
            yield folder


def _digest(folder: str) -> str:
    """Return the hexadecimal sha256 of a model's files, by their names.

    A model that was trained again on the same data is the same one on each TFX line.
    """
    digest = hashlib.sha256()
    for below, _, names in sorted(fileio.walk(folder)):
        for name in sorted(set(names) - {FINGERPRINT}):
            path = f"{below.rstrip('/')}/{name}"
            with fileio.open(path, "rb") as file:
                data = file.read()
            digest.update(f"{path.removeprefix(folder)} {len(data)}\n".encode())
            digest.update(data)
    return digest.hexdigest()
