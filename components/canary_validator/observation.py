"""The debug copy asked both ways: how far its tensors lie apart."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary.probe_plan import ProbePlan
from tfx_parity.canary.probing import Look, Prober, ProbeRefused, ProbeTimeout
from tfx_parity.canary.unrewritten import unrewritten_copy
from tfx_parity.canary_validator.answers import stack_rows
from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.canary_validator.tensor_differences import (
    Difference,
    compare_asked_twice,
    compare_groupings,
)
from tfx_parity.comparison.rows import compare_rows
from tfx_parity.comparison.tolerance import TolerancePolicy

# Each new set of tensors costs the session a copy of the graph; values cost memory.
_FIRST_GROUP = 32
_GROUP_BYTES = 1 << 28
_ASKED_TWICE_TRIES = 5


class PairKind(enum.Enum):
    """What sets two arms apart that run the same graph."""

    GROUPING = "in one batch, and one by one"
    REPEAT = "twice"
    RESTART = "in two fresh starts"
    REWRITER = "with the graph rewriter on, and off"


@dataclass(frozen=True)
class Question:
    """Which answers part.

    Attributes:
        model: The folder of the SavedModel.
        signature_name: The signature.
        inputs: Its inputs, row by row: examples whose answers differ, and some whose answers agree.
        kind: What sets the two arms apart.
        policy: The tolerance of each output.
    """

    model: Path
    signature_name: str
    inputs: Rows
    kind: PairKind
    policy: TolerancePolicy

    @property
    def count(self) -> int:
        """How many examples there are."""
        return len(next(iter(self.inputs.values())))


@dataclass(frozen=True)
class Observation:
    """What one look at some tensors showed.

    Attributes:
        failing: Which examples' final outputs differ beyond their tolerance.
        outputs: How far the final outputs lie apart, by tensor.
        differences: The same of each tensor that was looked at.
        size_bytes: Of all these tensors' values.
    """

    failing: NDArray[np.bool_]
    outputs: Mapping[str, Difference]
    differences: Mapping[str, Difference]
    size_bytes: int


class Observer:
    """Asks the debug copy both ways.

    Usage:
        with Observer(question, folder, deadline) as observer:
            differences = observer.explore(observer.plan.tensors)

    Attributes:
        plan: The way to the signature's outputs.
    """

    plan: ProbePlan

    def __init__(self, question: Question, folder: Path, deadline: float) -> None:
        """Start the debug copy, twice where the two ways need a process each.

        Args:
            question: Which answers part.
            folder: Where the copy is written.
            deadline: By `time.monotonic()`.

        Raises:
            ProbeError: If the copy cannot be made or loaded.
        """
        self._question = question
        self._all = stack_rows(question.inputs, range(question.count))
        with ExitStack() as stack:

            def start(
                *,
                graph_rewriter: bool = True,
                model: Path = question.model,
                where: Path = folder,
            ) -> Prober:
                prober = Prober(
                    model,
                    where,
                    question.signature_name,
                    deadline=deadline,
                    graph_rewriter=graph_rewriter,
                )
                return stack.enter_context(prober)

            self._first = self._second = start()
            if question.kind is PairKind.RESTART:
                self._second = start()
            if question.kind is PairKind.REWRITER:
                self._second = start(graph_rewriter=False)
                model = stack.enter_context(unrewritten_copy(question.model))
                self._model = start(graph_rewriter=False, model=model, where=model)
            self.plan = self._first.plan
            self._stack = stack.pop_all()

    def __enter__(self) -> Observer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def is_faithful(self) -> bool:
        """Tell whether the debug copy answers as the model itself does.

        With the rewriter off the copy, which has no functions, must give the bits of the model,
        whose functions are left alone.

        Raises:
            ProbeError: If a run fails, or the deadline passes.
        """
        if self._question.kind is not PairKind.REWRITER:
            return True
        copy, model = self._second.look(self._all, []), self._model.look(self._all, [])
        return not self._differing(copy, [model]).any()

    def observe(self, tensors: Sequence[str]) -> Observation:
        """Look at some tensors both ways.

        What is drawn at random may agree by chance: what is asked twice is asked some times more.

        Raises:
            ProbeError: If a run fails, or the deadline passes.
        """
        observation = self._observe(tensors)
        tries = _ASKED_TWICE_TRIES if self._question.kind is PairKind.REPEAT else 1
        while not observation.failing.any() and (tries := tries - 1):
            observation = self._observe(tensors)
        return observation

    def explore(self, tensors: Sequence[str]) -> dict[str, Difference]:
        """Return how far tensors lie apart.

        Looking at a tensor can make what is looked for vanish (the graph rewriter fuses no node
        whose value is fetched): such groups are halved, and a tensor that cannot be looked at by
        itself is left out; so is one that cannot be fetched. Where the deadline passes, the tensors
        nearest to the inputs have been looked at.

        Raises:
            ProbeError: If the child dies.
        """
        found: dict[str, Difference] = {}
        waiting, size = list(tensors), _FIRST_GROUP
        while waiting:
            group, waiting = waiting[:size], waiting[size:]
            try:
                used = self._explore_group(group, found)
            except ProbeTimeout:
                break
            size = max(1, _GROUP_BYTES * len(group) // max(used, 1))
        return found

    def _explore_group(self, group: Sequence[str], found: dict[str, Difference]) -> int:
        try:
            observation = self.observe(group)
        except ProbeRefused:
            observation = None
        if observation is not None and observation.failing.any():
            found.update(observation.differences)
            return observation.size_bytes
        if len(group) == 1:
            return 0
        middle = len(group) // 2
        halves = (group[:middle], group[middle:])
        return sum(self._explore_group(half, found) for half in halves)

    def _observe(self, tensors: Sequence[str]) -> Observation:
        together = self._first.look(self._all, tensors)
        if self._question.kind is PairKind.GROUPING:
            rows = range(self._question.count)
            singles = [stack_rows(self._question.inputs, [row]) for row in rows]
            others = [self._second.look(single, tensors) for single in singles]
        else:
            others = [self._second.look(self._all, tensors)]
        outputs = {
            tensor: self._compare(
                together.outputs[alias], [other.outputs[alias] for other in others]
            )
            for alias, tensor in self.plan.outputs.items()
        }
        differences = {
            name: self._compare(value, [other.tensors[name] for other in others])
            for name, value in together.tensors.items()
        }
        return Observation(
            failing=self._differing(together, others),
            outputs=outputs,
            differences=differences,
            size_bytes=sum(value.nbytes for value in together.tensors.values()),
        )

    def _compare(
        self, value: NDArray[np.generic], others: Sequence[NDArray[np.generic]]
    ) -> Difference:
        if self._question.kind is PairKind.GROUPING:
            return compare_groupings(value, others)
        return compare_asked_twice(value, others[0], self._question.count)

    def _differing(self, together: Look, others: Sequence[Look]) -> NDArray[np.bool_]:
        """Return which examples' outputs differ, by the tolerance that judges the model itself."""
        differing = np.zeros(self._question.count, bool)
        for alias, value in together.outputs.items():
            values = [other.outputs[alias] for other in others]
            rows = [row for other in values for row in _rows(other)]
            if len(_rows(value)) == len(rows) == len(differing):
                tolerance = self._question.policy.for_output(alias, value.dtype)
                differing |= compare_rows(_rows(value), rows, tolerance).mismatching
                continue
            found = self._compare(value, values)
            if found.examples is not None:
                differing |= found.examples > found.floor
        return differing


def _rows(value: NDArray[np.generic]) -> list[NDArray[np.generic]]:
    return [np.asarray(row, dtype=value.dtype) for row in value] if value.ndim else []
