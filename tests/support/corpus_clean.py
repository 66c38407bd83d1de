"""Clean models: what they take, compute and answer is unusual, and nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from corpus_folder import COUNT, Toy, builds, normals, record, save
from corpus_keras import classifier, image_classifier
from corpus_numbers import features_of, pixels
from corpus_starts import save_session

Tensors = Mapping[str, tf.Tensor]
_VECTORS = tf.TensorSpec([None, 4], tf.float32)
_TEXTS = tf.TensorSpec([None], tf.string)
_WORDS = ("rot", "grün", "blue", "青")


@builds
def exported_rightly(folder: Path, toy: Toy) -> None:
    toy.copy(folder)


@builds
def keras_2_with_dropout(folder: Path, toy: Toy) -> None:
    import tf_keras

    model, x = classifier(tf_keras), normals(COUNT, 4)
    save(folder, model, lambda x: {"logits": model(x, training=False)}, x=_VECTORS)
    record(folder, {"x": x}, {"logits": model(x, training=False)})


@builds
def keras_2_with_batch_norm(folder: Path, toy: Toy) -> None:
    import tf_keras

    model, x = image_classifier(tf_keras), normals(COUNT, 6, 6, 3)
    spec = tf.TensorSpec([None, 6, 6, 3], tf.float32)
    save(folder, model, lambda x: {"logits": model(x, training=False)}, x=spec)
    record(folder, {"x": x}, {"logits": model(x, training=False)})


@builds
def keras_3_exported(folder: Path, toy: Toy) -> None:
    import keras

    model, x = classifier(keras), normals(COUNT, 4)
    archive = keras.export.ExportArchive()
    archive.track(model)
    spec = tf.TensorSpec([None, 4], tf.float32, "x")
    archive.add_endpoint("serving_default", lambda x: model(x, training=False), [spec])
    archive.write_out(str(folder / "model"), verbose=False)
    record(folder, {"x": x}, {"output_0": model(x, training=False)})


@builds
def keras_3_with_batch_norm(folder: Path, toy: Toy) -> None:
    import keras

    model, x = image_classifier(keras), normals(COUNT, 6, 6, 3)
    module = tf.Module()
    module.values = [v._value for v in model.variables]
    spec = tf.TensorSpec([None, 6, 6, 3], tf.float32)
    save(folder, module, lambda x: {"logits": model(x, training=False)}, x=spec)
    record(folder, {"x": x}, {"logits": model(x, training=False)})


@builds
def text_in_and_out(folder: Path, toy: Toy) -> None:
    texts = [f"{_WORDS[row % 4]} {row}" for row in range(COUNT)]
    save(
        folder,
        tf.Module(),
        lambda text: {"upper": tf.strings.upper(text, "utf-8"), "md5_bytes": _bits(text)},
        text=_TEXTS,
    )
    raw = np.array([text.encode() for text in texts], object)
    upper = np.array([text.upper().encode() for text in texts], object)
    record(folder, {"text": raw}, {"upper": upper, "md5_bytes": _bits(raw).numpy()})


def _bits(text: object) -> tf.Tensor:
    """Return bytes that are no UTF-8."""
    return tf.strings.join([tf.constant(b"\xff\x00"), text])


@builds
def texts_of_any_length(folder: Path, toy: Toy) -> None:
    """Words are split, looked up and padded inside; padding adds nothing."""
    module = tf.Module()
    module.table = tf.Variable(normals(64, 4, seed=1), name="table")

    def embed(text: object) -> tf.Tensor:
        words = tf.strings.split(text).to_tensor(default_value="")
        ids = tf.strings.to_hash_bucket_fast(words, 64)
        is_word = tf.cast(words != "", tf.float32)[..., tf.newaxis]
        return tf.reduce_sum(tf.gather(module.table, ids) * is_word, 1)

    texts = [" ".join(_WORDS[: 1 + row % 4]) + f" {row}" for row in range(COUNT)]
    raw = np.array([text.encode() for text in texts], object)
    save(folder, module, lambda text: {"y": embed(text)}, text=_TEXTS)
    record(folder, {"text": raw}, {"y": embed(raw)})


@builds
def vocabulary_and_embedding(folder: Path, toy: Toy) -> None:
    """A vocabulary file as an asset, with buckets for words that it does not hold."""
    (folder / "words.txt").write_text("\n".join(_WORDS), encoding="utf-8")
    module = tf.Module()
    made = tf.lookup.TextFileInitializer(
        str(folder / "words.txt"),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    module.ids = tf.lookup.StaticVocabularyTable(made, num_oov_buckets=3)
    module.table = tf.Variable(normals(7, 4, seed=1), name="table")

    def embed(word: object) -> tf.Tensor:
        return tf.gather(module.table, module.ids.lookup(tf.convert_to_tensor(word)))

    words = np.array([(*_WORDS, f"word {n}")[n % 5].encode() for n in range(COUNT)], object)
    save(folder, module, lambda word: {"y": embed(word)}, word=_TEXTS)
    record(folder, {"word": words}, {"y": embed(words)})


@builds
def integers_beyond_doubles(folder: Path, toy: Toy) -> None:
    """64-bit numbers that a double, and so many a JSON client, cannot hold."""
    ids = 2**53 + np.arange(COUNT, dtype=np.int64) * 2**40 + np.arange(COUNT)
    save(
        folder,
        tf.Module(),
        lambda id: {"next": id + 1, "shard": tf.cast(id % 7, tf.int8)},  # noqa: A006 - an alias
        id=tf.TensorSpec([None], tf.int64),
    )
    record(folder, {"id": ids}, {"next": ids + 1, "shard": (ids % 7).astype(np.int8)})


@builds
def outputs_of_many_types(folder: Path, toy: Toy) -> None:
    def serve(x: tf.Tensor) -> Tensors:
        total = tf.reduce_sum(x, 1)
        return {
            "scores": tf.nn.softmax(x),
            "best": tf.argmax(x, 1),
            "is_positive": total > 0,
            "wide": tf.cast(x, tf.float64) * 3,
            "name": tf.gather(tf.constant(_WORDS), tf.argmax(x, 1)),
        }

    x = normals(COUNT, 4)
    save(folder, tf.Module(), serve, x=_VECTORS)
    record(folder, {"x": x}, serve(tf.constant(x)))


@builds
def images_decoded_inside(folder: Path, toy: Toy) -> None:
    def serve(data: object) -> tf.Tensor:
        decoded = tf.map_fn(
            lambda one: tf.io.decode_png(one, channels=3), data, fn_output_signature=tf.uint8
        )
        return features_of(tf.cast(tf.ensure_shape(decoded, [None, 8, 8, 3]), tf.float32) / 255)

    images = pixels()
    data = np.array([tf.io.encode_png(image.astype(np.uint8)).numpy() for image in images], object)
    save(folder, tf.Module(), lambda image_bytes: {"y": serve(image_bytes)}, image_bytes=_TEXTS)
    record(folder, {"image_bytes": data}, {"y": features_of(images / np.float32(255))})


@builds
def float16_on_both_sides(folder: Path, toy: Toy) -> None:
    x, kernel = normals(COUNT, 4).astype(np.float16), normals(4, 3, seed=1).astype(np.float16)
    spec = tf.TensorSpec([None, 4], tf.float16)
    save(folder, tf.Module(), lambda x: {"y": tf.matmul(x, kernel)}, x=spec)
    record(folder, {"x": x}, {"y": x @ kernel})


@builds
def drawn_from_the_input(folder: Path, toy: Toy) -> None:
    """Random numbers whose seed is the example's own: the same at every request."""
    ids = np.arange(COUNT, dtype=np.int64)

    def draw(ids: object) -> tf.Tensor:
        return tf.map_fn(
            lambda one: tf.random.stateless_uniform([2], tf.stack([one, 7])),
            ids,
            fn_output_signature=tf.float32,
        )

    spec = tf.TensorSpec([None], tf.int64)
    save(folder, tf.Module(), lambda ids: {"y": draw(ids)}, ids=spec)
    record(folder, {"ids": ids}, {"y": draw(tf.constant(ids))})


