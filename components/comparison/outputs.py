"""All outputs of a model: each against its namesake, and what is missing or too many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfx_parity.comparison.pairs import Rows, dtype_of
from tfx_parity.comparison.rows import RowComparison, compare_rows
from tfx_parity.comparison.tolerance import EXACT, TolerancePolicy


@dataclass(frozen=True, eq=False)
class OutputsComparison:
    """Which examples mismatch in any output.

    Attributes:
      count: The number of examples; 0 proves nothing, and it is the caller's to say so.
      outputs: The comparison of each output that both sides have, in the order of the names.
      missing: Names that the reference has and the candidate has not, sorted.
      extra: Names that the candidate has and the reference has not, sorted.
      mismatching: bool [count], examples that mismatch in any output; all of them where an output
        is missing or too many.
    """

    count: int
    outputs: Mapping[str, RowComparison]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    mismatching: npt.NDArray[np.bool_]

    @property
    def is_structural(self) -> bool:
        """Whether names, dtypes or shapes differ: a finding of its own, never part of a rate."""
        return bool(self.missing or self.extra) or any(
            output.dtype_mismatch is not None or output.shape_mismatch.any()
            for output in self.outputs.values()
        )


def compare_outputs(
    reference: Mapping[str, Rows],
    candidate: Mapping[str, Rows],
    policy: TolerancePolicy,
    *,
    non_finite_agrees: bool = False,
    first_row: int = 0,
) -> OutputsComparison:
    """Compare every output with the one of exactly the same name.

    Args:
      reference: The trainer's rows by output name; each as `compare_rows` takes them.
      candidate: The canary's rows by output name, in the same order of examples.
      policy: The tolerance of each output.
      non_finite_agrees: Whether any NaN or infinity agrees with any other.
      first_row: The number of the first row among all batches.

    Raises:
      BadInputError: If the policy overrides an output that neither side has.
      ValueError: If the outputs differ in the number of their rows.
      TypeError: If an output cannot be compared.
    """
    policy.require_outputs({*reference, *candidate})
    count = _count_examples(reference, candidate)
    missing = tuple(sorted(set(reference) - set(candidate)))
    extra = tuple(sorted(set(candidate) - set(reference)))
    outputs = {}
    mismatching = np.full(count, bool(missing or extra))
    for name in sorted(set(reference) & set(candidate)):
        dtype = dtype_of(reference[name])
        tolerance = EXACT if dtype is None else policy.for_output(name, dtype)
        outputs[name] = compare_rows(
            reference[name],
            candidate[name],
            tolerance,
            non_finite_agrees=non_finite_agrees,
            first_row=first_row,
        )
        mismatching |= outputs[name].mismatching
    return OutputsComparison(count, outputs, missing, extra, mismatching)


def _count_examples(reference: Mapping[str, Rows], candidate: Mapping[str, Rows]) -> int:
    counts = {f"reference {name!r}": len(rows) for name, rows in sorted(reference.items())}
    counts |= {f"candidate {name!r}": len(rows) for name, rows in sorted(candidate.items())}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ValueError(f"Expected as many rows in every output of both sides, got {found}.")
    return next(iter(counts.values()), 0)
