"""BatchingParameters in text form, which the wheel tensorflow-serving-api does not carry.

Sources: TF Serving 2.16, servables/tensorflow/session_bundle_config.proto and
bundle_factory_util.cc; TensorFlow's core/kernels/batching_util/shared_batch_scheduler.h.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass

from google.protobuf import descriptor_pb2, wrappers_pb2

from tfx_parity.errors import BadInputError
from tfx_parity.serving_api.text_protos import parse_text

_MICROSECONDS = 1e-6
_Field = descriptor_pb2.FieldDescriptorProto
_WRAPPED = {
    "max_batch_size": "Int64Value",
    "batch_timeout_micros": "Int64Value",
    "max_enqueued_batches": "Int64Value",
    "num_batch_threads": "Int64Value",
    "thread_pool_name": "StringValue",
    "max_execution_batch_size": "Int64Value",
    "enable_large_batch_splitting": "BoolValue",
}


@dataclass(frozen=True)
class BatchingOptions:
    """How requests are batched; defaults are TF Serving's.

    Attributes:
        max_batch_size: The most rows of one request, and of one batch unless requests are cut.
        batch_timeout_s: How long an open batch waits for more.
        max_enqueued_batches: Batches that wait, for each signature; more are refused.
        num_batch_threads: Batches that run at once.
        allowed_batch_sizes: Batches are padded to one of these; empty allows all.
        pad_variable_length_inputs: Whether tensors of different lengths are padded.
        max_execution_batch_size: The most rows of one batch, where requests are cut; else 0.
    """

    max_batch_size: int = 1000
    batch_timeout_s: float = 0.0
    max_enqueued_batches: int = 10
    num_batch_threads: int = len(os.sched_getaffinity(0))
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    max_execution_batch_size: int = 0

    def __post_init__(self) -> None:
        _check_positive("max_batch_size", self.max_batch_size)
        _check_positive("num_batch_threads", self.num_batch_threads)
        if self.batch_timeout_s < 0:
            raise BadInputError(
                "Expected batch_timeout_micros to be non-negative; was "
                f"{round(self.batch_timeout_s / _MICROSECONDS)}."
            )
        if self.max_execution_batch_size > self.max_batch_size:
            raise BadInputError(
                "Expected max_batch_size to be at least max_execution_batch_size "
                f"({self.max_execution_batch_size}), found {self.max_batch_size}."
            )
        self._check_allowed_sizes()

    @property
    def batch_limit(self) -> int:
        """The most rows of one batch."""
        return self.max_execution_batch_size or self.max_batch_size

    def in_words(self) -> str:
        """Say in one line how requests are batched."""
        padded = "any size"
        if self.allowed_batch_sizes:
            padded = f"padded to {', '.join(map(str, self.allowed_batch_sizes))} rows"
        variable = ", tensors of different lengths padded" * self.pad_variable_length_inputs
        return (
            f"batches of at most {self.batch_limit} rows, {padded}{variable}; "
            f"waits {self.batch_timeout_s * 1e3:g} ms for more, {self.num_batch_threads} threads"
        )

    def _check_allowed_sizes(self) -> None:
        sizes = self.allowed_batch_sizes
        if sizes and sizes[-1] != self.batch_limit:
            limit = (
                "max_execution_batch_size" if self.max_execution_batch_size else "max_batch_size"
            )
            raise BadInputError(
                f"Last entry in allowed_batch_sizes must match {limit}; last entry was "
                f"{sizes[-1]}; expected {self.batch_limit}"
            )
        if any(left >= right for left, right in itertools.pairwise(sizes)):
            raise BadInputError("allowed_batch_sizes entries must be monotonically increasing")


def _check_positive(name: str, value: int) -> None:
    if value <= 0:
        raise BadInputError(f"Expected {name} to be positive; was {value}.")


def parse_batching_parameters(text: str) -> BatchingOptions:
    """Read BatchingParameters in text form.

    Raises:
        BadInputError: If they cannot be read, or make no sense.
    """
    message = parse_text(text, _declaration(), "tensorflow.serving.BatchingParameters")
    given = {field.name: value for field, value in message.ListFields()}
    wrapped = {name: given[name].value for name in _WRAPPED if name in given}
    defaults = BatchingOptions()
    max_batch_size = wrapped.get("max_batch_size", defaults.max_batch_size)
    is_cut = wrapped.get("enable_large_batch_splitting", False)
    return BatchingOptions(
        max_batch_size=max_batch_size,
        batch_timeout_s=wrapped.get("batch_timeout_micros", 0) * _MICROSECONDS,
        # shared_batch_scheduler.h: 0 reads as 1, for models that have always said so.
        max_enqueued_batches=wrapped.get("max_enqueued_batches", defaults.max_enqueued_batches)
        or 1,
        num_batch_threads=wrapped.get("num_batch_threads", defaults.num_batch_threads),
        allowed_batch_sizes=tuple(given.get("allowed_batch_sizes", ())),
        pad_variable_length_inputs=given.get("pad_variable_length_inputs", False),
        max_execution_batch_size=(
            wrapped.get("max_execution_batch_size", max_batch_size) if is_cut else 0
        ),
    )


def _declaration() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="batching_parameters.proto", package="tensorflow.serving", syntax="proto3"
    )
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    message = file.message_type.add(name="BatchingParameters")
    for number, (name, wrapper) in enumerate(_WRAPPED.items(), start=1):
        message.field.add(
            name=name,
            number=number,
            label=_Field.LABEL_OPTIONAL,
            type=_Field.TYPE_MESSAGE,
            type_name=f".google.protobuf.{wrapper}",
        )
    message.field.add(
        name="allowed_batch_sizes",
        number=len(_WRAPPED) + 1,
        label=_Field.LABEL_REPEATED,
        type=_Field.TYPE_INT64,
    )
    message.field.add(
        name="pad_variable_length_inputs",
        number=len(_WRAPPED) + 2,
        label=_Field.LABEL_OPTIONAL,
        type=_Field.TYPE_BOOL,
    )
    return file
