"""One element that differs most, with the example it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class WorstElement:
    """One of the elements that differ most.

    Attributes:
        example: The example's number, from 0, in the recorded predictions.
        output: The output's or the transformed feature's name.
        index: The element's index within the example's row.
        reference: The value of the pair's first arm, as text.
        candidate: The value of the pair's second arm, as text.
        is_string: Whether these two are strings, which may repeat what a client sent.
        ratio: `|a-b| / (atol + rtol*|reference|)`; over 1 is a mismatch. None: not a number.
        ulps: Units in the last place between the two; None where that means nothing.
        raw: The raw example, feature by feature, as text; None where it is left out.
    """

    example: int
    output: str
    index: tuple[int, ...]
    reference: str
    candidate: str
    is_string: bool
    ratio: float | None
    ulps: int | None
    raw: Mapping[str, str] | None
