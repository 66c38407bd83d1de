"""Batches are merged, padded and split as TF Serving's batching session does it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.errors import BadInputError
from tfx_parity.serving_api.batching import (
    cut_task,
    merged,
    piece_sizes,
    rounded_size,
    split,
    task_size,
)
from tfx_parity.serving_api.batching_parameters import BatchingOptions, parse_batching_parameters
from tfx_parity.serving_api.dtypes import Array
from tfx_parity.serving_api.status import Code, ServingError

SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=5)
ALLOWED = st.sampled_from([(), (1, 20), (3, 6, 9, 20), (20,)])
DTYPES = st.sampled_from([np.float32, np.int64, np.bool_, object])


def _values(shape: tuple[int, ...], dtype: object, start: int) -> Array:
    count = int(np.prod(shape))
    if dtype is object:
        values = np.empty(count, object)
        values[:] = [b"v%d" % (start + i) for i in range(count)]
        return values.reshape(shape)
    return (np.arange(start, start + count) % 251).astype(dtype).reshape(shape)  # type: ignore[call-overload]


def _padded_slowly(rows: list[list[object]], width: int, fill: object) -> list[list[object]]:
    return [row + [fill] * (width - len(row)) for row in rows]


@given(SIZES, ALLOWED, DTYPES, st.data())
def test_a_batch_is_its_rows_one_after_the_other(
    sizes: list[int], allowed: tuple[int, ...], dtype: object, data: st.DataObject
) -> None:
    """Tensors are padded with their first element, rows with the first row of the last task."""
    widths = [data.draw(st.integers(1, 5)) for _ in sizes]
    tasks = [
        {"a": _values((size, width), dtype, 10 * i), "b": _values((size,), np.int64, i)}
        for i, (size, width) in enumerate(zip(sizes, widths, strict=True))
    ]
    batch = merged(tasks, allowed, pad_variable_length=True)

    blocks = [
        _padded_slowly(task["a"].tolist(), max(widths), task["a"].tolist()[0][0]) for task in tasks
    ]
    count = sum(sizes)
    target = min((size for size in allowed if size >= count), default=count)
    expected = [row for block in blocks for row in block] + [blocks[-1][0]] * (target - count)
    assert expected == batch["a"].tolist()
    assert batch["a"].dtype == np.dtype(dtype)  # type: ignore[call-overload]
    assert batch["b"].tolist()[:count] == [
        i + row for i, size in enumerate(sizes) for row in range(size)
    ]
    assert batch["b"].tolist()[count:] == [len(sizes) - 1] * (target - count)


@given(SIZES, ALLOWED, DTYPES)
def test_every_request_gets_its_own_rows_back(
    sizes: list[int], allowed: tuple[int, ...], dtype: object
) -> None:
    """An identity answers each request what it sent; padding rows reach nobody."""
    tasks = [{"x": _values((size, 2), dtype, 100 * i)} for i, size in enumerate(sizes)]
    answers = split(merged(tasks, allowed, pad_variable_length=False), sizes, allowed)

    assert [task["x"].tolist() for task in tasks] == [answer["x"].tolist() for answer in answers]


@given(st.integers(1, 60), st.integers(0, 9), st.integers(1, 9))
def test_a_request_that_is_too_large_is_cut(size: int, room: int, limit: int) -> None:
    """The open batch is filled first; pieces are in order, and none is larger than a batch."""
    room = min(room, size - 1, limit)
    pieces = piece_sizes(size, room, limit)
    task = {"x": np.arange(size)}

    assert size == sum(pieces)
    assert all(0 < piece <= limit for piece in pieces)
    assert pieces[0] == (room or min(limit, size))
    assert list(range(size)) == list(
        itertools.chain.from_iterable(piece["x"].tolist() for piece in cut_task(task, pieces))
    )


@pytest.mark.parametrize(
    ("size", "allowed", "rounded"),
    [(3, (), 3), (3, (1, 2, 4), 4), (4, (1, 2, 4), 4), (5, (1, 2, 4), 5)],
)
def test_sizes_are_rounded_up_to_an_allowed_one(
    size: int, allowed: tuple[int, ...], rounded: int
) -> None:
    """What is larger than all stays as it is."""
    assert rounded == rounded_size(size, allowed)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ({}, "Batching Run() must have at least one input tensor"),
        ({"x": np.float32(1).reshape(())},
         "Batching Run() input tensors must have at least one dimension"),
        ({"x": np.zeros(2), "y": np.zeros(3)},
         "Batching Run() input tensors must have equal 0th-dimension size"),
    ],
    ids=["none", "scalar", "sizes"],
)  # fmt: skip
def test_a_request_that_cannot_be_batched_is_refused(task: dict[str, Array], text: str) -> None:
    """The text is TF Serving's."""
    with pytest.raises(ServingError) as raised:
        task_size(task)

    assert (Code.INVALID_ARGUMENT, text) == (raised.value.code, raised.value.message)


