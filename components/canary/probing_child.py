"""The child of `probing`: writes the debug copy, loads it, and fetches what it is asked for."""

from __future__ import annotations

import dataclasses
import json
import os
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from google.protobuf.message import DecodeError

from tfx_parity.canary.inlining import read_serving_graph, write_debug_copy
from tfx_parity.canary.lifeline import end_with_parent, private_standard_output
from tfx_parity.canary.probe_plan import ProbePlan, plan_probes
from tfx_parity.canary.session import SavedModelSession
from tfx_parity.protos import ConfigProto, TensorProto, predict_pb2
from tfx_parity.serving_api.dtypes import Array, data_type
from tfx_parity.serving_api.status import Code, ServingError
from tfx_parity.serving_api.tensors import from_proto, to_proto

LENGTH = struct.Struct("<Q")


def main(arguments: Sequence[str]) -> None:
    """Serve the parent's requests until it closes the pipe.

    Arguments: the parent, the model, the debug copy's folder (the model's own: it is run as it is),
    the signature, `on` or `off` for the graph rewriter, the descriptor of the pipe of requests,
    that of the file for answers.
    """
    end_with_parent(int(arguments[0].partition("=")[2]))
    tell = _teller(private_standard_output())
    source, target, signature = Path(arguments[1]), Path(arguments[2]), arguments[3]
    try:
        is_copy = source != target
        graph = write_debug_copy(source, target) if is_copy else read_serving_graph(source)
        plan = plan_probes(graph, signature)
        session = SavedModelSession(target, _config(arguments[4]))
    except ServingError as error:
        return tell({"code": error.code, "message": error.message})
    except (OSError, DecodeError, LookupError) as error:
        return tell({"code": Code.DATA_LOSS, "message": f"{type(error).__name__}: {error}"})
    tell({"plan": dataclasses.asdict(plan)})
    with session, os.fdopen(int(arguments[5]), "rb") as requests:
        while length := requests.read(LENGTH.size):
            request = predict_pb2.PredictRequest.FromString(requests.read(LENGTH.unpack(length)[0]))
            tell(_answer(session, signature, plan, request, int(arguments[6])))
    return None


def _teller(write_line: Callable[[bytes], None]) -> Callable[[dict[str, object]], None]:
    return lambda facts: write_line(json.dumps(facts).encode())


def _config(graph_rewriter: str) -> ConfigProto | None:
    if graph_rewriter == "on":
        return None
    config = ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config


def _answer(
    session: SavedModelSession,
    signature: str,
    plan: ProbePlan,
    request: predict_pb2.PredictRequest,
    answers: int,
) -> dict[str, object]:
    """Run the graph once, and leave the values in the file of answers."""
    infos = session.meta_graph.signature_def[signature].inputs
    feeds = {infos[alias].name: from_proto(proto) for alias, proto in request.inputs.items()}
    names = list(request.output_filter)
    tensors = [*plan.outputs.values(), *names]
    try:
        values = session.run(feeds, tensors)
    except ServingError as error:
        return {"code": error.code, "message": error.message}
    data = [packed(value).SerializeToString() for value in values]
    os.ftruncate(answers, 0)
    os.lseek(answers, 0, os.SEEK_SET)
    with os.fdopen(os.dup(answers), "wb") as file:
        file.writelines(data)
    return {"sizes": [len(item) for item in data]}


def packed(value: Array) -> TensorProto:
    """Return a tensor in its quickest form: numbers as bytes."""
    if value.dtype == object:
        return to_proto(value)
    proto = TensorProto(dtype=data_type(value.dtype), tensor_content=value.tobytes())
    for size in value.shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


if __name__ == "__main__":
    main(sys.argv[1:])
