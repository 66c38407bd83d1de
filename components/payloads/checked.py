"""What was found in one payload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tfx_parity.findings import FaultCode, PayloadFault
from tfx_parity.payloads.review_faults import review_faults
from tfx_parity.payloads.tensor_checks import SignatureChecks
from tfx_parity.protos import SignatureDef
from tfx_parity.serving_api.review import Review


class Checked(NamedTuple):
    """What was found in one payload.

    Attributes:
        faults: All of them, those that the server refuses first; empty for a good payload.
        rows: How many examples it holds, as far as that can be told.
    """

    faults: tuple[PayloadFault, ...]
    rows: int


def checked(
    review: Review,
    signature_defs: Mapping[str, SignatureDef],
    checks: Mapping[str, SignatureChecks],
) -> Checked:
    """Return all faults of a request that was reviewed.

    Args:
        review: The review.
        signature_defs: The model's signatures.
        checks: Their checks.
    """
    of_server = tuple(review_faults(review, signature_defs))
    return Checked((*of_server, *suspects_of(review, of_server, checks)), _rows(review))


def suspects_of(
    review: Review, of_server: tuple[PayloadFault, ...], checks: Mapping[str, SignatureChecks]
) -> Iterator[PayloadFault]:
    """Yield what the server does not tell of a request that was reviewed.

    Args:
        review: The review.
        of_server: What it refuses and changes.
        checks: The checks of the model's signatures.
    """
    if review.signature_name:
        told = {fault.pointer for fault in of_server}
        for suspect in checks[review.signature_name].suspects(review):
            # What a value was changed to is no second fault; its shape is.
            if suspect.pointer not in told or suspect.code is FaultCode.WRONG_SHAPE:
                yield suspect


def _rows(review: Review) -> int:
    if review.row_format:
        rows = {tensor.row for tensor in review.tensors} | {r.row for r in review.refusals}
        return len(rows - {None})
    sizes = [t.array.shape[0] if t.array.shape else 1 for t in review.tensors]
    return max(sizes, default=0)
