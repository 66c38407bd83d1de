"""Faults of a model's files: cut, lost, changed, stale."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from corpus_folder import RUN, Toy, builds

from tfx_parity.contract.trainer_predictions import FOLDER_NAME
from tfx_parity.files import canonical_json, sha256_of_file
from tfx_parity.protos import SavedModel, prediction_log_pb2
from tfx_parity.tfrecord import read_records, write_records

_WARMUP = Path("assets.extra", "tf_serving_warmup_requests")


@builds
def truncated_graph(folder: Path, toy: Toy) -> None:
    graph = toy.copy(folder) / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])


@builds
def half_copied_version(folder: Path, toy: Toy) -> None:
    shutil.rmtree(toy.copy(folder) / "variables")


@builds
def lost_vocabulary(folder: Path, toy: Toy) -> None:
    (toy.copy(folder) / "assets" / "colour").unlink()


@builds
def changed_vocabulary(folder: Path, toy: Toy) -> None:
    path = toy.copy(folder) / "assets" / "colour"
    path.write_bytes(b"\n".join(reversed(path.read_bytes().splitlines())) + b"\n")


@builds
def predictions_of_another_transform(folder: Path, toy: Toy) -> None:
    toy.copy(folder)
    recorded = folder / RUN / FOLDER_NAME
    path = recorded / "serving_contract.json"
    contract = json.loads(path.read_text())
    contract["digests"]["transform_graph"] = "0" * 64
    path.write_bytes(canonical_json(contract))
    manifest = json.loads((recorded / "manifest.json").read_text())
    manifest["sha256"][path.name] = sha256_of_file(path)
    (recorded / "manifest.json").write_bytes(canonical_json(manifest))


@builds
def corrupt_warmup(folder: Path, toy: Toy) -> None:
    (toy.copy(folder) / _WARMUP).write_bytes(b"no records")


@builds
def warmup_of_another_signature(folder: Path, toy: Toy) -> None:
    path = toy.copy(folder) / _WARMUP
    requests = []
    for data in read_records(path):
        log = prediction_log_pb2.PredictionLog.FromString(data)
        log.predict_log.request.model_spec.signature_name = "predict_v1"
        requests.append(log.SerializeToString())
    write_records(path, requests)


def _edit_graph(model: Path, edit: Callable[[SavedModel], None]) -> None:
    path = model / "saved_model.pb"
    saved = SavedModel.FromString(path.read_bytes())
    edit(saved)
    path.write_bytes(saved.SerializeToString())


@builds
def written_by_another_tensorflow(folder: Path, toy: Toy) -> None:
    def edit(saved: SavedModel) -> None:
        for meta_graph in saved.meta_graphs:
            meta_graph.meta_info_def.tensorflow_version = "2.11.1"

    _edit_graph(toy.copy(folder), edit)


@builds
def op_of_another_tensorflow(folder: Path, toy: Toy) -> None:
    def edit(saved: SavedModel) -> None:
        for meta_graph in saved.meta_graphs:
            for function in meta_graph.graph_def.library.function:
                for node in function.node_def:
                    if node.op == "Softmax":
                        node.op = "SoftmaxV9"

    _edit_graph(toy.copy(folder), edit)
