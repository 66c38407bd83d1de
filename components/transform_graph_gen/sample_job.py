"""The second Beam job: raw examples with the transformed records that Beam makes of them."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.io import fileio
from apache_beam.io.filesystem import FileMetadata
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder
from tfx_bsl.tfxio import record_based_tfxio, tf_example_record

from tfx_parity.contract.examples import in_canonical_order
from tfx_parity.contract.parity_sample import KEY_BYTES, sample_key

_RAW_COLUMN = "__tfx_parity_raw__"
_READ_BATCH = 1000
# Kernels of log1p, exp and others answer by batch size in the last bits: the size is fixed.
_BATCH = 256
PAIR_CODER = beam.coders.TupleCoder((beam.coders.BytesCoder(), beam.coders.BytesCoder()))
PAIRS_FILE = "pairs"
AVAILABLE_FILE = "available"
Drawn: TypeAlias = tuple[int, list[tuple[bytes, bytes]]]
"""How many records there were, and the drawn ones with their keys, in the keys' order."""


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
        drawn = (
            pipeline
            | "Name splits" >> beam.Create(patterns)
            | "Match files" >> fileio.MatchAll()
            | "Reshuffle files" >> beam.Reshuffle()
            | "Draw from files" >> beam.ParDo(_DrawFromFile(seed, size))
            | "Draw smallest keys" >> beam.CombineGlobally(SmallestKeys(size))
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


def read_batches(path: str) -> Iterator[list[bytes]]:
    """Yield the records of a TFRecord file, plain or gzip, many at a time.

    TensorFlow's reader takes a tenth of the time of Beam's, which could not split the file either:
    it is one gzip stream.
    """
    compression = "GZIP" if path.endswith(".gz") else ""
    for batch in tf.data.TFRecordDataset(path, compression).batch(_READ_BATCH).as_numpy_iterator():
        yield batch.tolist()


def _batches(records: Sequence[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(records), _BATCH):
        yield list(records[start : start + _BATCH])


class _DrawFromFile(beam.DoFn):
    """Counts a file's records and keeps the N with the smallest keyed hashes."""

    def __init__(self, seed: int, size: int) -> None:
        self._seed = seed
        self._size = size

    def process(self, file: FileMetadata) -> Iterator[Drawn]:
        count, kept, largest = 0, list[tuple[bytes, bytes]](), b"\xff" * KEY_BYTES
        for batch in read_batches(file.path):
            count += len(batch)
            records = map(in_canonical_order, batch)
            keyed = ((sample_key(record, self._seed), record) for record in records)
            kept += (pair for pair in keyed if pair[0] <= largest)
            if len(kept) >= 2 * self._size:
                kept = heapq.nsmallest(self._size, kept)
                largest, _ = kept[-1]
        yield count, heapq.nsmallest(self._size, kept)


class SmallestKeys(beam.CombineFn):
    """Adds counts and keeps the N records with the smallest keys, whatever their order."""

    def __init__(self, size: int) -> None:
        self._size = size

    def create_accumulator(self) -> Drawn:
        """Return a count of none and no kept records."""
        return 0, []

    def add_input(self, accumulator: Drawn, drawn: Drawn) -> Drawn:
        """Add what was drawn from a file."""
        return self.merge_accumulators([accumulator, drawn])

    def merge_accumulators(self, accumulators: Iterable[Drawn]) -> Drawn:
        """Merge counts and kept records."""
        counts, kept = zip(*accumulators, strict=True)
        return sum(counts), heapq.nsmallest(self._size, itertools.chain.from_iterable(kept))

    def extract_output(self, accumulator: Drawn) -> tuple[int, list[bytes]]:
        """Return the count and the drawn records in the order of their keys."""
        count, kept = accumulator
        return count, [record for _, record in kept]


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
            yield record, in_canonical_order(transformed)
