"""A session that runs concurrent requests in batches (--enable_batching).

The rules are serving_api's; here are the queues, one for each signature, and the threads that
empty them (TensorFlow's core/kernels/batching_util/shared_batch_scheduler.h). TF Serving shares
the threads between models, here each version has its own.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from tfx_parity.canary.session import SavedModelSession
from tfx_parity.protos import MetaGraphDef, TensorProto
from tfx_parity.serving_api.batching import cut_task, merged, piece_sizes, split, task_size
from tfx_parity.serving_api.batching_parameters import BatchingOptions
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code, ServingError, invalid_argument
from tfx_parity.serving_api.tensors import from_proto

# batching_session.cc: a request without a timeout gets the largest int of microseconds.
_NO_TIMEOUT_S = (2**31 - 1) / 1e6
_Signature: TypeAlias = tuple[frozenset[str], frozenset[str]]


@dataclass(frozen=True)
class _Task:
    """A request, or a piece of one that was cut."""

    inputs: Mapping[str, Array]
    size: int
    deadline: float
    answer: Future[dict[str, Array]] = field(default_factory=Future)


@dataclass
class _Batch:
    """Tasks that run together; `opened` is when the first one came."""

    tasks: list[_Task] = field(default_factory=list)
    size: int = 0
    opened: float = 0.0

    def add(self, task: _Task) -> None:
        if not self.tasks:
            self.opened = time.monotonic()
        self.tasks.append(task)
        self.size += task.size


class _Queue:
    """The batches of one signature that wait; the last one is open. Its owner holds the lock."""

    def __init__(self, options: BatchingOptions) -> None:
        self._options = options
        self._batches = deque([_Batch()])

    def add(self, task: _Task) -> list[_Task]:
        """Take a request in; returns the tasks that it became."""
        options = self._options
        if task.size > options.max_batch_size:
            raise invalid_argument(
                f"Task size {task.size} is larger than maximum input batch size "
                f"{options.max_batch_size}"
            )
        room = options.batch_limit - self._batches[-1].size
        tasks = [task]
        if options.max_execution_batch_size:
            self._check_capacity(task.size, room)
            if task.size > room:
                sizes = piece_sizes(task.size, room, options.batch_limit)
                pieces = zip(cut_task(task.inputs, sizes), sizes, strict=True)
                tasks = [_Task(inputs, size, task.deadline) for inputs, size in pieces]
        elif task.size > room and len(self._batches) >= options.max_enqueued_batches:
            raise ServingError(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; currently "
                f"{len(self._batches)} batches enqueued and max_enqueued_batches is "
                f"{options.max_enqueued_batches}",
            )
        for piece in tasks:
            if self._batches[-1].size + piece.size > options.batch_limit:
                self._batches.append(_Batch())
            self._batches[-1].add(piece)
        return tasks

    def _check_capacity(self, size: int, room: int) -> None:
        options, enqueued = self._options, len(self._batches)
        capacity = (options.max_enqueued_batches - enqueued) * options.batch_limit + room
        if size > capacity:
            raise ServingError(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; task size "
                f"is {size} but scheduling capacity is only {capacity} "
                f"(num_enqueued_batches={enqueued}, "
                f"max_enqueued_batches={options.max_enqueued_batches}, "
                f"open_batch_size={self._batches[-1].size}, "
                f"max_execution_batch_size={options.batch_limit})",
            )

    def ready_in(self, now: float) -> float | None:
        """Return in how many seconds a batch can run; None if nothing waits."""
        first = self._batches[0]
        if len(self._batches) > 1 or first.size >= self._options.batch_limit:
            return 0.0
        if not first.tasks:
            return None
        return max(0.0, first.opened + self._options.batch_timeout_s - now)

    def take(self) -> _Batch:
        """Return the batch that waits longest."""
        batch = self._batches.popleft()
        if not self._batches:
            self._batches.append(_Batch())
        return batch


class BatchingSession:
    """A loaded SavedModel whose concurrent runs share batches.

    A run that asks for other tensors than a signature has (an output filter, a multi-inference)
    is not batched, as in TF Serving.
    """

    def __init__(self, session: SavedModelSession, options: BatchingOptions) -> None:
        """Start the threads.

        Args:
            session: What runs the batches; it is closed with this one.
            options: How they are made.
        """
        self._session = session
        self._options = options
        self._work = threading.Condition()
        self._open = True
        self._queues = {
            _tensors(definition.inputs, definition.outputs): _Queue(options)
            for definition in session.meta_graph.signature_def.values()
        }
        self._threads = [
            threading.Thread(target=self._process, name=f"batch {number}", daemon=True)
            for number in range(options.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def meta_graph(self) -> MetaGraphDef:
        """The loaded MetaGraphDef."""
        return self._session.meta_graph

    def run(
        self,
        feeds: Mapping[str, Array | TensorProto],
        fetches: Sequence[str],
        timeout_ms: int = 0,
    ) -> list[Array]:
        """Run the graph, perhaps together with others; see `SavedModelSession.run`.

        Raises:
            ServingError: With TensorFlow's code and text, or those of TF Serving's batching.
        """
        signature = (frozenset(feeds), frozenset(fetches))
        if signature not in self._queues:
            return self._session.run(feeds, fetches, timeout_ms)
        inputs = {
            name: from_proto(value) if isinstance(value, TensorProto) else np.asarray(value)
            for name, value in feeds.items()
        }
        timeout_s = timeout_ms / 1000 if timeout_ms > 0 else _NO_TIMEOUT_S
        task = _Task(inputs, task_size(inputs), time.monotonic() + timeout_s)
        answers = [piece.answer.result() for piece in self._enqueued(signature, task)]
        if len(answers) == 1:
            return [answers[0][name] for name in fetches]
        return [np.concatenate([answer[name] for answer in answers]) for name in fetches]

    def close(self) -> None:
        """Answer what waits, then end the threads and the session."""
        with self._work:
            self._open = False
            self._work.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        self._session.close()

    def _enqueued(self, signature: _Signature, task: _Task) -> list[_Task]:
        with self._work:
            if not self._open:
                raise ServingError(Code.CANCELLED, "Session has been closed.")
            tasks = self._queues[signature].add(task)
            self._work.notify()
            return tasks

    def _process(self) -> None:
        while (found := self._next_batch()) is not None:
            signature, batch = found
            try:
                answers = self._answers(signature, batch)
            except ServingError as error:
                _refuse(batch, error.code, error.message)
            except MemoryError:
                _refuse(batch, Code.RESOURCE_EXHAUSTED, "No memory for a batch.")
            else:
                for task, answer in zip(batch.tasks, answers, strict=True):
                    task.answer.set_result(answer)

    def _next_batch(self) -> tuple[_Signature, _Batch] | None:
        """Wait for a batch that can run; None when the session is closed and nothing waits."""
        with self._work:
            while True:
                now = time.monotonic()
                waits = {
                    signature: wait
                    for signature, queue in self._queues.items()
                    if (wait := queue.ready_in(now)) is not None
                }
                if not waits and not self._open:
                    return None
                signature = min(waits, key=waits.__getitem__, default=None)
                if signature is not None and (waits[signature] <= 0 or not self._open):
                    batch = self._queues[signature].take()
                    # Another signature's batch may be ready as well.
                    self._work.notify()
                    return signature, batch
                self._work.wait(None if signature is None else waits[signature])

    def _answers(self, signature: _Signature, batch: _Batch) -> list[dict[str, Array]]:
        latest = max(task.deadline for task in batch.tasks) - time.monotonic()
        if latest <= 0:
            raise ServingError(
                Code.RESOURCE_EXHAUSTED,
                "Run() timeout exceeded while waiting in batching queue",
            )
        allowed = self._options.allowed_batch_sizes
        inputs = merged(
            [task.inputs for task in batch.tasks],
            allowed,
            pad_variable_length=self._options.pad_variable_length_inputs,
        )
        fetches = sorted(signature[1])
        outputs = self._session.run(inputs, fetches, max(1, int(latest * 1000)))
        sizes = [task.size for task in batch.tasks]
        return split(dict(zip(fetches, outputs, strict=True)), sizes, allowed)


def _refuse(batch: _Batch, code: Code, message: str) -> None:
    for task in batch.tasks:
        # Each request raises its own: a traceback grows with every thread that raises it.
        task.answer.set_exception(ServingError(code, message))


def _tensors(inputs: Mapping[str, object], outputs: Mapping[str, object]) -> _Signature:
    return (
        frozenset(info.name for info in inputs.values()),  # type: ignore[attr-defined]
        frozenset(info.name for info in outputs.values()),  # type: ignore[attr-defined]
    )
