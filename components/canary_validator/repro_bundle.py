"""A repro bundle: one request with its answers, and a script that shows the difference.

The script needs TensorFlow and the bundle alone, neither this package nor a server.
"""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.arms import MEANINGS
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.files import canonical_json, sha256_of_file, written_beside
from tfx_parity.findings import ParityResult
from tfx_parity.protos import predict_pb2
from tfx_parity.reporting.report_json import FILE_NAME as REPORT_FILE
from tfx_parity.reporting.report_json import to_json
from tfx_parity.serving_api.tensors import to_proto

FILE_NAME = "repro.zip"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # A zip's first moment: the same bundle has the same bytes.
_SCRIPT = '''"""Asks the model for one example and prints what the arms of the check answered.

usage: python reproduce.py [MODEL]    (needs TensorFlow; MODEL is where the SavedModel lies now)
"""
import json, os, sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

here = os.path.dirname(os.path.abspath(__file__))
about = json.load(open(os.path.join(here, "about.json")))


def tensors(folder):
    found = {}
    for name in sorted(os.listdir(os.path.join(here, folder))):
        data = open(os.path.join(here, folder, name), "rb").read()
        proto = tensor_pb2.TensorProto.FromString(data)
        found[about["names"][folder + "/" + name]] = tf.make_ndarray(proto)
    return found


inputs = tensors("request")
model = sys.argv[1] if len(sys.argv) > 1 else about["model"]
print("model", model)
for folder, meaning in sorted(about["answers"].items()):
    print(meaning, {k: v.tolist() for k, v in tensors(folder).items()})
if about["failure"]:
    print("the canary refused:", about["failure"])
# The session is what TensorFlow Serving runs; eager Python can answer where it fails.
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    graph = tf.compat.v1.saved_model.load(session, ["serve"], model)
    signature = graph.signature_def[about["signature"]]
    fetches = {k: signature.outputs[k].name for k in signature.outputs}
    feeds = {signature.inputs[k].name: v for k, v in inputs.items()}
    try:
        answer = session.run(fetches, feeds)
        print("a session, now", {k: v.tolist() for k, v in answer.items()})
    except tf.errors.OpError as error:
        print("a session, now:", type(error).__name__, error.message.splitlines()[0])
'''


def write_bundle(
    folder: Path,
    recorded: Recorded,
    answers: Mapping[str, Answers | Missing],
    result: ParityResult,
) -> Path:
    """Write `repro.zip` for the example that shows a result best.

    Args:
        folder: Where to write.
        recorded: The requests.
        answers: Every arm's answers.
        result: What was found.

    Returns:
        The file.
    """
    example = _example(result, answers)
    parts = {"request": {name: rows[example] for name, rows in recorded.inputs.items()}}
    meanings = {}
    for number, arm in enumerate(_arms(result)):
        if answer := _row(answers[arm], example):
            parts[f"answer_{number}"] = answer
            meanings[f"answer_{number}"] = f"{arm}, {MEANINGS[arm]}"
    files, names = _tensor_files(parts)
    files |= {REPORT_FILE: to_json(result), "reproduce.py": _SCRIPT.encode()}
    files |= _requests(recorded, example)
    model = Path(result.environment["model"])
    files["about.json"] = canonical_json(
        {
            "answers": meanings,
            "example": example,
            "failure": _failure(answers["C"], example),
            "model": str(model),
            "model_sha256": _digests(model),
            "names": names,
            "signature": recorded.signature_name,
        }
    )
    bundle = folder / FILE_NAME
    with (
        written_beside(bundle) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), files[path])
    return bundle


def _tensor_files(
    parts: Mapping[str, Mapping[str, NDArray[np.generic]]],
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return each tensor as a file, and which name it has in the signature, by the file's path.

    A signature's names may hold what a path may not.
    """
    files: dict[str, bytes] = {}
    names: dict[str, str] = {}
    for part, rows in parts.items():
        for number, (name, row) in enumerate(sorted(rows.items())):
            path = f"{part}/{number}.tensor.pb"
            names[path] = name
            files[path] = to_proto(row[np.newaxis]).SerializeToString(deterministic=True)
    return files, names


def _example(result: ParityResult, answers: Mapping[str, Answers | Missing]) -> int:
    """Return the example that shows the first cause best: one that fails, else the worst."""
    served = answers["C"]
    if isinstance(served, Answers) and served.failures:
        return min(served.failures)
    worst = [element.example for cause in result.causes for element in cause.evidence.worst]
    return worst[0] if worst else 0


def _arms(result: ParityResult) -> list[str]:
    """Return the arms whose answers matter: the trainer's, the canary's, those that differ."""
    pairs = [cause.evidence.pair for cause in result.causes[:1] if cause.evidence.pair]
    return list(dict.fromkeys(["T", "C", *(arm for pair in pairs for arm in pair)]))


def _row(arm: Answers | Missing, example: int) -> dict[str, NDArray[np.generic]]:
    if isinstance(arm, Missing) or example not in arm.indices:
        return {}
    return {name: rows[0] for name, rows in arm.at([example]).items()}


def _failure(arm: Answers | Missing, example: int) -> str:
    if isinstance(arm, Missing) or example not in arm.failures:
        return ""
    failure = arm.failures[example]
    return f"{failure.code}: {failure.message}"


def _requests(recorded: Recorded, example: int) -> dict[str, bytes]:
    """Return the request in each form that a client can send."""
    batch = {name: rows[example][np.newaxis] for name, rows in recorded.inputs.items()}
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = recorded.signature_name
    for name, array in batch.items():
        request.inputs[name].CopyFrom(to_proto(array))
    columns = {name: _json_value(array.tolist()) for name, array in batch.items()}
    rows = [{name: _json_value(array.tolist()[0]) for name, array in batch.items()}]
    signature = {"signature_name": recorded.signature_name}
    files = {
        "predict_request.pb": request.SerializeToString(deterministic=True),
        "rest_rows.json": _rest_body({**signature, "instances": rows}),
        "rest_columns.json": _rest_body({**signature, "inputs": columns}),
    }
    if recorded.examples is not None:
        files["example.pb"] = recorded.examples[example]
    return files


def _rest_body(value: object) -> bytes:
    """Return a REST body; NaN and Infinity are bare tokens there, which orjson does not write."""
    return json.dumps(value, sort_keys=True, indent=2).encode()


def _json_value(value: object) -> object:
    """Return a value as TF Serving's JSON holds it."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    return value


def _digests(model: Path) -> dict[str, str]:
    """Return the sha256 of each of a model's files."""
    files: Sequence[Path] = sorted(path for path in model.rglob("*") if path.is_file())
    return {str(path.relative_to(model)): sha256_of_file(path) for path in files}
