"""Changes of a request by which a served model might answer as its trainer did."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.findings import CauseCode

_Change = Callable[[NDArray[Any]], NDArray[Any]]
_CHANNELS = 3
_IMAGE_RANK = 3
_MOST_INPUTS = 8
# Means and deviations of ImageNet's channels as trainers subtract them: keras.applications'
# `preprocess_input` in its modes "torch" and "caffe" (imagenet_utils.py).
_TORCH_MEAN, _TORCH_STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_CAFFE_MEAN = np.array([103.939, 116.779, 123.68])


@dataclass(frozen=True)
class InputChange:
    """A change of requests.

    Attributes:
        code: The cause, if the model answers these as its trainer answered the recorded ones.
        place: The input.
        words: What the trainer did to its input and the served model does not.
        apply: Changes requests, row by row.
    """

    code: CauseCode
    place: str
    words: str
    apply: Callable[[Rows], Rows]


def input_changes(inputs: Rows) -> Iterator[InputChange]:
    """Yield changes of each input, then inputs of one kind in each other's place.

    Args:
        inputs: The recorded requests, row by row.
    """
    for name, rows in sorted(inputs.items()):
        for code, words, change in _changes(rows):
            yield InputChange(code, f"input {name!r}", words, _on_input(name, change))
    yield from _swaps(inputs)


def input_losses(inputs: Rows) -> Iterator[InputChange]:
    """Yield changes that lose something of an input, and lose no more when they are made again.

    A model that makes one itself answers a changed request as it answers the request.

    Args:
        inputs: The recorded requests, row by row.
    """
    for name, rows in sorted(inputs.items()):
        for code, words, change in _losses(rows[0].dtype):
            yield InputChange(code, f"input {name!r}", words, _on_input(name, change))


def _losses(dtype: np.dtype[np.generic]) -> Iterator[tuple[CauseCode, str, _Change]]:
    if dtype.kind == "O":
        for words, text in _TEXTS.items():
            yield CauseCode.PREPROCESSING_SKEW, f"turned into {words}", _on_texts(text)
    for narrow in _NARROWER.get(dtype.name, ()):
        name = np.dtype(narrow).name
        words = f"cut to {name}" if np.dtype(narrow).kind == "i" else f"rounded to {name}"
        yield CauseCode.PRECISION_LOSS, words, _through(narrow)


def _on_input(name: str, change: _Change) -> Callable[[Rows], Rows]:
    def apply(inputs: Rows) -> Rows:
        with np.errstate(all="ignore"):
            rows = [np.asarray(change(row), dtype=row.dtype) for row in inputs[name]]
        return {**inputs, name: rows}

    return apply


def _changes(rows: list[NDArray[np.generic]]) -> Iterator[tuple[CauseCode, str, _Change]]:
    kind, rank = rows[0].dtype.kind, rows[0].ndim
    skew = CauseCode.PREPROCESSING_SKEW
    if kind == "O":
        for words, text in _TEXTS.items():
            yield skew, f"turned into {words}", _on_texts(text)
    if kind == "f":
        for narrow in _NARROWER["float32"]:
            words = f"rounded to {np.dtype(narrow).name}"
            yield CauseCode.PRECISION_LOSS, words, _through(narrow)
        for words, scale in _SCALES.items():
            yield skew, words, scale
    if kind in "iu" and rank <= 1:
        yield from ((skew, words, change) for words, change in _of_integers(rows))
    if kind in "fiu" and rank >= _IMAGE_RANK:
        yield from ((skew, words, change) for words, change in _of_images(rows, kind))


def _of_integers(rows: list[NDArray[Any]]) -> Iterator[tuple[str, _Change]]:
    """Yield changes of ids and of times: another first id, another unit, padding elsewhere."""
    yield from _SHIFTS.items()
    if all(row.size == 1 for row in rows):
        yield from _UNITS.items()
        return
    if any(_padding(row) for row in rows):
        yield "padded in front, not behind", lambda row: np.roll(row, _padding(row))
    if any(_padding(row[::-1]) for row in rows):
        yield "padded behind, not in front", lambda row: np.roll(row, -_padding(row[::-1]))
    yield "in reverse order", lambda row: row[::-1]


def _padding(row: NDArray[Any]) -> int:
    """Return how many zeros a row ends with."""
    values = np.flatnonzero(row)
    return row.size - 1 - int(values[-1]) if len(values) else 0


def _of_images(rows: list[NDArray[np.generic]], kind: str) -> Iterator[tuple[str, _Change]]:
    shapes = {row.shape for row in rows}
    for axis in (-1, -_IMAGE_RANK):
        if all(shape[axis] == _CHANNELS for shape in shapes):
            yield "of channels in reverse order (RGB and BGR)", _reversed(axis)
    if all(shape[-1] == _CHANNELS for shape in shapes) and kind == "f":
        yield from _NORMALISED.items()
    if all(len(shape) == _IMAGE_RANK for shape in shapes):
        yield "of rows and columns in each other's place", lambda row: np.swapaxes(row, 0, 1)


def _reversed(axis: int) -> _Change:
    return lambda row: np.flip(row, axis)


def _through(narrow: type) -> _Change:
    return lambda row: row.astype(narrow).astype(row.dtype)


def _wide(row: NDArray[Any]) -> NDArray[np.int64]:
    """Return integers of a dtype that holds a thousand and a million, which NumPy 2 insists on."""
    return row.astype(np.int64)


def _on_texts(change: Callable[[str], str]) -> _Change:
    def changed(row: NDArray[Any]) -> NDArray[Any]:
        made = np.empty(row.shape, object)
        for index, value in np.ndenumerate(row):
            text = bytes(value).decode("utf-8", "surrogateescape")
            made[index] = change(text).encode("utf-8", "surrogateescape")
        return made

    return changed


_NARROWER: Mapping[str, tuple[type, ...]] = {
    "float32": (np.float16, ml_dtypes.bfloat16),
    "float64": (np.float32, np.float16, ml_dtypes.bfloat16),
    "int64": (np.int32, np.float32),
    "int32": (np.int16, np.float32),
}
_TEXTS: Mapping[str, Callable[[str], str]] = {
    "lower case": str.lower,
    "upper case": str.upper,
    "text without spaces around it": str.strip,
    "lower case without spaces around it": lambda text: text.strip().lower(),
    "Unicode's composed form (NFC)": lambda text: unicodedata.normalize("NFC", text),
    "Unicode's decomposed form (NFD)": lambda text: unicodedata.normalize("NFD", text),
    "Unicode's compatible form (NFKC)": lambda text: unicodedata.normalize("NFKC", text),
}
_SHIFTS: Mapping[str, _Change] = {
    "greater by one": lambda row: row + 1,
    "smaller by one": lambda row: row - 1,
}
_UNITS: Mapping[str, _Change] = {
    "divided by 1000 (milliseconds and seconds)": lambda row: _wide(row) // 1000,
    "multiplied by 1000 (seconds and milliseconds)": lambda row: _wide(row) * 1000,
    "divided by 1,000,000 (microseconds and seconds)": lambda row: _wide(row) // 1_000_000,
    "multiplied by 1,000,000 (seconds and microseconds)": lambda row: _wide(row) * 1_000_000,
}
_SCALES: Mapping[str, _Change] = {
    "divided by 255": lambda row: row / 255,
    "multiplied by 255": lambda row: row * 255,
    "scaled from 0..255 to -1..1": lambda row: row / 127.5 - 1,
    "scaled from -1..1 to 0..255": lambda row: (row + 1) * 127.5,
    "scaled from 0..1 to -1..1": lambda row: row * 2 - 1,
    "scaled from -1..1 to 0..1": lambda row: (row + 1) / 2,
    "scaled to -1..1, not to 0..1": lambda row: row * 2 - 255,
    "scaled to 0..1, not to -1..1": lambda row: (row + 255) / 2,
    "divided by 100": lambda row: row / 100,
    "multiplied by 100": lambda row: row * 100,
    "divided by 1000": lambda row: row / 1000,
    "multiplied by 1000": lambda row: row * 1000,
    "turned into log(1 + x)": lambda row: np.log1p(np.maximum(row, 0)),
}
_NORMALISED: Mapping[str, _Change] = {
    "normalised as PyTorch does (ImageNet's means and deviations)": lambda row: (
        (row / 255 - _TORCH_MEAN) / _TORCH_STD
    ),
    "normalised as Caffe does (BGR, ImageNet's means subtracted)": lambda row: (
        np.flip(row, -1) - _CAFFE_MEAN
    ),
    "divided by 255, of channels in reverse order": lambda row: np.flip(row, -1) / 255,
}


def _swaps(inputs: Rows) -> Iterator[InputChange]:
    """Yield pairs of inputs of one dtype and shape in each other's place."""
    for one, other in combinations(sorted(inputs)[:_MOST_INPUTS], 2):
        first, second = inputs[one], inputs[other]
        if any(
            a.dtype != b.dtype or a.shape != b.shape for a, b in zip(first, second, strict=True)
        ):
            continue
        place = f"inputs {one!r} and {other!r}"
        apply = partial(_swapped, one, other)
        yield InputChange(CauseCode.SIGNATURE_GLUE, place, "in each other's place", apply)


def _swapped(one: str, other: str, inputs: Rows) -> Rows:
    return {**inputs, one: inputs[other], other: inputs[one]}