@builds
def tensorflow_1_graph(folder: Path, toy: Toy) -> None:
    """A graph of TensorFlow 1's API, with the op that fills its table."""

    def lookup() -> tuple[Tensors, Tensors]:
        word = tf.compat.v1.placeholder(tf.string, [None], "word")
        values = tf.lookup.KeyValueTensorInitializer(list(_WORDS), np.arange(4))
        return {"word": word}, {"id": tf.lookup.StaticHashTable(values, -1).lookup(word)}

    save_session(folder, lookup, tf.compat.v1.tables_initializer)
    ids = np.arange(COUNT) % 5
    words = np.array([(*_WORDS, "none")[number].encode() for number in ids], object)
    record(folder, {"word": words}, {"id": np.where(ids < 4, ids, -1)})


@builds
def infinite_on_both_sides(folder: Path, toy: Toy) -> None:
    x = np.maximum(normals(COUNT, 2), 0)
    spec = tf.TensorSpec([None, 2], tf.float32)
    save(folder, tf.Module(), lambda x: {"y": tf.math.log(x)}, x=spec)
    with np.errstate(divide="ignore"):
        record(folder, {"x": x}, {"y": np.log(x)})


@builds
def tokens_of_any_length(folder: Path, toy: Toy) -> None:
    """Requests that no client can send in one batch."""
    table = normals(50, 4, seed=1)
    ids = [np.arange(1 + row % 6, dtype=np.int64) + row % 40 for row in range(COUNT)]
    spec = tf.TensorSpec([None, None], tf.int64)
    save(folder, tf.Module(), lambda ids: {"y": tf.reduce_mean(tf.gather(table, ids), 1)}, ids=spec)
    record(folder, {"ids": ids}, {"y": np.stack([table[row].mean(0) for row in ids])})


@builds
def wide_sums(folder: Path, toy: Toy) -> None:
    """Sums whose rounding depends on how many examples are asked at once."""
    x, kernel = normals(COUNT, 1024), normals(1024, 3, seed=1)
    spec = tf.TensorSpec([None, 1024], tf.float32)
    save(folder, tf.Module(), lambda x: {"y": tf.nn.softmax(x @ kernel / 32)}, x=spec)
    record(folder, {"x": x}, {"y": tf.nn.softmax(x @ kernel / 32)})
