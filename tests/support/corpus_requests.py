"""Faults between a client and the model: names, types, shapes, ids, and what JSON carries."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from corpus_folder import COUNT, MODEL, OLD_REST, RUN, SERVED, Toy, builds, normals, record, save
from corpus_serving import Features
from toy_models import PlainModule

from tfx_parity.training import ServingModule

_VECTORS = tf.TensorSpec([None, 4], tf.float32)
_KERNEL = normals(4, 3, seed=1)
Tensors = Mapping[str, tf.Tensor]


class _ParsesTheLabel(ServingModule):
    def _serving_default(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, self._graph.raw_feature_spec(labelled=True))
        return self.answer(self.transform(parsed))


@builds
def label_parsed_in_serving(folder: Path, toy: Toy) -> None:
    """Saved without warm-up requests, which would have told it before any check."""
    shutil.copytree(toy.rightly / RUN, folder / RUN)
    module = toy.serving(PlainModule(), _ParsesTheLabel)
    tf.saved_model.save(module, str(folder / MODEL), signatures=module.signatures())


class _SwapsColumns(ServingModule):
    def _serving_default(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = self._graph.raw_feature_spec(labelled=False)
        made = self.transform(tf.io.parse_example(examples, spec))
        swapped: Features = {"size_z": made["count_z"], "count_z": made["size_z"]}
        return self.answer({**made, **swapped})


@builds
def columns_in_another_order(folder: Path, toy: Toy) -> None:
    toy.serve_otherwise(folder, _SwapsColumns)


class _Sharpened(ServingModule):
    def answer(self, transformed: Mapping[str, object]) -> dict[str, tf.Tensor]:
        answers = super().answer(transformed)
        return answers | {"probabilities": tf.nn.softmax(2 * tf.math.log(answers["probabilities"]))}


@builds
def post_processed_in_serving(folder: Path, toy: Toy) -> None:
    toy.serve_otherwise(folder, _Sharpened)


def _linear(folder: Path, output: str = "y", **kind: object) -> None:
    save(
        folder,
        tf.Module(),
        lambda x: {output: tf.matmul(x, _KERNEL)},
        x=_VECTORS,
        **kind,
    )


@builds
def renamed_signature(folder: Path, toy: Toy) -> None:
    x = normals(COUNT, 4)
    _linear(folder, name="predict")
    record(folder, {"x": x}, {"y": x @ _KERNEL})


@builds
def renamed_output(folder: Path, toy: Toy) -> None:
    x = normals(COUNT, 4)
    _linear(folder, output="output_0")
    record(folder, {"x": x}, {"logits": x @ _KERNEL})


@builds
def swapped_outputs(folder: Path, toy: Toy) -> None:
    """Two outputs whose names were given in the wrong order."""
    x = normals(COUNT, 4)
    made = x @ _KERNEL
    save(
        folder,
        tf.Module(),
        lambda x: {"mean": tf.exp(x @ _KERNEL), "deviation": tf.matmul(x, _KERNEL)},
        x=_VECTORS,
    )
    record(folder, {"x": x}, {"mean": made, "deviation": np.exp(made)})


@builds
def scaled_back_only_offline(folder: Path, toy: Toy) -> None:
    """The trainer turned the answers back into euros, the served model does not."""
    x = normals(COUNT, 4)
    _linear(folder)
    record(folder, {"x": x}, {"y": x @ _KERNEL * np.float32(120) + np.float32(340)})


@builds
def float16_requests(folder: Path, toy: Toy) -> None:
    x = normals(COUNT, 4)
    _linear(folder)
    record(folder, {"x": x.astype(np.float16)}, {"y": x @ _KERNEL})


@builds
def float16_on_the_way(folder: Path, toy: Toy) -> None:
    """What the trainer asked was rounded to float16; clients send float32."""
    x = normals(COUNT, 4)
    _linear(folder)
    record(folder, {"x": x}, {"y": x.astype(np.float16).astype(np.float32) @ _KERNEL})


@builds
def class_of_another_type(folder: Path, toy: Toy) -> None:
    x = normals(COUNT, 4)
    save(folder, tf.Module(), lambda x: {"class": tf.argmax(x @ _KERNEL, 1)}, x=_VECTORS)
    record(folder, {"x": x}, {"class": np.argmax(x @ _KERNEL, 1).astype(np.int32)})


@builds
def mean_of_the_batch_answered(folder: Path, toy: Toy) -> None:
    """A loss in the place of predictions: one number, however many examples."""
    x = normals(COUNT, 4)
    save(folder, tf.Module(), lambda x: {"y": tf.reduce_mean(x @ _KERNEL)}, x=_VECTORS)
    record(folder, {"x": x}, {"y": np.mean(x @ _KERNEL, 1)})


@builds
def rows_left_out(folder: Path, toy: Toy) -> None:
    """Examples under a threshold get no row at all, and their neighbours' rows move up."""
    x = normals(COUNT, 4)

    def serve(x: tf.Tensor) -> Tensors:
        return {"y": tf.boolean_mask(tf.matmul(x, _KERNEL), x[:, 0] > -1)}

    save(folder, tf.Module(), serve, x=_VECTORS)
    record(folder, {"x": x}, {"y": x @ _KERNEL})


