"""Examples compared in batches whose statistics merge: the same result however they are split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.rows import RowComparison, compare_rows
from tfx_parity.comparison.statistics import ComparisonStatistics
from tfx_parity.comparison.tolerance import TolerancePolicy

Outputs: TypeAlias = "Mapping[str, npt.NDArray[Any]]"
"""One example's outputs by name, without a batch dimension."""


@dataclass(frozen=True)
class ExamplePair:
    """One example, answered by both sides.

    Attributes:
      number: The example's own, whatever batch it comes in; the worst elements name it.
      reference: The reference's outputs.
      candidate: The candidate's outputs.
    """

    number: int
    reference: Outputs
    candidate: Outputs


@dataclass(frozen=True)
class BatchStatistics:
    """Counts and extremes of many examples; `a.merged(b)` equals `b.merged(a)`.

    Of any number of examples it holds a bounded number of values for each output.

    Attributes:
      examples: Examples compared.
      mismatching_examples: Those that mismatch in any output, or in the names of their outputs.
      reference_only: Examples that only the reference answered; not among the compared.
      candidate_only: Examples that only the candidate answered.
      outputs: The statistics of each output that examples have on both sides, by name.
      missing: Names that the reference has and the candidate lacks, for any example; sorted.
      extra: Names that the candidate has and the reference lacks, for any example; sorted.
      dtype_mismatches: Output, reference's dtype and candidate's dtype, where they differ; sorted.
    """

    examples: int = 0
    mismatching_examples: int = 0
    reference_only: int = 0
    candidate_only: int = 0
    outputs: Mapping[str, ComparisonStatistics] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    dtype_mismatches: tuple[tuple[str, str, str], ...] = ()

    def merged(self, *others: BatchStatistics) -> BatchStatistics:
        """Return the statistics of all of these batches together."""
        parts = (self, *others)
        values = {f.name: [getattr(part, f.name) for part in parts] for f in fields(self)}
        return BatchStatistics(**{name: _merge(found) for name, found in values.items()})

    def to_json(self) -> dict[str, Any]:
        """Return strict JSON values: NaN, infinities, bytes and complex numbers are written out."""
        document = {f.name: getattr(self, f.name) for f in fields(self)}
        outputs = {name: found.to_json() for name, found in self.outputs.items()}
        return document | {"outputs": outputs}


def _merge(values: Sequence[Any]) -> Any:
    if isinstance(values[0], int):
        return sum(values)
    if isinstance(values[0], tuple):
        return tuple(sorted(set().union(*values)))
    names = sorted(set().union(*values))
    parts = {name: [part[name] for part in values if name in part] for name in names}
    return {name: found[0].merged(*found[1:]) for name, found in parts.items()}


def compare_batch(pairs: Iterable[ExamplePair], policy: TolerancePolicy) -> BatchStatistics:
    """Compare a batch of examples, whose numbers are all different.

    Each example is judged by itself: its outputs' names and dtypes are those of its own answers,
    so that what is compared does not depend on the examples beside it.

    Args:
      pairs: The examples, in any order.
      policy: The tolerance of each output. That its overrides name outputs that exist is the
        caller's to check, once all batches are merged.

    Raises:
      BadInputError: If an override allows a difference where none has a size.
      TypeError: If an output cannot be compared.
    """
    alike: dict[object, list[ExamplePair]] = {}
    # By number, so that of equally bad elements the same ones are kept in any order of arrival.
    for pair in sorted(pairs, key=lambda pair: pair.number):
        alike.setdefault((_structure(pair.reference), _structure(pair.candidate)), []).append(pair)
    return BatchStatistics().merged(*(_compare_alike(group, policy) for group in alike.values()))


def _structure(outputs: Outputs) -> tuple[tuple[str, str], ...]:
    return tuple((name, outputs[name].dtype.name) for name in sorted(outputs))


def _compare_alike(pairs: Sequence[ExamplePair], policy: TolerancePolicy) -> BatchStatistics:
    """Compare examples whose outputs have the same names and dtypes."""
    reference, candidate = pairs[0].reference, pairs[0].candidate
    missing, extra = set(reference) - set(candidate), set(candidate) - set(reference)
    outputs = {
        name: compare_rows(
            [pair.reference[name] for pair in pairs],
            [pair.candidate[name] for pair in pairs],
            policy.for_output(name, reference[name].dtype),
        )
        for name in sorted(set(reference) & set(candidate))
    }
    mismatching = np.full(len(pairs), bool(missing or extra))
    for found in outputs.values():
        mismatching |= found.mismatching
    numbers = [pair.number for pair in pairs]
    return BatchStatistics(
        examples=len(pairs),
        mismatching_examples=int(np.count_nonzero(mismatching)),
        outputs={name: _numbered(found, numbers) for name, found in outputs.items()},
        missing=tuple(sorted(missing)),
        extra=tuple(sorted(extra)),
        dtype_mismatches=tuple(
            (name, *found.dtype_mismatch)
            for name, found in outputs.items()
            if found.dtype_mismatch is not None
        ),
    )


def _numbered(found: RowComparison, numbers: Sequence[int]) -> ComparisonStatistics:
    """Return a comparison's statistics with the examples' own numbers for their rows."""
    statistics = found.statistics
    worst = tuple(replace(element, row=numbers[element.row]) for element in statistics.worst)
    return replace(statistics, worst=worst)
