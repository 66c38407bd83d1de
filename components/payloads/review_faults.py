"""The server's refusals and changes as faults of a payload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tfx_parity.findings import FaultCode, FaultKind, PayloadFault
from tfx_parity.protos import SignatureDef, TensorInfo
from tfx_parity.serving_api.dtypes import type_name
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.serving_api.review import Path, Refusal, Review, ValueChange

_EXPECTED = {
    Reason.NOT_JSON: "one JSON document",
    Reason.MALFORMED_REQUEST: "an object with 'instances' (a list of rows alike) or 'inputs'",
    Reason.RAGGED: "every row and list of one shape",
    Reason.BAD_BASE64: '{"b64": "..."} in standard base64',
    Reason.BAD_TENSOR: "a TensorProto whose shape, dtype and content agree",
    Reason.NOT_OVER_REST: "a type that JSON requests can carry",
    Reason.DUPLICATE_KEY: "each name once",
    Reason.TRAILING_BYTES: "nothing behind the document",
    Reason.DEFAULT_USED: "every input of the signature",
    Reason.REPEATED: "as many values as the shape says",
    Reason.CUT: "as many values as the shape says",
    Reason.ZERO_FILLED: "values in the field of the dtype",
}
_TOP_LEVEL = "signature_name, instances or inputs"
# The same of bodies of :classify and :regress.
_EXPECTED_OF_EXAMPLES = {
    Reason.MALFORMED_REQUEST: "an object with 'examples', a list of objects, for a signature that "
    "takes them",
    Reason.UNKNOWN_NAME: "signature_name, context or examples",
    Reason.WRONG_TYPE: 'numbers, true, false, strings or {"b64": "..."}, of one type in a feature',
}
_FLOAT_OF_EXAMPLE = "a number that a float holds"


def json_pointer(path: Path) -> str:
    """Return a place as JSON pointer (RFC 6901)."""
    return "".join(f"/{_clean(str(part)).replace('~', '~0').replace('/', '~1')}" for part in path)


def tensor_text(info: TensorInfo) -> str:
    """Return what a signature says of an input, such as `float of shape [any, 4]`."""
    if info.tensor_shape.unknown_rank:
        return f"{type_name(info.dtype)} of any shape"
    sizes = ", ".join("any" if d.size < 0 else str(d.size) for d in info.tensor_shape.dim)
    return f"{type_name(info.dtype)} of shape [{sizes}]"


def review_faults(
    review: Review, signature_defs: Mapping[str, SignatureDef]
) -> Iterator[PayloadFault]:
    """Yield the refusals, then the changes of a review; file and record are the caller's to add.

    Args:
        review: The review of a request.
        signature_defs: The model's signatures.
    """
    for refusal in review.refusals:
        yield _fault(
            refusal,
            FaultKind.REFUSED,
            _expected(refusal, review, signature_defs),
            refusal.sent or "nothing",
            refusal.error.message,
        )
    for change in review.changes:
        yield _fault(
            change,
            FaultKind.CHANGED,
            _expected(change, review, signature_defs),
            f"{change.sent}; the model gets {change.received}",
            "",
        )


def _fault(
    found: Refusal | ValueChange, kind: FaultKind, expected: str, text: str, server: str
) -> PayloadFault:
    return PayloadFault(
        code=FaultCode(found.reason.value),
        kind=kind,
        file="",
        record=0,
        row=_row(found.path) if found.row is None else found.row,
        pointer=json_pointer(found.path),
        input=_clean(found.alias),
        expected=expected,
        found=_clean(text),
        server=_clean(server),
    )


def _row(path: Path) -> int | None:
    """Return the row that an element of a column stands for; values of messages have none."""
    if any(isinstance(part, str) and part.endswith("_val") for part in path):
        return None
    return next((part for part in path if isinstance(part, int)), None)


def _expected(
    found: Refusal | ValueChange, review: Review, signature_defs: Mapping[str, SignatureDef]
) -> str:
    if review.of_examples and found.reason is not Reason.UNKNOWN_SIGNATURE:
        known = _EXPECTED | _EXPECTED_OF_EXAMPLES
        return known.get(found.reason, _FLOAT_OF_EXAMPLE)
    signature = signature_defs.get(review.signature_name)
    if found.reason is Reason.UNKNOWN_SIGNATURE or signature is None:
        names = ", ".join(sorted(signature_defs))
        is_name = found.reason is Reason.UNKNOWN_SIGNATURE
        return f"one of {names}" if is_name else _EXPECTED.get(found.reason, _TOP_LEVEL)
    if found.reason in (Reason.MISSING_INPUT, Reason.UNKNOWN_NAME):
        if found.reason is Reason.UNKNOWN_NAME and not found.alias:
            outputs = ", ".join(sorted(signature.outputs))
            return f"outputs {outputs}" if found.path[:1] == ("output_filter",) else _TOP_LEVEL
        return f"inputs {', '.join(sorted(signature.inputs))}"
    if found.reason in _EXPECTED or found.alias not in set(signature.inputs):
        return _EXPECTED.get(found.reason, _TOP_LEVEL)
    return tensor_text(signature.inputs[found.alias])


def _clean(text: str) -> str:
    """Return a text that can be written as UTF-8: bytes that were none are replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
