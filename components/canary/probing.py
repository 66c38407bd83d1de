"""Looks at any tensor of a signature, in a debug copy of the model that a child process runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tfx_parity.canary.probe_plan import ProbePlan
from tfx_parity.canary.probing_child import LENGTH, packed
from tfx_parity.canary.supervision import SupervisedProcess
from tfx_parity.protos import TensorProto, predict_pb2
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code
from tfx_parity.serving_api.tensors import from_proto

_CHILD_MODULE = "tfx_parity.canary.probing_child"
_DYING_S = 2.0


class ProbeError(Exception):
    """The debug copy could not be made, loaded or asked.

    Attributes:
        message: TensorFlow's own words, which may quote what was sent; empty where it said none.
    """

    def __init__(self, what: str, message: str = "") -> None:
        """Say what happened; `message` is TensorFlow's text."""
        super().__init__(what)
        self.message = message


class ProbeRefused(ProbeError):  # noqa: N818 - what the session says, not this program
    """The session answered with an error."""


class ProbeTimeout(ProbeError):  # noqa: N818 - a deadline that passed, as in TimeoutError
    """The deadline passed."""


@dataclass(frozen=True)
class Look:
    """What one run of the graph showed.

    Attributes:
        outputs: The signature's outputs, by name.
        tensors: The tensors that were asked for, by name.
    """

    outputs: Mapping[str, Array]
    tensors: Mapping[str, Array]


class Prober:
    """A debug copy of a model, loaded in a child process of its own.

    Usage:
        with Prober(model, folder, "serving_default", deadline=time.monotonic() + 60) as prober:
            look = prober.look({"x": x}, prober.plan.tensors)

    Attributes:
        plan: The tensors that can be looked at.
    """

    plan: ProbePlan

    def __init__(
        self,
        model: Path,
        folder: Path,
        signature_name: str,
        *,
        deadline: float,
        graph_rewriter: bool = True,
    ) -> None:
        """Say what to look at; entering the context starts the child.

        Args:
            model: The folder of a SavedModel.
            folder: Where the debug copy is written; the model's own folder runs it as it is.
            signature_name: The signature to look into.
            deadline: By `time.monotonic()`, for everything that is asked.
            graph_rewriter: Whether TensorFlow's graph rewriter is on.
        """
        rewriter = "on" if graph_rewriter else "off"
        self._arguments = [str(model), str(folder), signature_name, rewriter]
        self._deadline = deadline
        self._stack = ExitStack()

    def __enter__(self) -> Prober:
        """Start the child and wait until it has loaded the copy.

        Raises:
            ProbeError: If the copy cannot be made or loaded.
            ServerUnavailableError: If no process can be started.
        """
        with ExitStack() as stack:
            self._answers = os.memfd_create("probed")
            stack.callback(os.close, self._answers)
            reading, writing = os.pipe()
            self._requests = stack.enter_context(os.fdopen(writing, "wb", buffering=0))
            try:
                self._child = stack.enter_context(
                    SupervisedProcess(
                        _CHILD_MODULE,
                        [*self._arguments, str(reading), str(self._answers)],
                        inherited=[reading, self._answers],
                    )
                )
            finally:
                os.close(reading)
            self.plan = ProbePlan.from_json(self._told()["plan"])
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def look(self, inputs: Mapping[str, Array], tensors: Sequence[str]) -> Look:
        """Run the graph once, for the signature's outputs and further tensors.

        Args:
            inputs: The signature's inputs, by name.
            tensors: Some of `plan.tensors`.

        Raises:
            ProbeRefused: If the run fails.
            ProbeError: If the child dies.
            ProbeTimeout: If it does not answer in time.
        """
        request = predict_pb2.PredictRequest(output_filter=tensors)
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(packed(np.asarray(value)))
        data = request.SerializeToString()
        self._ask(LENGTH.pack(len(data)) + data)
        values = self._values(self._told()["sizes"])
        aliases = list(self.plan.outputs)
        return Look(
            outputs=dict(zip(aliases, values, strict=False)),
            tensors=dict(zip(tensors, values[len(aliases) :], strict=True)),
        )

    def _ask(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._requests.write(view) :]
        except BrokenPipeError as error:
            raise self._dead() from error

    def _values(self, sizes: Sequence[int]) -> list[Array]:
        os.lseek(self._answers, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self._answers), "rb") as file:
            return [from_proto(TensorProto.FromString(file.read(size))) for size in sizes]

    def _told(self) -> dict[str, Any]:
        """Return the child's next line."""
        try:
            facts: dict[str, Any] = json.loads(self._child.read_line(self._deadline))
        except TimeoutError as error:
            raise ProbeTimeout("the debug copy of the model did not answer in time") from error
        except EOFError as error:
            raise self._dead() from error
        if "code" in facts:
            name = Code(facts["code"]).name
            raise ProbeRefused(f"the debug copy of the model fails ({name})", facts["message"])
        return facts

    def _dead(self) -> ProbeError:
        obituary = self._child.obituary(_DYING_S) or "It closed its output and still runs."
        return ProbeError("the process that ran the debug copy of the model ended", obituary)
