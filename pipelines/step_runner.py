"""TFX's LocalDagRunner, with an eye on every step.

LocalDagRunner tells of its steps in log messages only, hides which of them came from the cache, and
goes on after a step whose inputs could not be resolved. So the compiled pipeline is handed to it
one node at a time, and ML Metadata is asked what became of each. Neither depends on how TFX words
its log, nor on the launcher inside the runner.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import Metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable.runtime_parameter_utils import substitute_runtime_parameter
from tfx.proto.orchestration import pipeline_pb2

from tfx_parity.pipelines.step_outcome import StepOutcome, StepOutput

FROM_THE_CACHE = "from the cache"
SKIPPED = "skipped: its inputs are not there"

ShowStep = Callable[[str], AbstractContextManager[Callable[[str], None]]]
"""Shows that a step runs while its context is open; what it yields adds a remark."""


class StepFailedError(Exception):
    """A step failed; its cause is what the step raised.

    Attributes:
        step: The step's name.
    """

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step} failed: {reason}")
        self.step = step


class StepRunner(LocalDagRunner):
    """Runs a pipeline on this machine, showing its steps.

    After `run`, `outcomes` holds what became of each step, by its name, in the order in which they
    ran; a step that was skipped has none.
    """

    def __init__(self, pipeline: Pipeline, show_step: ShowStep) -> None:
        """Prepare to run a pipeline.

        Args:
            pipeline: A pipeline with a `metadata_connection_config`.
            show_step: Called with each step's name.
        """
        super().__init__()
        self.outcomes: dict[str, StepOutcome] = {}
        self._pipeline = pipeline
        self._show_step = show_step

    def run_all(self) -> Mapping[str, StepOutcome]:
        """Run every step.

        Returns:
            What became of each step.

        Raises:
            StepFailedError: If a step fails; the steps after it are not run.
        """
        self.run(self._pipeline)
        return self.outcomes

    def run_with_ir(
        self, pipeline: pipeline_pb2.Pipeline, run_options: pipeline_pb2.RunOptions | None = None
    ) -> None:
        """Run a compiled pipeline node by node; called by `run`."""
        run_id = dt.datetime.now(tz=dt.timezone.utc).isoformat()
        # The base class would give each node a run of its own if it found no id.
        substitute_runtime_parameter(pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
        for node in pipeline.nodes:
            alone = pipeline_pb2.Pipeline()
            alone.CopyFrom(pipeline)
            del alone.nodes[:]
            alone.nodes.append(node)
            name = node.pipeline_node.node_info.id
            with self._show_step(name) as remark:
                self._run_node(name, alone, run_options)
                self._note_outcome(name, run_id, remark)

    def _run_node(
        self,
        name: str,
        alone: pipeline_pb2.Pipeline,
        run_options: pipeline_pb2.RunOptions | None,
    ) -> None:
        """Run a pipeline of one node."""
        try:
            super().run_with_ir(alone, run_options)
        except Exception as error:
            raise StepFailedError(name, str(error)) from error

    def _note_outcome(self, name: str, run_id: str, remark: Callable[[str], None]) -> None:
        """Ask ML Metadata what became of a step, and say what is worth saying."""
        with Metadata(self._pipeline.metadata_connection_config) as metadata:
            execution = self._execution(metadata, name, run_id)
            if execution is None:
                remark(SKIPPED)
                return
            if execution.last_known_state == metadata_store_pb2.Execution.FAILED:
                raise StepFailedError(name, "its inputs could not be resolved")
            cached = execution.last_known_state == metadata_store_pb2.Execution.CACHED
            self.outcomes[name] = StepOutcome(cached, _outputs(metadata, execution.id))
        if cached:
            remark(FROM_THE_CACHE)

    def _execution(
        self, metadata: Metadata, name: str, run_id: str
    ) -> metadata_store_pb2.Execution | None:
        """Return the execution that belongs to a node and a run, if there is one."""
        of_node, of_run = (
            _executions_by_id(metadata, type_name, context_name)
            for type_name, context_name in (
                (
                    constants.NODE_CONTEXT_TYPE_NAME,
                    f"{self._pipeline.pipeline_info.pipeline_name}.{name}",
                ),
                (constants.PIPELINE_RUN_CONTEXT_TYPE_NAME, run_id),
            )
        )
        return next((execution for key, execution in of_node.items() if key in of_run), None)


def _executions_by_id(
    metadata: Metadata, type_name: str, context_name: str
) -> dict[int, metadata_store_pb2.Execution]:
    """Return the executions of a context of ML Metadata."""
    context = metadata.store.get_context_by_type_and_name(type_name, context_name)
    if context is None:
        return {}
    return {each.id: each for each in metadata.store.get_executions_by_context(context.id)}


def _outputs(metadata: Metadata, execution_id: int) -> dict[str, StepOutput]:
    """Return an execution's outputs by key."""
    events = [
        event
        for event in metadata.store.get_events_by_execution_ids([execution_id])
        if event.type == metadata_store_pb2.Event.OUTPUT
    ]
    artifacts = metadata.store.get_artifacts_by_id([event.artifact_id for event in events])
    outputs = {artifact.id: _output(artifact) for artifact in artifacts}
    return {event.path.steps[0].key: outputs[event.artifact_id] for event in events}


def _output(artifact: metadata_store_pb2.Artifact) -> StepOutput:
    """Return an artifact as a step's output."""
    values = [*artifact.properties.items(), *artifact.custom_properties.items()]
    properties = {
        name: getattr(value, kind)
        for name, value in values
        if (kind := value.WhichOneof("value")) in {"string_value", "int_value"}
    }
    return StepOutput(Path(artifact.uri), properties)
