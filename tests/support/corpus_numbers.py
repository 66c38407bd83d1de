"""Faults of numbers and images: infinities, fewer bits, other scales, other channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from corpus_folder import COUNT, Toy, builds, normals, record, save
from corpus_serving import with_weights

from tfx_parity.training import ServingModule

_LEVELS = 127
_PIXELS = tf.TensorSpec([None, 8, 8, 3], tf.float32)


@builds
def log_of_zero(folder: Path, toy: Toy) -> None:
    """The trainer's loss guards the logarithm, the served model does not."""
    x = np.maximum(normals(COUNT, 2), 0)
    save(
        folder,
        tf.Module(),
        lambda x: {"y": tf.math.log(x)},
        x=tf.TensorSpec([None, 2], tf.float32),
    )
    record(folder, {"x": x}, {"y": np.log(np.maximum(x, np.float32(1e-7)))})


def _through_int8(weights: np.ndarray) -> np.ndarray:
    scale = np.abs(weights).max() / _LEVELS
    return np.round(weights / scale) * scale


@builds
def int8_weights(folder: Path, toy: Toy) -> None:
    with_weights(folder, toy, _through_int8)


class _Float16Inside(ServingModule):
    def answer(self, transformed: Mapping[str, object]) -> dict[str, tf.Tensor]:
        rough = tf.cast(transformed["vector_01"], tf.float16)
        return super().answer({**transformed, "vector_01": tf.cast(rough, tf.float32)})


@builds
def float16_inside(folder: Path, toy: Toy) -> None:
    toy.serve_otherwise(folder, _Float16Inside)


def pixels(seed: int = 0) -> np.ndarray:
    """Return small images, of 0 to 255, whose channels differ."""
    made = np.random.default_rng(seed).integers(0, 256, (COUNT, 8, 8, 3))
    return (made // np.array([1, 2, 4])).astype(np.float32)


def features_of(images: object) -> tf.Tensor:
    """Return what a classifier of images makes of them: a convolution, then logits."""
    maps = tf.nn.relu(tf.nn.conv2d(images, normals(3, 3, 3, 4, seed=1), 2, "SAME"))
    return tf.matmul(tf.reduce_mean(maps, [1, 2]), normals(4, 3, seed=2))


def _images(
    folder: Path,
    trained: Callable[[np.ndarray], object],
    served: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
) -> None:
    images = pixels()
    save(folder, tf.Module(), lambda image: {"y": features_of(served(image))}, image=_PIXELS)
    record(folder, {"image": images}, {"y": features_of(trained(images))})


@builds
def channels_in_another_order(folder: Path, toy: Toy) -> None:
    """Trained on what OpenCV reads (BGR), served with RGB."""
    _images(folder, lambda images: images[..., ::-1])


@builds
def pixels_of_another_scale(folder: Path, toy: Toy) -> None:
    """Trained on 0 to 1, served with 0 to 255."""
    _images(folder, lambda images: images / np.float32(255))


@builds
def resized_otherwise(folder: Path, toy: Toy) -> None:
    """Trained on images resized by another method than the serving function's."""

    def through(method: str) -> Callable[[object], tf.Tensor]:
        return lambda images: tf.image.resize(images, [6, 6], method)

    _images(folder, through("bilinear"), through("nearest"))


@builds
def scaled_only_in_training(folder: Path, toy: Toy) -> None:
    """Trained on z-scores made in Python; nothing but requests and predictions was recorded."""
    x = normals(COUNT, 3) * np.float32([12, 0.5, 300]) + np.float32([40, -3, 1200])
    mean, deviation = np.float32([41, -3.1, 1180]), np.float32([11.5, 0.52, 310])

    def network(x: object) -> tf.Tensor:
        hidden = tf.nn.relu(tf.matmul(x, normals(3, 8, seed=1)))
        return tf.matmul(hidden, normals(8, 2, seed=2))

    spec = tf.TensorSpec([None, 3], tf.float32)
    save(folder, tf.Module(), lambda x: {"y": network(x)}, x=spec)
    record(folder, {"x": x}, {"y": network((x - mean) / deviation)})


def _rounded(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Serve a network whose weights were rounded; its trainer recorded predictions alone."""
    trained = normals(4, 8, seed=1), normals(8, 3, seed=2)
    module, x = tf.Module(), normals(COUNT, 4)
    module.weights = [tf.Variable(change(w).astype(np.float32), name="kernel") for w in trained]

    def network(x: object, first: object, last: object) -> tf.Tensor:
        return tf.matmul(tf.nn.relu(tf.matmul(x, first)), last)

    spec = tf.TensorSpec([None, 4], tf.float32)
    save(folder, module, lambda x: {"y": network(x, *module.weights)}, x=spec)
    record(folder, {"x": x}, {"y": network(x, *trained)})


@builds
def float16_weights_alone(folder: Path, toy: Toy) -> None:
    _rounded(folder, lambda weights: weights.astype(np.float16))


@builds
def int8_weights_alone(folder: Path, toy: Toy) -> None:
    _rounded(folder, _through_int8)


@builds
def images_of_another_size(folder: Path, toy: Toy) -> None:
    save(folder, tf.Module(), lambda image: {"y": features_of(image)}, image=_PIXELS)
    images = np.repeat(np.repeat(pixels(), 2, axis=1), 2, axis=2)
    record(folder, {"image": images}, {"y": features_of(images)})