@pytest.mark.parametrize(
    ("tensors", "pad", "code", "text"),
    [
        ([np.zeros((1, 2)), np.zeros((1, 3))], False, Code.FAILED_PRECONDITION,
         "Tensors with name 'x' from different tasks have different shapes and padding is turned "
         "off.Set pad_variable_length_inputs to true, or ensure that all tensors with the same "
         "namehave equal dimensions starting with the first dim."),
        ([np.zeros((1, 0)), np.zeros((1, 3))], True, Code.INVALID_ARGUMENT,
         "Got empty tensor in batch of non-empty tensors."),
        ([np.zeros((1,) * 7)], True, Code.INVALID_ARGUMENT,
         "Only tensors with rank from 1 to 6 can be padded."),
        ([np.zeros((1, 2), np.float32), np.zeros((1, 2))], False, Code.INTERNAL,
         "Tensor concat operation failed: INVALID_ARGUMENT: Cannot concatenate tensors that have "
         "different data types. Got float and double."),
    ],
    ids=["shapes", "empty", "rank", "types"],
)  # fmt: skip
def test_a_batch_that_cannot_be_merged_is_refused(
    tensors: list[Array], pad: bool, code: Code, text: str
) -> None:
    """Every request of it gets TF Serving's text."""
    with pytest.raises(ServingError) as raised:
        merged([{"x": tensor} for tensor in tensors], (), pad_variable_length=pad)

    assert (code, text) == (raised.value.code, raised.value.message)


def test_rows_that_are_not_there_cannot_be_repeated() -> None:
    """A request without rows would end TF Serving where it has to be padded."""
    empty = [{"x": np.zeros((0, 2))}]

    assert merged(empty, (), pad_variable_length=False)["x"].shape == (0, 2)
    with pytest.raises(ServingError, match="aborts"):
        merged(empty, (4,), pad_variable_length=False)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (np.zeros(()), "Batched output tensor has 0 dimensions"),
        (np.zeros(3), "Batched output tensor's 0th dimension does not equal the sum of the 0th "
                      "dimension sizes of the input tensors"),
    ],
    ids=["scalar", "size"],
)  # fmt: skip
def test_an_output_without_the_batchs_rows_is_refused(output: Array, text: str) -> None:
    """Batching asks for a row for each row; padding rows count."""
    with pytest.raises(ServingError) as raised:
        split({"y": output}, [1, 2], (4,))

    assert (Code.FAILED_PRECONDITION, text) == (raised.value.code, raised.value.message)


def test_parameters_are_read_from_text() -> None:
    """What is not said has TF Serving's default."""
    options = parse_batching_parameters(
        "max_batch_size { value: 8 } batch_timeout_micros { value: 2000 } "
        "max_enqueued_batches { value: 3 } num_batch_threads { value: 5 } "
        'thread_pool_name { value: "pool" } allowed_batch_sizes: 2 allowed_batch_sizes: 8 '
        "pad_variable_length_inputs: true"
    )

    assert BatchingOptions(8, 0.002, 3, 5, (2, 8), True) == options
    assert BatchingOptions() == parse_batching_parameters("")
    assert (BatchingOptions().max_batch_size, BatchingOptions().max_enqueued_batches) == (1000, 10)


def test_large_requests_are_cut_where_the_parameters_say_so() -> None:
    """Without a size of its own a piece is as large as a batch."""
    splitting = "enable_large_batch_splitting { value: true } max_batch_size { value: 8 }"

    assert parse_batching_parameters(splitting).batch_limit == 8
    limited = parse_batching_parameters(splitting + " max_execution_batch_size { value: 4 }")
    assert (limited.max_batch_size, limited.batch_limit) == (8, 4)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nonsense: 1", "Error parsing text-format tensorflow.serving.BatchingParameters"),
        ("max_batch_size { value: 0 }", "max_batch_size to be positive; was 0"),
        ("num_batch_threads { value: 0 }", "num_batch_threads to be positive; was 0"),
        ("batch_timeout_micros { value: -1 }", "non-negative; was -1"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 4",
         "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; "
         "expected 8"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 8 allowed_batch_sizes: 8",
         "monotonically increasing"),
    ],
    ids=["nonsense", "size", "threads", "timeout", "last size", "order"],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_bad_input(text: str, complaint: str) -> None:
    """The message says what was found."""
    with pytest.raises(BadInputError, match=complaint):
        parse_batching_parameters(text)
