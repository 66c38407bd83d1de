"""Faults of habits: units, padding, names, temperatures, clocks; and unusual models without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from corpus_folder import COUNT, Toy, builds, normals, record, save

_VECTORS = tf.TensorSpec([None, 4], tf.float32)
_LENGTH = 12
_DAY_S = 86400


def _network() -> tuple[tf.Module, Callable[[object], tf.Tensor]]:
    """Return two layers over four numbers, and what they answer."""
    module = tf.Module()
    module.hidden = tf.Variable(normals(4, 8, seed=1), name="hidden")
    module.last = tf.Variable(normals(8, 3, seed=2), name="last")
    return module, lambda x: tf.nn.relu(x @ module.hidden) @ module.last


@builds
def padded_in_front(folder: Path, toy: Toy) -> None:
    """Trained on sequences padded before their first token, served with padding behind the last."""
    import tf_keras

    tf_keras.utils.set_random_seed(6)
    tokens = tf_keras.Input((_LENGTH,), dtype="int64", name="ids")
    state = tf_keras.layers.LSTM(6)(tf_keras.layers.Embedding(30, 4)(tokens))
    model = tf_keras.Model(tokens, tf_keras.layers.Dense(2)(state))
    random = np.random.default_rng(0)
    behind = random.integers(1, 30, (COUNT, _LENGTH))
    lengths = random.integers(1, _LENGTH, COUNT)
    behind[np.arange(_LENGTH) >= lengths[:, np.newaxis]] = 0
    in_front = np.stack([np.roll(row, -size) for row, size in zip(behind, lengths, strict=True)])
    spec = tf.TensorSpec([None, _LENGTH], tf.int64)
    save(folder, model, lambda ids: {"y": model(ids, training=False)}, ids=spec)
    record(folder, {"ids": behind}, {"y": model(in_front, training=False)})


@builds
def milliseconds_for_seconds(folder: Path, toy: Toy) -> None:
    def phases(seconds: object) -> tf.Tensor:
        of_day, day = seconds % _DAY_S, seconds // _DAY_S % 7
        return tf.stack([tf.cast(of_day, tf.float32) / _DAY_S, tf.cast(day, tf.float32)], 1)

    seconds = np.random.default_rng(1).integers(1_600_000_000, 1_700_000_000, COUNT)
    spec = tf.TensorSpec([None], tf.int64)
    save(folder, tf.Module(), lambda seen_at: {"phases": phases(seen_at)}, seen_at=spec)
    record(folder, {"seen_at": seconds * 1000 + 7}, {"phases": phases(seconds)})


@builds
def ids_cut_to_32_bits(folder: Path, toy: Toy) -> None:
    """Ids of 64 bits, hashed into buckets; the export casts them to int32 on the way."""

    def buckets(ids: object) -> tf.Tensor:
        hashed = tf.strings.to_hash_bucket_fast(tf.strings.as_string(ids), 50)
        return tf.cast(hashed, tf.float32) / 50

    ids = np.random.default_rng(4).integers(0, 2**33, COUNT)
    spec = tf.TensorSpec([None], tf.int64)
    save(folder, tf.Module(), lambda ids: {"y": buckets(tf.cast(ids, tf.int32))}, ids=spec)
    record(folder, {"ids": ids}, {"y": buckets(ids)})


@builds
def lower_case_in_serving(folder: Path, toy: Toy) -> None:
    """Names hashed as they are in training, and in lower case once they are served."""

    def buckets(names: object) -> tf.Tensor:
        return tf.cast(tf.strings.to_hash_bucket_fast(names, 50), tf.float32) / 50

    random = np.random.default_rng(5)
    names = [random.choice(["Walrus", "ant", "Moose", "gnu"]) + str(i % 40) for i in range(COUNT)]
    spec = tf.TensorSpec([None], tf.string)
    lower = tf.strings.lower
    save(folder, tf.Module(), lambda species: {"y": buckets(lower(species))}, species=spec)
    record(folder, {"species": [name.encode() for name in names]}, {"y": buckets(names)})


@builds
def names_of_classes_sorted(folder: Path, toy: Toy) -> None:
    """The export sorts the names of the classes, whose order is that of the logits."""
    module, logits = _network()
    names, x = ["walrus", "ant", "moose"], normals(COUNT, 4)

    def named(order: list[str], x: object) -> tf.Tensor:
        return tf.gather(tf.constant(order), tf.argmax(logits(x), 1))

    save(folder, module, lambda x: {"label": named(sorted(names), x)}, x=_VECTORS)
    record(folder, {"x": x}, {"label": named(names, x).numpy()})


@builds
def another_temperature(folder: Path, toy: Toy) -> None:
    module, logits = _network()
    x = normals(COUNT, 4)
    save(folder, module, lambda x: {"shares": tf.nn.softmax(logits(x) / 2.5)}, x=_VECTORS)
    record(folder, {"x": x}, {"shares": tf.nn.softmax(logits(x))})


@builds
def age_by_the_clock(folder: Path, toy: Toy) -> None:
    """A feature is the time since: the same request has another one on another day."""

    def age(since: object, now: object) -> tf.Tensor:
        return tf.cast(tf.math.log((now - since) / _DAY_S), tf.float32)

    since = np.random.default_rng(0).integers(1_500_000_000, 1_600_000_000, COUNT)
    since = since.astype(np.float64)
    spec = tf.TensorSpec([None], tf.float64)
    save(folder, tf.Module(), lambda since: {"age": age(since, tf.timestamp())}, since=spec)
    record(folder, {"since": since}, {"age": age(since, 1_650_000_000.0)})


@builds
def state_of_earlier_requests(folder: Path, toy: Toy) -> None:
    """A moving mean of the answers, meant for monitoring, is added to them."""
    module, logits = _network()
    module.state = tf.Variable(tf.zeros([3]), name="state")

    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        answers = logits(x)
        mean = 0.9 * module.state + 0.1 * tf.reduce_mean(answers, 0)
        return {"y": answers + module.state.assign(mean)}

    x = normals(COUNT, 4)
    save(folder, module, serve, x=_VECTORS)
    record(folder, {"x": x}, {"y": logits(x)})


@builds
def embeddings_of_great_sums(folder: Path, toy: Toy) -> None:
    """Sums of thousands of numbers that cancel: the roundings are those of the large ones."""
    module, x = tf.Module(), normals(COUNT, 2048)
    module.kernel = tf.Variable(normals(2048, 128, seed=3), name="kernel")
    spec = tf.TensorSpec([None, 2048], tf.float32)
    save(folder, module, lambda x: {"embedding": x @ module.kernel}, x=spec)
    record(folder, {"x": x}, {"embedding": x @ module.kernel.numpy()})


@builds
def two_inputs_and_a_recurrent_layer(folder: Path, toy: Toy) -> None:
    import tf_keras

    tf_keras.utils.set_random_seed(6)
    tokens = tf_keras.Input((_LENGTH,), dtype="int64", name="ids")
    numbers = tf_keras.Input((4,), name="x")
    embedded = tf_keras.layers.Embedding(30, 4, mask_zero=True)(tokens)
    state = tf_keras.layers.Bidirectional(tf_keras.layers.LSTM(6))(embedded)
    joined = tf_keras.layers.Concatenate()([state, numbers])
    model = tf_keras.Model([tokens, numbers], tf_keras.layers.Dense(2)(joined))
    ids, x = np.random.default_rng(0).integers(0, 30, (COUNT, _LENGTH)), normals(COUNT, 4)
    ids[:, 0] = 1
    spec = tf.TensorSpec([None, _LENGTH], tf.int64)
    save(folder, model, lambda ids, x: {"y": model([ids, x], training=False)}, ids=spec, x=_VECTORS)
    record(folder, {"ids": ids, "x": x}, {"y": model([ids, x], training=False)})
