"""The second Beam job: raw examples with the transformed records that Beam makes of them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence

import apache_beam as beam
import pyarrow as pa
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder
from tfx_bsl.tfxio import record_based_tfxio, tf_example_record

from tfx_parity.contract.parity_sample import sample_key
from tfx_parity.protos import Example

_RAW_COLUMN = "__tfx_parity_raw__"
_READ_BATCH = 1000
# Kernels of log1p, exp and others answer by batch size in the last bits: the size is fixed.
_BATCH = 256
PAIR_CODER = beam.coders.TupleCoder((beam.coders.BytesCoder(), beam.coders.BytesCoder()))
PAIRS_FILE = "pairs"
AVAILABLE_FILE = "available"


def run_sample_job(
    make_pipeline: Callable[[], beam.Pipeline],
    patterns: Sequence[str],
    transform_output: str,
    schema: schema_pb2.Schema,
    seed: int,
    size: int,
    folder: str,
) -> None:
    """Draw raw examples, transform them with the produced graph and write the pairs.

    Args:
        make_pipeline: Makes the Beam pipeline to run.
        patterns: File patterns of the raw examples (gzip TFRecords of `tf.Example`).
        transform_output: The folder of the transform graph.
        schema: The data schema.
        seed: What keys the draw.
        size: How many examples to draw at most.
        folder: Where to write `pairs` (TFRecord of `PAIR_CODER`, in any order) and `available`
            (one line: how many raw examples there were).
    """
    with (
        make_pipeline() as pipeline,
        tft_beam.Context(temp_dir=f"{folder}/tft", passthrough_keys={_RAW_COLUMN}),
    ):
        raw = [
            pipeline | f"Read raw examples [{i}]" >> beam.io.ReadFromTFRecord(pattern)
            for i, pattern in enumerate(patterns)
        ]
        drawn = (
            raw
            | "Flatten splits" >> beam.Flatten()
            | "Draw smallest keys" >> beam.CombineGlobally(SmallestKeys(seed, size))
        )
        _ = (
            drawn
            | "Take count" >> beam.Map(lambda result: str(result[0]))
            | "Write count" >> beam.io.WriteToText(f"{folder}/{AVAILABLE_FILE}", num_shards=1)
        )
        _ = (
            drawn
            | "Batch drawn examples" >> beam.FlatMap(lambda result: _batches(result[1]))
            | "Reshuffle batches" >> beam.Reshuffle()
            | "Transform batches" >> _TransformBatches(pipeline, transform_output, schema)
            | "Write pairs"
            >> beam.io.WriteToTFRecord(f"{folder}/{PAIRS_FILE}", coder=PAIR_CODER, num_shards=1)
        )


def _batches(records: Sequence[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(records), _BATCH):
        yield list(records[start : start + _BATCH])


class SmallestKeys(beam.CombineFn):
    """Counts records and keeps the N with the smallest keyed hashes, whatever their order."""

    def __init__(self, seed: int, size: int) -> None:
        self._seed = seed
        self._size = size

    def create_accumulator(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Return a count of none and no kept records."""
        return 0, []

    def add_input(
        self, accumulator: tuple[int, list[tuple[bytes, bytes]]], record: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Add a record; what is kept is cut back once it has grown to twice the size."""
        count, kept = accumulator
        kept.append((sample_key(record, self._seed), record))
        return count + 1, self._cut(kept) if len(kept) >= 2 * self._size else kept

    def merge_accumulators(
        self, accumulators: Iterable[tuple[int, list[tuple[bytes, bytes]]]]
    ) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Merge counts and kept records."""
        total, merged = 0, []
        for count, kept in accumulators:
            total += count
            merged += kept
        return total, self._cut(merged)

    def extract_output(
        self, accumulator: tuple[int, list[tuple[bytes, bytes]]]
    ) -> tuple[int, list[bytes]]:
        """Return the count and the drawn records in the order of their keys."""
        count, kept = accumulator
        return count, [record for _, record in self._cut(kept)]

    def _cut(self, kept: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        return heapq.nsmallest(self._size, kept)


class _TransformBatches(beam.PTransform):
    """Batches of raw records to pairs of raw and transformed records."""

    def __init__(
        self, pipeline: beam.Pipeline, transform_output: str, schema: schema_pb2.Schema
    ) -> None:
        super().__init__()
        self._pipeline = pipeline
        self._transform_output = transform_output
        self._schema = schema

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Decode, transform with the produced graph, encode."""
        source = tf_example_record.TFExampleBeamRecord(
            physical_format="inmem",
            telemetry_descriptors=["TransformGraphGen"],
            schema=self._schema,
            raw_record_column_name=_RAW_COLUMN,
        )
        output_schema = tft.TFTransformOutput(self._transform_output).transformed_metadata.schema
        decoded = batches | "Decode" >> beam.ParDo(_Decode(self._schema))
        graph = self._pipeline | tft_beam.ReadTransformFn(self._transform_output)
        transformed, _ = (
            (decoded, source.TensorAdapterConfig()),
            graph,
        ) | tft_beam.TransformDataset(output_record_batches=True)
        return transformed | "Encode" >> beam.ParDo(_Encode(output_schema))


class _Decode(beam.DoFn):
    """Raw records to a record batch that carries them in a column of its own."""

    def __init__(self, schema: schema_pb2.Schema) -> None:
        self._schema = schema.SerializeToString()

    def setup(self) -> None:
        self._decoder = example_coder.ExamplesToRecordBatchDecoder(self._schema)

    def process(self, records: list[bytes]) -> Iterator[pa.RecordBatch]:
        batch = self._decoder.DecodeBatch(records)
        yield record_based_tfxio.AppendRawRecordColumn(batch, _RAW_COLUMN, records)


class _Encode(beam.DoFn):
    """A transformed record batch to pairs of raw and transformed records."""

    def __init__(self, schema: schema_pb2.Schema) -> None:
        self._schema = schema

    def setup(self) -> None:
        self._encoder = example_coder.RecordBatchToExamplesEncoder(self._schema)

    def process(self, element: tuple[pa.RecordBatch, object]) -> Iterator[tuple[bytes, bytes]]:
        batch, _ = element
        index = batch.schema.get_field_index(_RAW_COLUMN)
        raw = [values[0] for values in batch.column(index).to_pylist()]
        columns = [column for i, column in enumerate(batch.columns) if i != index]
        rest = pa.RecordBatch.from_arrays(columns, schema=batch.schema.remove(index))
        for record, transformed in zip(raw, self._encoder.encode(rest), strict=True):
            # The encoder writes a map in random order.
            yield record, Example.FromString(transformed).SerializeToString(deterministic=True)
