"""A `PredictionLog` record: a Predict request of one example, with its answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from tfx_parity.contract.examples import without_features
from tfx_parity.errors import BadInputError
from tfx_parity.protos import Example, TensorProto, prediction_log_pb2
from tfx_parity.serving_api.status import ServingError
from tfx_parity.serving_api.tensors import from_proto

Tensors: TypeAlias = "Mapping[str, NDArray[np.generic]]"

KEY_SIZE = 16
# An example without a feature: as nothing at all, and with an empty `features`.
_WITHOUT_FEATURES = frozenset({b"", b"\n\x00"})


@dataclass(frozen=True)
class Prediction:
    """One example's request and answer.

    Attributes:
        signature_name: The signature that was asked; empty where none was named.
        inputs: By input name, sorted, without a batch dimension.
        outputs: By output name likewise; empty where there was no answer.
    """

    signature_name: str
    inputs: Tensors
    outputs: Tensors


def read_prediction(record: bytes, where: str) -> Prediction:
    """Return the prediction in a serialized `PredictionLog`.

    Args:
        record: The record.
        where: Which record it is, for the errors' texts.

    Raises:
        BadInputError: If it is no Predict request, or not of one example.
    """
    try:
        log = prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise BadInputError(f"Expected a PredictionLog, found other bytes: {where}.") from error
    kind = log.WhichOneof("log_type")
    if kind != "predict_log":
        raise BadInputError(
            f"Expected a PredictionLog of a Predict request, found {kind or 'an empty one'}: "
            f"{where}. Record Predict requests."
        )
    predict = log.predict_log
    return Prediction(
        signature_name=predict.request.model_spec.signature_name,
        inputs=_tensors(predict.request.inputs, where),
        outputs=_tensors(predict.response.outputs, where),
    )


def _tensors(protos: Mapping[str, TensorProto], where: str) -> Tensors:
    return {name: _single_row(name, proto, where) for name, proto in sorted(protos.items())}


def _single_row(name: str, proto: TensorProto, where: str) -> NDArray[np.generic]:
    try:
        array = from_proto(proto)
    except ServingError as error:
        raise BadInputError(
            f"Expected a tensor in {name!r}, found one that cannot be read "
            f"({error.message}): {where}."
        ) from error
    if array.ndim == 0 or array.shape[0] != 1:
        raise BadInputError(
            f"Expected one example a record, found {name!r} of the shape {list(array.shape)}: "
            f"{where}. Record each example's request and answer with a batch dimension of 1."
        )
    row: NDArray[np.generic] = np.asarray(array[0], dtype=array.dtype)
    return row


def is_example(value: bytes) -> bool:
    """Whether bytes are a serialized `tf.Example`: a string input can as well hold a text."""
    try:
        return bool(Example.FromString(value).features.feature) or value in _WITHOUT_FEATURES
    except DecodeError:
        return False


def request_key(inputs: Tensors, label_features: Sequence[str] = ()) -> bytes:
    """Return what requests of the same inputs share, however they were serialized.

    Args:
        inputs: A request's inputs, without a batch dimension.
        label_features: Features of a `tf.Example` that one side may have sent and the other not.

    Returns:
        `KEY_SIZE` bytes.
    """
    digest = hashlib.blake2b(digest_size=KEY_SIZE)
    for name in sorted(inputs):
        value = inputs[name]
        for part in (name.encode(), value.dtype.name.encode(), str(value.shape).encode()):
            _add(digest, part)
        if value.dtype != object:
            _add(digest, np.ascontiguousarray(value).tobytes())
            continue
        for element in value.ravel().tolist():
            is_whole = value.ndim == 0 and is_example(element)
            _add(digest, without_features(element, label_features) if is_whole else element)
    return digest.digest()


def _add(digest: hashlib.blake2b, part: bytes) -> None:
    """Add a part with its length, so that no two sequences of parts read alike."""
    digest.update(len(part).to_bytes(8, "little"))
    digest.update(part)


def example_number(key: bytes, copy: int = 0) -> int:
    """Return the number by which a comparison names a request's example.

    Args:
        key: The request's key.
        copy: Which one it is of several requests of the same inputs, from 0.

    Returns:
        64 bits, unsigned.
    """
    digest = hashlib.blake2b(key + copy.to_bytes(8, "little"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")
