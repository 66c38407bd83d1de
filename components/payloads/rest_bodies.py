"""Bodies of REST requests: the good ones quickly, the others with every fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tfx_parity.findings import FaultCode
from tfx_parity.payloads.checked import Checked, checked, suspects_of
from tfx_parity.payloads.review_faults import review_faults
from tfx_parity.payloads.row_by_row import chunks_of, row_texts
from tfx_parity.payloads.tensor_checks import SignatureChecks
from tfx_parity.protos import SignatureDef
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.reasons import Reason
from tfx_parity.serving_api.rest_inference import asks_for_inference
from tfx_parity.serving_api.rest_inference_review import review_inference
from tfx_parity.serving_api.rest_plain import PlainReader
from tfx_parity.serving_api.rest_review import review_body
from tfx_parity.serving_api.review import Review

# What the URLs of requests end in.
RestMethod = Literal["predict", "classify", "regress"]
# From here on it pays to look for the rows that are at fault.
_LARGE_BODY = 4096


class RestBodies:
    """Looks at the bodies of requests to one model."""

    def __init__(
        self,
        signature_defs: Mapping[str, SignatureDef],
        checks: Mapping[str, SignatureChecks],
        generation: Generation,
    ) -> None:
        """Look up once what each body needs.

        Args:
            signature_defs: The model's signatures.
            checks: Their checks.
            generation: The server's JSON front.
        """
        self._signature_defs = signature_defs
        self._checks = checks
        self._generation = generation
        limits = {name: known.limits for name, known in checks.items()}
        rows = {name: known for name, known in limits.items() if known is not None}
        self._reader = PlainReader(signature_defs, rows)

    def look_at(self, body: bytes, method: RestMethod | None = None) -> Checked:
        """Return the faults of a body and its number of rows.

        Args:
            body: The body.
            method: What its URL ends in; told by the body's keys where None.
        """
        if method in ("classify", "regress"):
            return self._checked(self._review(body, method))
        call = self._reader.read(body)
        if call is not None:
            checks = self._checks[call.signature_name]
            faults = () if checks.accepts(call) else tuple(checks.plain_suspects(call))
            return Checked(faults, call.rows)
        found = self._row_by_row(body) if len(body) >= _LARGE_BODY else None
        return self._checked(self._review(body, method)) if found is None else found

    def _row_by_row(self, body: bytes) -> Checked | None:
        """Look at a large body in rows, most of which are plain; None of any other."""
        texts = row_texts(body)
        if texts is None or self._reader.read(texts.body_of([0])) is None:
            return None
        odd, suspects = [0], []  # the first row is what the others are held against
        for chunk, call in chunks_of(texts, self._reader.read):
            if call is None:
                odd += chunk
            elif not self._checks[call.signature_name].accepts(call):
                found = self._checks[call.signature_name].plain_suspects(call, [0, *chunk])
                suspects += [fault for fault in found if fault.row]
        if 2 * len(odd) > len(texts.rows):
            return None
        review = review_body(texts.body_of(odd), self._signature_defs, self._generation, odd)
        if any(refusal.reason is Reason.NOT_JSON for refusal in review.refusals):
            return None  # said with a place in the whole body
        of_server = tuple(review_faults(review, self._signature_defs))
        suspects += suspects_of(review, of_server, self._checks)
        suspects.sort(key=lambda fault: (fault.code is not FaultCode.WRONG_SHAPE, fault.row or 0))
        return Checked((*of_server, *suspects), len(texts.rows))

    def _review(self, body: bytes, method: RestMethod | None) -> Review:
        if method == "predict" or (
            method is None and not asks_for_inference(body, self._generation)
        ):
            return review_body(body, self._signature_defs, self._generation)
        return review_inference(body, self._signature_defs, self._generation, method)

    def _checked(self, review: Review) -> Checked:
        return checked(review, self._signature_defs, self._checks)
