"""Concurrent requests share batches, and get their own rows or the batch's refusal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.batching_queue import BatchingSession
from tfx_parity.canary.session import SavedModelSession
from tfx_parity.serving_api.batching_parameters import BatchingOptions
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code, ServingError

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

LONG_S = 30.0


@contextmanager
def _batching(path: Path, **options: object) -> Iterator[BatchingSession]:
    before = threading.active_count()
    session = BatchingSession(SavedModelSession(path), BatchingOptions(**options))  # type: ignore[arg-type]
    try:
        yield session
    finally:
        session.close()
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert before == threading.active_count()


def _asker(session: BatchingSession, name: str = "serving_default") -> Callable[..., list[Array]]:
    signature = session.meta_graph.signature_def[name]
    fetches = [info.name for _, info in sorted(signature.outputs.items())]

    def ask(timeout_ms: int = 0, **inputs: Array) -> list[Array]:
        feeds = {signature.inputs[alias].name: value for alias, value in inputs.items()}
        return session.run(feeds, fetches, timeout_ms)

    return ask


def test_many_requests_each_get_their_own_rows(models: Path) -> None:
    """Whatever shares a batch, an answer is the one of its own rows."""
    with _batching(
        models / "affine" / "1",
        max_batch_size=16,
        batch_timeout_s=0.005,
        allowed_batch_sizes=(4, 16),
        max_enqueued_batches=1000,
    ) as session:
        ask = _asker(session)
        rng = np.random.default_rng(1)
        requests = [
            rng.integers(-9, 9, (size, 3)).astype(np.float32)
            for size in rng.integers(1, 6, 200).tolist()
        ]
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda x: ask(x=x), requests))

    weights = np.array([[1.0, -2.0], [0.5, 0.25], [3.0, 1.0]])
    for x, (_, y) in zip(requests, answers, strict=True):
        np.testing.assert_array_equal((x @ weights + [0.125, -0.5]).astype(np.float32), y)


def test_a_full_batch_does_not_wait(models: Path) -> None:
    """Requests that fill a batch run at once, whatever its timeout."""
    with _batching(models / "scaled" / "1", max_batch_size=4, batch_timeout_s=LONG_S) as session:
        ask = _asker(session)
        started = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda v: ask(x=np.array([v], np.float32))[0], range(4)))

        assert [[0.0], [1.0], [2.0], [3.0]] == [answer.tolist() for answer in answers]
        assert time.monotonic() - started < LONG_S


def test_padding_makes_an_answer_depend_on_its_neighbours(models: Path) -> None:
    """A shorter tensor is filled with its own first element; alone it is answered as it is."""
    short, long = np.array([[5, 1]], np.float32), np.array([[1, 2, 3]], np.float32)
    with _batching(
        models / "dtypes" / "1",
        max_batch_size=2,
        batch_timeout_s=LONG_S,
        pad_variable_length_inputs=True,
    ) as session:
        ask = _asker(session, "t_float32")
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda v: ask(v=v)[0].tolist(), [short, long]))

    assert [[[5, 1, 5]], [[1, 2, 3]]] == answers


def test_different_shapes_spoil_a_batch_without_padding(models: Path) -> None:
    """Every request of the batch is refused, the innocent one too."""

    def refusal(width: int) -> Code:
        with pytest.raises(ServingError, match="padding is turned off") as raised:
            ask(v=np.zeros((1, width), np.float32))
        return raised.value.code

    with _batching(models / "dtypes" / "1", max_batch_size=2, batch_timeout_s=LONG_S) as session:
        ask = _asker(session, "t_float32")
        with ThreadPoolExecutor(2) as pool:
            assert [Code.FAILED_PRECONDITION] * 2 == list(pool.map(refusal, [1, 2]))


@pytest.mark.parametrize(
    ("signature", "inputs", "code", "text"),
    [
        ("spin", {"turns": np.array(1)}, Code.INVALID_ARGUMENT, "at least one dimension"),
        ("serving_default", {"x": np.zeros((9, 3), np.float32)}, Code.INVALID_ARGUMENT,
         "Task size 9 is larger than maximum input batch size 8"),
        ("serving_default", {"x": np.zeros((1, 3))}, Code.INVALID_ARGUMENT,
         "to be float but double is provided"),
    ],
    ids=["scalar", "large", "dtype"],
)  # fmt: skip
def test_a_refusal_is_tf_servings(
    models: Path, signature: str, inputs: dict[str, Array], code: Code, text: str
) -> None:
    """Batching's own texts and the session's."""
    with (
        _batching(models / "affine" / "1", max_batch_size=8) as session,
        pytest.raises(ServingError, match=text) as raised,
    ):
        _asker(session, signature)(**inputs)

    assert code == raised.value.code


def test_a_large_request_is_cut_where_it_may_be(models: Path) -> None:
    """Its pieces run on their own; the answer is whole."""
    x = np.arange(23, dtype=np.float32)
    with _batching(
        models / "scaled" / "2", max_batch_size=100, max_execution_batch_size=5
    ) as session:
        assert (2 * x).tolist() == _asker(session)(x=x)[0].tolist()


def test_other_tensors_than_a_signatures_are_not_batched(models: Path) -> None:
    """An output filter runs by itself: no timeout, no largest size."""
    with _batching(models / "affine" / "1", max_batch_size=2, batch_timeout_s=LONG_S) as session:
        signature = session.meta_graph.signature_def["serving_default"]
        x = np.zeros((5, 3), np.float32)
        [y] = session.run({signature.inputs["x"].name: x}, [signature.outputs["y"].name])

    assert (5, 2) == y.shape


def test_a_full_queue_and_a_late_batch_are_refused(models: Path) -> None:
    """A request that does not fit into the last batch is refused; one that waited too long too."""
    with (
        _batching(
            models / "scaled" / "1",
            max_batch_size=2,
            batch_timeout_s=LONG_S,
            max_enqueued_batches=1,
        ) as session,
        ThreadPoolExecutor(1) as pool,
    ):
        ask = _asker(session)
        waiting = pool.submit(ask, 1, x=np.ones(1, np.float32))
        time.sleep(0.2)
        with pytest.raises(ServingError, match="currently 1 batches enqueued and max") as full:
            ask(x=np.ones(2, np.float32))
        session.close()
        with pytest.raises(ServingError, match="timeout exceeded while waiting") as late:
            waiting.result(LONG_S / 2)

    assert full.value.code == Code.UNAVAILABLE
    assert late.value.code == Code.RESOURCE_EXHAUSTED


def test_a_closed_session_answers_what_waits_and_refuses_the_rest(models: Path) -> None:
    """An open batch is run when the session is closed."""
    with (
        _batching(models / "scaled" / "3", max_batch_size=9, batch_timeout_s=LONG_S) as session,
        ThreadPoolExecutor(1) as pool,
    ):
        ask = _asker(session)
        waiting = pool.submit(ask, x=np.ones(1, np.float32))
        time.sleep(0.2)
        session.close()

        assert waiting.result(LONG_S / 2)[0].tolist() == [3.0]
        with pytest.raises(ServingError, match="closed"):
            ask(x=np.ones(1, np.float32))