@builds
def exported_for_one_example(folder: Path, toy: Toy) -> None:
    x = normals(COUNT, 4)

    def serve(x: tf.Tensor) -> Tensors:
        return {"y": tf.matmul(tf.reshape(x, [1, 4]), _KERNEL)}

    save(folder, tf.Module(), serve, x=_VECTORS)
    record(folder, {"x": x}, {"y": x @ _KERNEL})


@builds
def decoded_twice(folder: Path, toy: Toy) -> None:
    """The server decodes base64 that no longer is there: TensorFlow Serving took it away."""
    data = np.array([b"?>%d<?" % row for row in range(COUNT)], dtype=object)
    save(
        folder,
        tf.Module(),
        lambda data: {"size": tf.strings.length(tf.io.decode_base64(data))},
        data=tf.TensorSpec([None], tf.string),
    )
    sizes = [len(base64.urlsafe_b64decode(base64.urlsafe_b64encode(row))) for row in data]
    record(folder, {"data": data}, {"size": np.array(sizes, dtype=np.int32)})


@builds
def ids_beyond_the_embedding(folder: Path, toy: Toy) -> None:
    """The vocabulary grew after the embedding was made; a GPU would answer zeros."""
    ids = np.arange(COUNT, dtype=np.int64) % 40
    table = normals(32, 3, seed=1)
    trained = np.vstack([table, np.zeros([8, 3], np.float32)])
    module = tf.Module()
    module.table = tf.Variable(table, name="table")
    save(
        folder,
        module,
        lambda ids: {"y": tf.gather(module.table, ids)},
        ids=tf.TensorSpec([None], tf.int64),
    )
    record(folder, {"ids": ids}, {"y": trained[ids]})


@builds
def doubles_hashed(folder: Path, toy: Toy) -> None:
    """A bucket by the bits of a double, which TensorFlow Serving's JSON reads to some ulps."""
    seconds = 1.7e9 + np.random.default_rng(0).random(COUNT) * 1e6
    save(
        folder,
        tf.Module(),
        lambda seconds: {"bucket": tf.bitcast(seconds, tf.int64) % 1009},
        seconds=tf.TensorSpec([None], tf.float64),
    )
    record(folder, {"seconds": seconds}, {"bucket": seconds.view(np.int64) % 1009})


@builds
def answers_of_other_requests(folder: Path, toy: Toy) -> None:
    """A client's threads shared what they should not: some took the answer of another's request."""
    x = normals(COUNT, 4)
    answers = x @ _KERNEL
    first = np.arange(0, COUNT - 8, 16)
    answers[[*first, *(first + 5)]] = answers[[*(first + 5), *first]]
    save(folder, tf.Module(), lambda x: {"y": tf.matmul(x, _KERNEL)}, x=_VECTORS)
    record(folder, {"x": x}, {"y": answers})


@builds
def numbers_of_an_old_server(folder: Path, toy: Toy) -> None:
    """Shares that are kept from zero, which an old REST front writes as no JSON knows them."""

    def shares(x: object) -> tf.Tensor:
        return tf.maximum(tf.nn.softmax(8 * tf.matmul(x, _KERNEL)), 6e-7)

    x = normals(COUNT, 4)
    save(folder, tf.Module(), lambda x: {"shares": shares(x)}, x=_VECTORS)
    record(folder, {"x": x}, {"shares": shares(x)})
    shutil.copytree(folder / MODEL, folder / SERVED)
    (folder / OLD_REST).touch()
