"""What can be said before the first request: signatures, types, digests, ops."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tfx_parity.canary.inspection import ModelInspection
from tfx_parity.canary.versions import version_number
from tfx_parity.canary_validator.askers import Signatures
from tfx_parity.canary_validator.recorded import Recorded, Rows
from tfx_parity.contract import ServingContract
from tfx_parity.contract.serving_contract import read_contract
from tfx_parity.files import sha256_of_file
from tfx_parity.findings import Cause, CauseCode, Evidence, Rung
from tfx_parity.protos import TensorInfo
from tfx_parity.serving_api.dtypes import data_type, type_name

_SHOWN = 5
_MINOR = re.compile(r"\d+\.\d+")


def find_unservable_ops(inspection: ModelInspection) -> list[Cause]:
    """Return a cause where the graph holds ops that a server cannot run."""
    uses = inspection.unservable_ops
    if not uses:
        return []
    places = sorted({f"{use.op} (node {use.node}{_within(use.function)})" for use in uses})
    detail = f"{len(uses)} uses of ops without a kernel in a server: {_some(places)}."
    return [_cause(CauseCode.UNSERVABLE_OP, f"op {places[0]}", detail)]


def _within(function: str) -> str:
    return f" in function {function}" if function else ""


def find_signature_faults(recorded: Recorded, signatures: Signatures) -> list[Cause]:
    """Return what keeps the recorded requests from fitting the model's signature."""
    name = recorded.signature_name
    if name not in signatures:
        detail = f"The predictions name the signature {name!r}; the model has {sorted(signatures)}."
        return [_cause(CauseCode.SIGNATURE_MISMATCH, f"signature {name!r}", detail)]
    signature = signatures[name]
    causes = _name_faults(name, "inputs", recorded.inputs, signature.inputs, recorded.contract)
    causes += _type_faults(name, "input", recorded.inputs, signature.inputs)
    if recorded.outputs is not None:
        causes += _name_faults(name, "outputs", recorded.outputs, signature.outputs, None)
        causes += _type_faults(name, "output", recorded.outputs, signature.outputs)
    return causes + _raw_signature_faults(recorded, signatures)


def _name_faults(
    signature: str,
    what: str,
    recorded: Rows,
    offered: Mapping[str, TensorInfo],
    contract: ServingContract | None,
) -> list[Cause]:
    lacks, extra = sorted(set(recorded) - set(offered)), sorted(set(offered) - set(recorded))
    if not lacks and not extra:
        return []
    detail = f"Recorded {what} are {sorted(recorded)}; {signature!r} offers {sorted(offered)}."
    labels = set() if contract is None else set(contract.label_features) & set(extra)
    code = CauseCode.LABEL_REQUIRED if labels else CauseCode.SIGNATURE_MISMATCH
    place = f"{what} {', '.join(lacks + extra)} of signature {signature!r}"
    return [_cause(code, place, detail)]


def _type_faults(
    signature: str, what: str, recorded: Rows, offered: Mapping[str, TensorInfo]
) -> list[Cause]:
    causes = []
    for name in sorted(set(recorded) & set(offered)):
        row, info = recorded[name][0], offered[name]
        place = f"{what} {name!r} of signature {signature!r}"
        found = data_type(row.dtype)
        if found != info.dtype:
            detail = f"Recorded as {type_name(found)}, the model has {type_name(info.dtype)}."
            causes.append(_cause(CauseCode.DTYPE_MISMATCH, place, detail))
        elif not _fits(row.shape, info):
            shape = [dim.size for dim in info.tensor_shape.dim]
            detail = f"Recorded with the shape {[-1, *row.shape]}, the model has {shape}."
            causes.append(_cause(CauseCode.SHAPE_MISMATCH, place, detail))
    return causes


def _fits(row_shape: tuple[int, ...], info: TensorInfo) -> bool:
    """Whether a row can be one of the tensors that a signature speaks of; -1 is any size."""
    if info.tensor_shape.unknown_rank:
        return True
    sizes = [dim.size for dim in info.tensor_shape.dim][1:]
    if len(info.tensor_shape.dim) != len(row_shape) + 1:
        return False
    return all(size in (-1, found) for size, found in zip(sizes, row_shape, strict=True))


