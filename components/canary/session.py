"""A SavedModel loaded and run by the C++ loader and session that TF Serving links."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tfx_parity.canary.c_api import Output, checked_status, lent_buffer, library, take_buffer
from tfx_parity.canary.c_tensors import array_of, new_tensor
from tfx_parity.protos import ConfigProto, MetaGraphDef, RunOptions, SignatureDef, TensorProto
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code, ServingError

_SERVE_TAG = b"serve"
# TensorFlow 2 saves the initialisation op as a signature of this name (saved_model/constants.h,
# kSavedModelInitOpSignatureKey); no client can call it.
INIT_OP_SIGNATURE = "__saved_model_init_op"


class SavedModelSession:
    """One loaded SavedModel. `run` may be called from many threads at once.

    Usage:
        with SavedModelSession(Path("/models/penguins/1")) as session:
            [scores] = session.run({"serving_default_x:0": x}, ["StatefulPartitionedCall:0"])

    Attributes:
        meta_graph: The loaded MetaGraphDef, all of it.
    """

    def __init__(self, path: Path, config: ConfigProto | None = None) -> None:
        """Load the meta graph tagged `serve`, restore its variables and run its initialisation.

        Args:
            path: The folder that holds `saved_model.pb`.
            config: The session's configuration; none is TF Serving's default.

        Raises:
            ServingError: With TensorFlow's code and text, if it cannot be loaded.
        """
        self._graph: int = library().TF_NewGraph()
        self._outputs: dict[str, Output] = {}
        self._runs = 0
        self._idle = threading.Condition()
        try:
            self._session, meta_graph = _load(path, config, self._graph)
        except ServingError:
            library().TF_DeleteGraph(self._graph)
            raise
        self._open = True
        self.meta_graph = MetaGraphDef.FromString(meta_graph)

    def __enter__(self) -> SavedModelSession:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def signature_defs(self) -> Mapping[str, SignatureDef]:
        """The signatures that a client can call, by name."""
        return {
            name: definition
            for name, definition in self.meta_graph.signature_def.items()
            if name != INIT_OP_SIGNATURE
        }

    def run(
        self,
        feeds: Mapping[str, Array | TensorProto],
        fetches: Sequence[str],
        timeout_ms: int = 0,
    ) -> list[Array]:
        """Run the graph once.

        Args:
            feeds: Tensor name (`serving_default_x:0`) to value; nothing is cast or checked
                against a signature, as in TF Serving.
            fetches: Names of the tensors to return.
            timeout_ms: `RunOptions.timeout_in_ms`; 0 waits for ever.

        Returns:
            The values, in the order of `fetches`; strings are object arrays of bytes.

        Raises:
            ServingError: With TensorFlow's code and text.
        """
        with self._running():
            ends = [self._output(name, "FeedInputs: unable to find feed output") for name in feeds]
            wanted = [self._output(name, "FetchOutputs: unable to find") for name in fetches]
            with _lent_tensors(list(feeds.values())) as tensors:
                return self._run(ends, tensors, wanted, timeout_ms)

    def close(self) -> None:
        """Wait for the runs under way, then free the session and its graph."""
        with self._idle:
            if not self._open:
                return
            self._open = False
            self._idle.wait_for(lambda: self._runs == 0)
        tf = library()
        with checked_status() as status:
            tf.TF_CloseSession(self._session, status)
        with checked_status() as status:
            tf.TF_DeleteSession(self._session, status)
        tf.TF_DeleteGraph(self._graph)

    @contextmanager
    def _running(self) -> Iterator[None]:
        with self._idle:
            if not self._open:
                raise ServingError(Code.CANCELLED, "Session has been closed.")
            self._runs += 1
        try:
            yield
        finally:
            with self._idle:
                self._runs -= 1
                self._idle.notify_all()

    def _output(self, name: str, complaint: str) -> Output:
        known = self._outputs.get(name)
        if known is not None:
            return known
        tf = library()
        operation_name, _, index = name.partition(":")
        operation = tf.TF_GraphOperationByName(self._graph, operation_name.encode())
        number = int(index or 0)
        if operation is None or number >= tf.TF_OperationNumOutputs(operation):
            raise ServingError(Code.NOT_FOUND, f"{complaint} {name}")
        return self._outputs.setdefault(name, Output(operation, number))

    def _run(
        self, ends: list[Output], tensors: list[int], wanted: list[Output], timeout_ms: int
    ) -> list[Array]:
        results = (ctypes.c_void_p * len(wanted))()
        try:
            with _run_options(timeout_ms) as options, checked_status() as status:
                library().TF_SessionRun(
                    self._session,
                    options,
                    (Output * len(ends))(*ends),
                    (ctypes.c_void_p * len(tensors))(*tensors),
                    len(tensors),
                    (Output * len(wanted))(*wanted),
                    results,
                    len(wanted),
                    None,
                    0,
                    None,
                    status,
                )
            return [array_of(result) for result in results if result is not None]
        finally:
            for result in results:
                if result is not None:
                    library().TF_DeleteTensor(result)


def _load(path: Path, config: ConfigProto | None, graph: int) -> tuple[int, bytes]:
    tf = library()
    options = tf.TF_NewSessionOptions()
    meta_graph = tf.TF_NewBuffer()
    try:
        if config is not None:
            data = config.SerializeToString()
            with checked_status() as status:
                tf.TF_SetConfig(options, data, len(data), status)
        tags = (ctypes.c_char_p * 1)(_SERVE_TAG)
        with checked_status() as status:
            session: int = tf.TF_LoadSessionFromSavedModel(
                options, None, str(path).encode(), tags, 1, graph, meta_graph, status
            )
    except ServingError:
        tf.TF_DeleteBuffer(meta_graph)
        raise
    finally:
        tf.TF_DeleteSessionOptions(options)
    return session, take_buffer(meta_graph)


@contextmanager
def _lent_tensors(values: Sequence[Array | TensorProto]) -> Iterator[list[int]]:
    tensors: list[int] = []
    try:
        for value in values:
            tensors.append(new_tensor(value))  # noqa: PERF401 - freed even if a later one fails
        yield tensors
    finally:
        for tensor in tensors:
            library().TF_DeleteTensor(tensor)


@contextmanager
def _run_options(timeout_ms: int) -> Iterator[object]:
    if timeout_ms <= 0:
        yield None
        return
    with lent_buffer(RunOptions(timeout_in_ms=timeout_ms).SerializeToString()) as buffer:
        yield buffer
