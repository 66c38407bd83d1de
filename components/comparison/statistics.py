"""What a comparison counted: mergeable in any order, so that batches can be compared apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from tfx_parity.comparison.json_values import decode_value, encode_value

ElementValue: TypeAlias = "bool | int | float | complex | bytes | str"

# The report shows at most this many; a bounded number keeps merging flat.
WORST_KEPT = 20

# Upper ends, inclusive, of the ratio's buckets: what lies above 1 is a mismatch.
RATIO_EDGES = tuple(float(f"1e{exponent}") for exponent in range(-4, 5))
RATIO_BUCKETS = ("0", *(f"<={edge:.0e}" for edge in RATIO_EDGES), "finite", "inf")

ULP_EDGES = (1, 4, 16)
ULP_BUCKETS = ("bitwise", *(f"<={edge}" for edge in ULP_EDGES), f">{ULP_EDGES[-1]}")


@dataclass(frozen=True)
class WorstElement:
    """One element that lies far from its reference.

    Attributes:
      row: The example's number.
      index: Where in the example's array.
      reference: The trainer's value.
      candidate: The canary's value.
      ratio: Distance over allowance; multiply the tolerance by it and this element agrees.
      ulps: Representable numbers of the dtype between the two; None where not both are finite
        real floats.
    """

    row: int
    index: tuple[int, ...]
    reference: ElementValue
    candidate: ElementValue
    ratio: float
    ulps: int | None

    def to_json(self) -> dict[str, Any]:
        """Return strict JSON values: NaN, infinities, bytes and complex numbers are written out."""
        return {
            "row": self.row,
            "index": list(self.index),
            "reference": encode_value(self.reference),
            "candidate": encode_value(self.candidate),
            "ratio": encode_value(self.ratio),
            "ulps": self.ulps,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> WorstElement:
        """Read what `to_json` returned."""
        return cls(
            row=document["row"],
            index=tuple(document["index"]),
            reference=decode_value(document["reference"]),
            candidate=decode_value(document["candidate"]),
            ratio=decode_value(document["ratio"]),
            ulps=document["ulps"],
        )


def keep_worst(elements: Iterable[WorstElement], count: int) -> tuple[WorstElement, ...]:
    """Return the worst by ratio, ties in the order of row, index and values.

    The order is total, so that it does not depend on which batch came first.
    """
    return tuple(sorted(elements, key=_worst_first)[:count])


def _worst_first(element: WorstElement) -> tuple[Any, ...]:
    values = repr(element.reference), repr(element.candidate), repr(element.ulps)
    return (-element.ratio, element.row, element.index, *values)


@dataclass(frozen=True)
class ComparisonStatistics:
    """Counts and extremes of one output's comparison; `a.merged(b)` equals `b.merged(a)`.

    Attributes:
      examples: Rows compared.
      mismatching_examples: Rows with a mismatching element, another shape or another dtype.
      shape_mismatches: Rows whose shapes differ; their elements are not counted below.
      elements: Elements compared.
      mismatching_elements: Those whose ratio exceeds 1.
      non_finite_mismatches: Those among them that hold a NaN or an infinity.
      max_ratio: The greatest ratio; multiply the tolerance by it and everything agrees.
      max_absolute_difference: The greatest distance of two finite values; in single precision
        for float32 and the half types.
      ratio_histogram: Elements by ratio, in the order of `RATIO_BUCKETS`.
      ulp_histogram: Pairs of finite floats by the representable numbers between them, in the order
        of `ULP_BUCKETS`; -0.0 beside +0.0 is not bitwise, but no ulp away.
      reference_nans: NaNs on the reference's side.
      reference_infinities: Infinities on the reference's side.
      candidate_nans: NaNs on the candidate's side.
      candidate_infinities: Infinities on the candidate's side.
      worst: Up to `WORST_KEPT` elements with a ratio above 0, the worst first.
    """

    examples: int = 0
    mismatching_examples: int = 0
    shape_mismatches: int = 0
    elements: int = 0
    mismatching_elements: int = 0
    non_finite_mismatches: int = 0
    max_ratio: float = 0.0
    max_absolute_difference: float = 0.0
    ratio_histogram: tuple[int, ...] = (0,) * len(RATIO_BUCKETS)
    ulp_histogram: tuple[int, ...] = (0,) * len(ULP_BUCKETS)
    reference_nans: int = 0
    reference_infinities: int = 0
    candidate_nans: int = 0
    candidate_infinities: int = 0
    worst: tuple[WorstElement, ...] = ()

    def merged(self, *others: ComparisonStatistics) -> ComparisonStatistics:
        """Return the statistics of all of these comparisons together.

        Rows keep their numbers: give each batch its own (`compare_rows(..., first_row=n)`).
        """
        parts = (self, *others)
        values = {
            field.name: [getattr(part, field.name) for part in parts] for field in fields(self)
        }
        return ComparisonStatistics(**{name: _merge(name, found) for name, found in values.items()})

    def to_json(self) -> dict[str, Any]:
        """Return strict JSON values; `from_json` gives back an equal object."""
        document = {field.name: getattr(self, field.name) for field in fields(self)}
        return document | {
            "max_ratio": encode_value(self.max_ratio),
            "max_absolute_difference": encode_value(self.max_absolute_difference),
            "ratio_histogram": dict(zip(RATIO_BUCKETS, self.ratio_histogram, strict=True)),
            "ulp_histogram": dict(zip(ULP_BUCKETS, self.ulp_histogram, strict=True)),
            "worst": [element.to_json() for element in self.worst],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ComparisonStatistics:
        """Read what `to_json` returned.

        Raises:
          KeyError: If a histogram lacks a bucket.
          TypeError: If a key is unknown.
        """
        ratios, ulps = document["ratio_histogram"], document["ulp_histogram"]
        read = {
            "max_ratio": decode_value(document["max_ratio"]),
            "max_absolute_difference": decode_value(document["max_absolute_difference"]),
            "ratio_histogram": tuple(ratios[bucket] for bucket in RATIO_BUCKETS),
            "ulp_histogram": tuple(ulps[bucket] for bucket in ULP_BUCKETS),
            "worst": tuple(WorstElement.from_json(element) for element in document["worst"]),
        }
        return cls(**(dict(document) | read))


def _merge(name: str, values: list[Any]) -> Any:
    if name == "worst":
        return keep_worst((element for part in values for element in part), WORST_KEPT)
    if name.startswith("max_"):
        return max(values)
    if name.endswith("_histogram"):
        return tuple(map(sum, zip(*values, strict=True)))
    return sum(values)
