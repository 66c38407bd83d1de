"""A model that the canary could not load, and requests that it refused: why, by code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tfx_parity.canary.backend import ModelLoadError
from tfx_parity.canary.inspection import ModelInspection
from tfx_parity.canary_validator.answers import Answers, Failure, Missing
from tfx_parity.canary_validator.preflight import find_unservable_ops
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.findings import Cause, CauseCode, Evidence
from tfx_parity.serving_api.status import Code

_NO_VALUE = re.compile(
    r"could not find variable|error while reading resource variable|not initialized|uninitialized"
    r"|resource .* does not exist|container .* does not exist",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"could not find variable (?P<name>[^\s,;]+?)\.?(\s|$)", re.IGNORECASE)
_NODE = re.compile(r"\{\{node (?P<name>[^}]+)\}\}")
_REQUIRED = re.compile(r"Feature: (?P<name>\S+) \(data type: \w+\) is required")
_WARMUP = Path("assets.extra", "tf_serving_warmup_requests")
_ROW_COUNT = "ROW_COUNT"
_SHOWN = 5
_GRPC_ARMS = ("C", "C again", "C'", "C1", "Cs", "Cp")
_REST_ARMS = ("R", "Rc", "Rr")
# Whether eager Python would answer adds nothing to these, and takes ten seconds to find out.
_SELF_EVIDENT = (CauseCode.SHAPE_MISMATCH, CauseCode.LABEL_REQUIRED)
AskEager = Callable[[int], str]


def find_refusals(
    recorded: Recorded, answers: Mapping[str, Answers | Missing], ask_eager: AskEager
) -> list[Cause]:
    """Return why requests that were recorded with an answer got none.

    Args:
        recorded: The requests.
        answers: Every arm's answers.
        ask_eager: Asks TensorFlow's eager Python for an example; says in words what it answered.
    """
    for arm in _GRPC_ARMS:
        found = answers[arm]
        if isinstance(found, Answers) and found.failures:
            return [_grpc_cause(recorded, found, ask_eager)]
    for arm in _GRPC_ARMS:
        found = answers[arm]
        if isinstance(found, Answers) and found.refused_batches:
            return [_batch_cause(recorded, found.refused_batches)]
    causes = []
    for arm in _REST_ARMS:
        found = answers[arm]
        if isinstance(found, Answers) and found.failures:
            example, failure = _first(found)
            detail = (
                f"{len(found.failures)} of {found.asked} requests are refused over REST and "
                f"answered over gRPC, first example {example} ({failure.code})."
            )
            evidence = Evidence(
                pair=("C", arm),
                examples=len(found.failures),
                of=found.asked,
                detail=detail,
                message=failure.message,
            )
            causes.append(Cause(CauseCode.TRANSPORT_SKEW, f"REST requests of arm {arm}", evidence))
    return causes


def _grpc_cause(recorded: Recorded, found: Answers, ask_eager: AskEager) -> Cause:
    example, failure = _first(found)
    code, place = _code(recorded, failure)
    eager = "" if code in _SELF_EVIDENT else f" {ask_eager(example)}"
    kinds = Counter(f.code for f in found.failures.values())
    detail = (
        f"{len(found.failures)} of {found.asked} requests failed "
        f"({', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))}), first example "
        f"{example}.{eager}"
    )
    evidence = Evidence(
        pair=None,
        examples=len(found.failures),
        of=found.asked,
        detail=detail,
        message=failure.message,
    )
    return Cause(code, place, evidence)


def _batch_cause(recorded: Recorded, refused: Sequence[Failure]) -> Cause:
    """Return the cause of batches that were refused though each of their examples is answered."""
    first = refused[0]
    code, place = CauseCode.BATCH_DEPENDENT, f"signature {recorded.signature_name!r}"
    if first.code == _ROW_COUNT:
        code, place = _code(recorded, first)
    detail = (
        f"{len(refused)} batches are refused ({first.code}), though each of their examples is "
        "answered where it is asked alone."
    )
    return Cause(code, place, Evidence(None, 0, recorded.count, detail, message=first.message))


def _first(found: Answers) -> tuple[int, Failure]:
    example = min(found.failures)
    return example, found.failures[example]


def _code(recorded: Recorded, failure: Failure) -> tuple[CauseCode, str]:
    signature = f"signature {recorded.signature_name!r}"
    if failure.code == _ROW_COUNT:
        return CauseCode.SHAPE_MISMATCH, f"{signature}: {failure.message}"
    required = _REQUIRED.search(failure.message)
    labels = () if recorded.contract is None else recorded.contract.label_features
    if required is not None and required["name"].strip("'\"") in labels:
        return CauseCode.LABEL_REQUIRED, f"raw feature {required['name']!r} of {signature}"
    if _NO_VALUE.search(failure.message):
        return CauseCode.UNINITIALISED, f"{_valueless(failure.message)}{signature}"
    return CauseCode.REQUEST_FAILED, signature


def _valueless(message: str) -> str:
    """Name the variable that has no value, or the node that reads a table without one."""
    if found := _VARIABLE.search(message):
        return f"variable {found['name']} of "
    if nodes := _NODE.findall(message):  # The innermost function's stands last.
        return f"node {nodes[-1]} of "
    return ""


def load_cause(model: Path, error: ModelLoadError, inspection: ModelInspection | None) -> Cause:
    """Return what a failed load is called.

    Args:
        model: The model.
        error: What the server said.
        inspection: What the model shows without a request, loaded without its warm-up; None where
            not even its graph can be read.
    """
    message = f"{error.code.name}: {error.message}"
    if inspection is not None and inspection.load_failure is None:
        # A warm-up request is only the first to meet what every request would meet.
        if names := inspection.uninitialised_variables:
            return _uninitialised(names, message)
        if unservable := find_unservable_ops(inspection):
            return _with_message(unservable[0], message)
    if inspection is not None and _is_warmup(model, error, inspection):
        # Its requests are examples, which the message may quote.
        detail = f"A warm-up request fails ({error.code.name}); without them the model loads."
        evidence = Evidence(None, 0, 0, detail, message=error.message)
        return Cause(CauseCode.WARMUP_FAILED, str(_WARMUP), evidence)
    if error.code is Code.NOT_FOUND and "/assets/" in error.message:
        asset = error.message.split("/assets/")[1].split(";")[0].strip()
        return Cause(CauseCode.MISSING_ASSET, f"assets/{asset}", Evidence(None, 0, 0, message))
    if inspection is not None and (unservable := find_unservable_ops(inspection)):
        return _with_message(unservable[0], message)
    return Cause(CauseCode.LOAD_FAILED, f"model {model}", Evidence(None, 0, 0, message))


def _uninitialised(names: Sequence[str], message: str) -> Cause:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    place = f"variable{'s' if len(names) > 1 else ''} {', '.join(names[:_SHOWN])}{more}"
    detail = "Signatures need them, and the loaded model holds no value for them."
    return Cause(CauseCode.UNINITIALISED, place, Evidence(None, 0, 0, detail, message=message))


def _with_message(cause: Cause, message: str) -> Cause:
    return replace(cause, evidence=replace(cause.evidence, message=message))


def _is_warmup(model: Path, error: ModelLoadError, inspection: ModelInspection) -> bool:
    """Whether a load failed by its warm-up: the text need not say so, but nothing else is left."""
    is_late = error.code is Code.DEADLINE_EXCEEDED
    return inspection.load_failure is None and (model / _WARMUP).is_file() and not is_late
