"""Predictions compared on Beam, on any runner: what is shuffled and kept does not grow with them.

The arithmetic is that of `comparison.batches`, whose statistics merge in any order to the same
result; here it is spread over workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TypeAlias

import apache_beam as beam

from tfx_parity.comparison.batches import BatchStatistics, ExamplePair, compare_batch
from tfx_parity.comparison.tolerance import TolerancePolicy
from tfx_parity.prediction_logs.records import example_number, read_prediction, request_key

REFERENCE, CANDIDATE = "reference", "candidate"
_LEAST_BATCH, _GREATEST_BATCH = 64, 1024

Paired: TypeAlias = "tuple[int, bytes | None, bytes | None]"
"""An example's number, with the reference's and the candidate's record."""


class CompareBatches(beam.PTransform):
    """Compares batches of examples that are paired already.

    Input: batches of `ExamplePair`, each example's number its own. Output: one `BatchStatistics`,
    of no example where there was no batch.
    """

    def __init__(self, policy: TolerancePolicy) -> None:
        super().__init__()
        self._policy = policy

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Compare each batch where it lies, and merge the statistics."""
        return (
            batches
            | "Compare batches" >> beam.Map(compare_batch, self._policy)
            | "Merge statistics" >> MergeStatistics(self._policy)
        )


class MergeStatistics(beam.PTransform):
    """Merges `BatchStatistics` to one, and refuses tolerances of outputs that no example has."""

    def __init__(self, policy: TolerancePolicy) -> None:
        super().__init__()
        self._policy = policy

    def expand(self, statistics: beam.PCollection) -> beam.PCollection:
        """Merge, in whatever order the statistics arrive."""
        return (
            statistics
            | "Merge" >> beam.CombineGlobally(_Merge())
            | "Check tolerances" >> beam.Map(_checked, self._policy)
        )


class ComparePredictions(beam.PTransform):
    """Compares two sets of `PredictionLog` records, of one example each, by their requests.

    Input: `{"reference": records, "candidate": records}`, serialized, in any order. Two records
    belong together where their requests have the same inputs; requests of one side alone are
    counted, never dropped in silence. Of several requests with the same inputs the answers are
    paired in the order of their bytes. Output: one `BatchStatistics`.

    Example:
        compared = {"reference": trainer, "candidate": canary} | ComparePredictions()
    """

    def __init__(
        self, policy: TolerancePolicy | None = None, label_features: Sequence[str] = ()
    ) -> None:
        """Construct the transform.

        Args:
            policy: The tolerance of each output; the defaults where None.
            label_features: Features of the raw examples that one side may have sent and the other
                not: requests are paired without them.
        """
        super().__init__()
        self._policy = TolerancePolicy() if policy is None else policy
        self._labels = tuple(label_features)

    def expand(self, sides: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Pair the records by their requests, and compare the answers."""
        if set(sides) != {REFERENCE, CANDIDATE}:
            raise ValueError(f"Expected the sides reference and candidate, got {sorted(sides)}.")
        keyed = {
            side: records | f"Key {side}" >> beam.Map(_keyed, side, self._labels)
            for side, records in sides.items()
        }
        return (
            keyed
            | "Group by request" >> beam.CoGroupByKey()
            | "Pair" >> beam.FlatMap(_paired)
            | "Batch"
            >> beam.BatchElements(min_batch_size=_LEAST_BATCH, max_batch_size=_GREATEST_BATCH)
            | "Compare" >> beam.Map(_compared, self._policy)
            | "Merge statistics" >> MergeStatistics(self._policy)
        )


@beam.typehints.with_output_types(tuple[bytes, bytes])
def _keyed(record: bytes, side: str, labels: Sequence[str]) -> tuple[bytes, bytes]:
    prediction = read_prediction(record, f"a record of the {side}")
    return request_key(prediction.inputs, labels), record


def _paired(group: tuple[bytes, Mapping[str, Iterable[bytes]]]) -> Iterator[Paired]:
    """Pair the answers of one request; a side that has fewer is None."""
    key, sides = group
    answers = (sorted(sides[side]) for side in (REFERENCE, CANDIDATE))
    for copy, (reference, candidate) in enumerate(zip_longest(*answers)):
        yield example_number(key, copy), reference, candidate


def _compared(batch: Sequence[Paired], policy: TolerancePolicy) -> BatchStatistics:
    pairs = [
        ExamplePair(
            number,
            read_prediction(reference, "a record of the reference").outputs,
            read_prediction(candidate, "a record of the candidate").outputs,
        )
        for number, reference, candidate in batch
        if reference is not None and candidate is not None
    ]
    return replace(
        compare_batch(pairs, policy),
        reference_only=sum(candidate is None for _, _, candidate in batch),
        candidate_only=sum(reference is None for _, reference, _ in batch),
    )


class _Merge(beam.CombineFn):
    """Merges statistics, which are their own accumulators."""

    def create_accumulator(self) -> BatchStatistics:
        return BatchStatistics()

    def add_input(self, accumulator: BatchStatistics, element: BatchStatistics) -> BatchStatistics:
        return accumulator.merged(element)

    def merge_accumulators(self, accumulators: Iterable[BatchStatistics]) -> BatchStatistics:
        return BatchStatistics().merged(*accumulators)

    def extract_output(self, accumulator: BatchStatistics) -> BatchStatistics:
        return accumulator


def _checked(statistics: BatchStatistics, policy: TolerancePolicy) -> BatchStatistics:
    if statistics.examples:  # without any there is no telling which outputs exist
        policy.require_outputs({*statistics.outputs, *statistics.missing, *statistics.extra})
    return statistics