def _raw_signature_faults(recorded: Recorded, signatures: Signatures) -> list[Cause]:
    """Return where `serve_raw` does not take exactly the raw features of the contract."""
    contract = recorded.contract
    if contract is None or "serve_raw" not in signatures:
        return []
    inputs = set(signatures["serve_raw"].inputs)
    expected = {feature.name for feature in contract.raw_features}
    if inputs == expected:
        return []
    labels = inputs & set(contract.label_features)
    code = CauseCode.LABEL_REQUIRED if labels else CauseCode.SIGNATURE_MISMATCH
    place = f"inputs {', '.join(sorted(inputs ^ expected))} of signature 'serve_raw'"
    detail = f"The contract's raw features are {sorted(expected)}; it takes {sorted(inputs)}."
    return [_cause(code, place, detail)]


def find_stale_transform_graph(recorded: Recorded, model: Path) -> list[Cause]:
    """Return a cause where the model holds another transform graph than the trainer used.

    A graph's own digest cannot be taken from a model: it is traced anew into each. The contract's
    copy and the vocabularies can be compared.
    """
    contract = recorded.contract
    if contract is None:
        return []
    stale = []
    copy = read_contract(model / "assets.extra")
    if copy is not None and copy.digests.transform_graph != contract.digests.transform_graph:
        stale.append(
            f"the model's contract is of the transform graph {copy.digests.transform_graph[:12]}, "
            f"the predictions' of {contract.digests.transform_graph[:12]}"
        )
    stale += _changed_vocabularies(contract, model)
    if not stale:
        return []
    detail = f"Found that {_some(stale)}."
    return [_cause(CauseCode.TRANSFORM_GRAPH_STALE, f"model {model}", detail)]


def _changed_vocabularies(contract: ServingContract, model: Path) -> list[str]:
    changed = []
    for name, digest in sorted(contract.digests.vocabularies.items()):
        path = model / "assets" / name
        if path.is_file() and sha256_of_file(path) != digest:
            changed.append(f"the vocabulary assets/{name} is not the trainer's")
    return changed


def find_version_mismatch(server: str, inspection: ModelInspection, headline: Rung) -> list[Cause]:
    """Return a cause where the server's TensorFlow is of another minor version than the model's.

    Args:
        server: The server's version, which holds TensorFlow's.
        inspection: What the model shows without a request.
        headline: The comparison that shows what the other version made of the answers.
    """
    found, model = _MINOR.search(server), _MINOR.match(inspection.tensorflow_version)
    if found is None or model is None or found[0] == model[0]:
        return []
    place = f"TensorFlow {model[0]} in the model, {found[0]} in the server"
    detail = (
        f"The model was written by TensorFlow {inspection.tensorflow_version}; the server is "
        f"{server}. {_what_it_brought(headline)}"
    )
    evidence = Evidence(None, headline.mismatching, headline.examples, detail)
    return [Cause(CauseCode.VERSION_MISMATCH, place, evidence)]


def _what_it_brought(headline: Rung) -> str:
    """Return in words how far the answers of two versions lie apart."""
    counts = f"{headline.mismatching} of {headline.examples} examples differ"
    if headline.max_difference is None:
        return f"{counts}."
    ratio = "" if headline.max_ratio is None else f", {headline.max_ratio:.2g} of the tolerance"
    return f"{counts}; at most {headline.max_difference:.2g} apart{ratio}."


def find_other_version(served: int, model: Path) -> list[Cause]:
    """Return a cause where a server that was not started by us serves another version.

    Args:
        served: The version that the server answers for.
        model: The SavedModel; a folder whose name is no number states no version.
    """
    number = version_number(model.name)
    if number is None or number == served:
        return []
    detail = f"The model at {model} is version {number}; the server answers for version {served}."
    place = f"version {number} at the path, {served} at the server"
    return [_cause(CauseCode.VERSION_MISMATCH, place, detail)]


def _some(items: list[str]) -> str:
    more = f", and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return "; ".join(items[:_SHOWN]) + more


def _cause(code: CauseCode, place: str, detail: str) -> Cause:
    return Cause(code, place, Evidence(pair=None, examples=0, of=0, detail=detail))
