"""Faults of the serving function and its weights, behind the toy transform graph."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import ml_dtypes
import numpy as np
import tensorflow as tf
from corpus_folder import MODEL, RUN, SERVED, Toy, builds
from toy_models import PlainModule

from tfx_parity.training import ServingModule, save_for_serving

Features = dict[str, object]
_MEAN_COUNT = 45


def _filled(values: tf.SparseTensor, default: object) -> tf.SparseTensor:
    """Return a sparse column with a value in every row that has none."""
    return tf.sparse.fill_empty_rows(
        tf.SparseTensor(
            values.indices,
            values.values,
            tf.stack([values.dense_shape[0], tf.maximum(values.dense_shape[1], 1)]),
        ),
        tf.constant(default, values.dtype),
    )[0]


class _Unscaled(ServingModule):
    def transform(self, raw: Mapping[str, object]) -> Features:
        return super().transform(raw) | {"size_z": tf.reshape(raw["size"], [-1, 1])}


@builds
def scaling_forgotten(folder: Path, toy: Toy) -> None:
    toy.serve_otherwise(folder, _Unscaled)


class _ScaledTwice(ServingModule):
    def transform(self, raw: Mapping[str, object]) -> Features:
        made = super().transform(raw)
        again = super().transform({**raw, "vector": made["vector_01"]})
        return made | {"vector_01": again["vector_01"]}


@builds
def scaled_twice(folder: Path, toy: Toy) -> None:
    toy.serve_otherwise(folder, _ScaledTwice)


class _MeanForMissing(ServingModule):
    def transform(self, raw: Mapping[str, object]) -> Features:
        return super().transform({**raw, "count": _filled(raw["count"], _MEAN_COUNT)})


@builds
def mean_for_missing(folder: Path, toy: Toy) -> None:
    toy.serve_otherwise(folder, _MeanForMissing)


class _EmptyStringForAbsent(ServingModule):
    def transform(self, raw: Mapping[str, object]) -> Features:
        return super().transform({**raw, "tags": _filled(raw["tags"], "")})


@builds
def empty_string_for_absent(folder: Path, toy: Toy) -> None:
    toy.serve_otherwise(folder, _EmptyStringForAbsent)


class _OtherKey(ServingModule):
    def _serving_default(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.answer(self.transform(self._parsed(examples)))

    def _transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._components(self.transform(self._parsed(examples)))

    def _parsed(self, examples: tf.Tensor) -> Features:
        """Parse with a key that no client sends: the parser falls back to the default."""
        spec = self._graph.raw_feature_spec(labelled=False)
        spec["Colour"] = tf.io.FixedLenFeature([], tf.string, default_value="")
        del spec["colour"]
        parsed = tf.io.parse_example(examples, spec)
        colour = parsed.pop("Colour")
        return {**parsed, "colour": colour}


@builds
def key_of_another_spelling(folder: Path, toy: Toy) -> None:
    toy.serve_otherwise(folder, _OtherKey)


def with_weights(
    folder: Path, toy: Toy, change: Callable[[np.ndarray], np.ndarray], model: Path = Path(MODEL)
) -> None:
    """Export the model after its weights were changed; its trainer recorded it before.

    Args:
        folder: The case's folder.
        toy: What was trained.
        change: Returns other weights.
        model: Where in the folder to export it to.
    """
    shutil.copytree(toy.rightly / RUN, folder / RUN, dirs_exist_ok=True)
    module = PlainModule()
    for variable in module.variables:
        variable.assign(change(variable.numpy()).astype(variable.dtype.as_numpy_dtype))
    save_for_serving(toy.serving(module), toy.graph, str(folder / model))


@builds
def float16_weights(folder: Path, toy: Toy) -> None:
    with_weights(folder, toy, lambda value: value.astype(np.float16))


@builds
def bfloat16_weights(folder: Path, toy: Toy) -> None:
    with_weights(folder, toy, lambda value: value.astype(ml_dtypes.bfloat16))


@builds
def exported_before_the_last_step(folder: Path, toy: Toy) -> None:
    with_weights(folder, toy, lambda value: value * np.float32(0.99))


@builds
def lowered_by_the_server(folder: Path, toy: Toy) -> None:
    """The model is right; the server that runs computes with weights in bfloat16."""
    toy.copy(folder)
    with_weights(folder, toy, lambda value: value.astype(ml_dtypes.bfloat16), Path(SERVED))


@builds
def version_before_served(folder: Path, toy: Toy) -> None:
    """The model is right; the server that runs still has the version before it."""
    toy.copy(folder).rename(folder / "2")
    (folder / MODEL).mkdir()
    (folder / "2").rename(folder / MODEL / "2")
    with_weights(folder, toy, lambda value: value * np.float32(0.9), Path(SERVED, "1"))
