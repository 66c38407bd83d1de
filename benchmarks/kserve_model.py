"""A SavedModel behind KServe's Python model server, as its documentation writes a custom model.

Runs in an environment of its own (kserve-requirements.txt), started by serving_peers.py:

    python kserve_model.py --saved_model FOLDER --message FILE --rows 1 100 \
        --http_port P --grpc_port Q

Writes, beside serving, the gRPC requests of KServe's protocol for some numbers of rows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import kserve
import numpy as np
import tensorflow as tf
from kserve import InferInput, InferOutput, InferRequest, InferResponse

NAME, INPUT, OUTPUT = "model", "x", "y"
WIDTH = 18


class Model(kserve.Model):
    """Answers the V1 protocol (REST) and the V2 protocol (gRPC)."""

    def __init__(self, folder: str) -> None:
        super().__init__(NAME)
        self._loaded = tf.saved_model.load(folder)
        self._answer = self._loaded.signatures["serving_default"]
        self.ready = True

    def predict(self, payload: dict | InferRequest, *_: object) -> dict | InferResponse:
        """Answer one request."""
        if isinstance(payload, dict):
            return {"predictions": self._run(np.array(payload["instances"], np.float32)).tolist()}
        answer = self._run(payload.inputs[0].as_numpy())
        output = InferOutput(name=OUTPUT, shape=list(answer.shape), datatype="FP32")
        output.set_data_from_numpy(answer, binary_data=True)
        return InferResponse(payload.id or "", NAME, [output])

    def _run(self, x: np.ndarray) -> np.ndarray:
        return self._answer(x=tf.constant(x))[OUTPUT].numpy()


def message(rows: int) -> bytes:
    """Return the gRPC request for some rows of ones."""
    tensor = InferInput(name=INPUT, shape=[rows, WIDTH], datatype="FP32")
    tensor.set_data_from_numpy(np.ones((rows, WIDTH), np.float32), binary_data=True)
    return InferRequest(NAME, [tensor]).to_grpc().SerializeToString()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
    parser.add_argument("--saved_model", required=True)
    parser.add_argument("--message", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", required=True)
    flags, _ = parser.parse_known_args()
    for rows in flags.rows:
        flags.message.with_name(f"{flags.message.name}.{rows}").write_bytes(message(rows))
    kserve.ModelServer(
        http_port=flags.http_port, grpc_port=flags.grpc_port, workers=1, enable_docs_url=False
    ).start([Model(flags.saved_model)])


if __name__ == "__main__":
    main()
