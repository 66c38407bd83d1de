"""What TF Serving's batching makes of concurrent requests: one tensor in, one slice out for each.

Sources: TF Serving 2.16, batching/batching_session.cc and batching_util.cc, and TensorFlow's
core/framework/tensor_util.cc (Concat). Requests are tasks: tensor name to value, with the rows of
the batch along the first dimension. Strings are object arrays of bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfx_parity.serving_api.dtypes import Array, data_type, type_name
from tfx_parity.serving_api.status import Code, ServingError, invalid_argument

Task = Mapping[str, Array]
_PADDABLE_RANKS = range(1, 7)


def task_size(task: Task) -> int:
    """Return how many rows a request has.

    Raises:
        ServingError: INVALID_ARGUMENT, if its tensors do not agree or have no rows at all.
    """
    if not task:
        raise invalid_argument("Batching Run() must have at least one input tensor")
    sizes = []
    for tensor in task.values():
        if tensor.ndim == 0:
            raise invalid_argument("Batching Run() input tensors must have at least one dimension")
        sizes.append(tensor.shape[0])
        if sizes[-1] != sizes[0]:
            raise invalid_argument(
                "Batching Run() input tensors must have equal 0th-dimension size"
            )
    return sizes[0]


def rounded_size(size: int, allowed: Sequence[int]) -> int:
    """Return the smallest allowed batch size that holds `size` rows; `size` itself if none does."""
    return next((candidate for candidate in allowed if candidate >= size), size)


def piece_sizes(size: int, room: int, limit: int) -> list[int]:
    """Return how a request that is too large for the open batch is cut (SplitInputTask).

    Args:
        size: Its rows.
        room: Rows that the open batch still takes.
        limit: Rows of any further batch.
    """
    rest = size - room
    pieces = [room] if room > 0 else []
    return pieces + [min(limit, rest - start) for start in range(0, rest, limit)]


def cut_task(task: Task, sizes: Sequence[int]) -> list[dict[str, Array]]:
    """Return a request's pieces of so many rows each."""
    ends = np.cumsum(sizes)
    return [
        {name: tensor[end - size : end] for name, tensor in task.items()}
        for size, end in zip(sizes, ends, strict=True)
    ]


def merged(
    tasks: Sequence[Task], allowed: Sequence[int], *, pad_variable_length: bool
) -> dict[str, Array]:
    """Return the tensors of a batch.

    Rows up to the next allowed size repeat the first row of the last task. With padding, shorter
    tensors are filled with their own FIRST element, whatever it means: what a request is answered
    then depends on the requests that it shares a batch with.

    Args:
        tasks: Requests for the same tensors, each with `task_size` rows; at least one.
        allowed: Allowed batch sizes, ascending; empty allows all.
        pad_variable_length: Whether tensors of different lengths are padded.

    Raises:
        ServingError: With TF Serving's code and text, which every request of the batch gets.
    """
    size = sum(map(task_size, tasks))
    extra = rounded_size(size, allowed) - size
    batch = {}
    for name in sorted(tasks[0]):
        tensors = [task[name] for task in tasks]
        if pad_variable_length:
            tensors = _padded(tensors)
        else:
            _check_shapes(name, tensors)
        if extra:
            tensors += [_first_row(tensors[-1])] * extra
        batch[name] = _concatenated(tensors)
    return batch


def _check_shapes(name: str, tensors: Sequence[Array]) -> None:
    if len({tensor.shape[1:] for tensor in tensors}) > 1:
        # The missing blanks are upstream's.
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"Tensors with name '{name}' from different tasks have different shapes and padding "
            "is turned off.Set pad_variable_length_inputs to true, or ensure that all tensors "
            "with the same namehave equal dimensions starting with the first dim.",
        )


def _padded(tensors: Sequence[Array]) -> list[Array]:
    for tensor in tensors:
        if tensor.ndim not in _PADDABLE_RANKS:
            raise invalid_argument("Only tensors with rank from 1 to 6 can be padded.")
    if len({tensor.ndim for tensor in tensors}) > 1:
        # Upstream writes beyond the end of an array here; nothing can be said of its answer.
        raise ServingError(
            Code.INTERNAL, "Tensors of different ranks in a batch with pad_variable_length_inputs."
        )
    target = tuple(np.max([tensor.shape[1:] for tensor in tensors], axis=0).astype(int).tolist())
    return [_padded_to(tensor, (tensor.shape[0], *target)) for tensor in tensors]


def _padded_to(tensor: Array, shape: tuple[int, ...]) -> Array:
    if tensor.size == np.prod(shape, dtype=np.int64):
        return tensor.reshape(shape)
    if tensor.size == 0:
        raise invalid_argument("Got empty tensor in batch of non-empty tensors.")
    padded = np.full(shape, tensor.flat[0], tensor.dtype)
    padded[tuple(map(slice, tensor.shape))] = tensor
    return padded


def _first_row(tensor: Array) -> Array:
    if tensor.shape[0] == 0:
        # tensor.cc, Tensor::Slice: upstream's check fails, which ends the whole server.
        raise ServingError(
            Code.INTERNAL,
            "A request without rows cannot be padded to an allowed batch size: TensorFlow Serving "
            "aborts here.",
        )
    return tensor[:1]


def _concatenated(tensors: Sequence[Array]) -> Array:
    first = tensors[0].dtype
    for tensor in tensors:
        if tensor.dtype != first:
            raise ServingError(
                Code.INTERNAL,
                "Tensor concat operation failed: INVALID_ARGUMENT: Cannot concatenate tensors that "
                f"have different data types. Got {_type(first)} and {_type(tensor.dtype)}.",
            )
    return np.concatenate(tensors)


def _type(dtype: np.dtype[np.generic]) -> str:
    return type_name(data_type(dtype))


def split(
    outputs: Mapping[str, Array], sizes: Sequence[int], allowed: Sequence[int]
) -> list[dict[str, Array]]:
    """Return each request's rows of a batch's outputs; padding rows are left out.

    Args:
        outputs: Tensor name to value, as the session answered the merged batch.
        sizes: The rows of each request.
        allowed: Allowed batch sizes, ascending.

    Raises:
        ServingError: FAILED_PRECONDITION, if an output does not have the batch's rows: such a
            model cannot be served with batching, not even to one client.
    """
    rows = rounded_size(sum(sizes), allowed)
    for name in sorted(outputs):
        if outputs[name].ndim == 0:
            raise ServingError(Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
        if outputs[name].shape[0] != rows:
            raise ServingError(
                Code.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th "
                "dimension sizes of the input tensors",
            )
    return cut_task(outputs, sizes)
