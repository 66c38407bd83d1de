"""The Beam job of PayloadValidator: files validated side by side, and statistics of their rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import apache_beam as beam
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.io import fileio
from tfx_bsl.tfxio import tf_example_record

from tfx_parity.findings import FaultKind
from tfx_parity.payloads.guard import PayloadGuard
from tfx_parity.payloads.payload_examples import payload_examples
from tfx_parity.payloads.schema_rules import rules_of_schema
from tfx_parity.payloads.served_model import read_served_model
from tfx_parity.payloads.validation import Validation, ValidationOptions

PARTIALS_FILE = "partials"
_EXAMPLES = "examples"


@dataclass(frozen=True)
class PayloadJob:
    """What a worker needs to validate files.

    Attributes:
        model: The SavedModel's folder, as every worker can read it.
        schema: The serialized data schema.
        environment: The schema's environment of what clients send.
        fail_on: The mildest kind of fault that fails.
    """

    model: str
    schema: bytes
    environment: str
    fail_on: str

    def guard(self) -> PayloadGuard:
        """Return the checks, made once a process."""
        return _guard(self)

    def validation(self, *, without_labels: bool = False) -> Validation:
        """Return a validation to add files to.

        Args:
            without_labels: Whether labels are taken out of examples first.
        """
        options = ValidationOptions(fail_on=FaultKind(self.fail_on), without_labels=without_labels)
        return Validation(self.guard(), options)


@lru_cache(maxsize=1)
def _guard(job: PayloadJob) -> PayloadGuard:
    schema = schema_pb2.Schema.FromString(job.schema)
    rules = rules_of_schema(schema, job.environment)
    with local_copy(job.model) as folder:
        return PayloadGuard(read_served_model(folder), rules)


class local_copy:  # noqa: N801 - used as a function
    """A context in which a file or folder is on this machine."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Path:
        if "://" not in self._uri:
            return Path(self._uri)
        self._folder = tempfile.TemporaryDirectory(prefix="tfx-parity-")
        target = f"{self._folder.name}/{self._uri.rstrip('/').rpartition('/')[2]}"
        _copy(self._uri, target)
        return Path(target)

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def _copy(uri: str, target: str) -> None:
    if not fileio.isdir(uri):
        fileio.copy(uri, target)
        return
    for folder, _, names in fileio.walk(uri):
        inner = f"{target}{folder.removeprefix(uri)}"
        fileio.makedirs(inner)
        for name in names:
            fileio.copy(f"{folder}/{name}", f"{inner}/{name}")


def run_payload_job(
    make_pipeline: Callable[[], beam.Pipeline],
    job: PayloadJob,
    files: Sequence[tuple[str, bool]],
    statistics_path: str,
    folder: str,
) -> None:
    """Validate files and make statistics of the examples that reach the model.

    Args:
        make_pipeline: Makes the Beam pipeline to run.
        job: What a worker needs.
        files: Each with whether its records are training examples, whose labels are taken out.
        statistics_path: Where to write the statistics (binary DatasetFeatureStatisticsList).
        folder: Where to write the partial results, a line a file.
    """
    schema = _of_environment(schema_pb2.Schema.FromString(job.schema), job)
    converter = tf_example_record.TFExampleBeamRecord(
        physical_format="inmem", telemetry_descriptors=["tfx_parity"], schema=schema
    )
    with make_pipeline() as pipeline:
        found = (
            pipeline
            | "List files" >> beam.Create(list(files))
            | "Spread files" >> beam.Reshuffle()
            | "Validate files"
            >> beam.ParDo(_ValidateFile(job)).with_outputs(_EXAMPLES, main=PARTIALS_FILE)
        )
        _ = found[PARTIALS_FILE] | "Write partial results" >> beam.io.WriteToText(
            f"{folder}/{PARTIALS_FILE}"
        )
        _ = (
            found[_EXAMPLES]
            | "Decode examples" >> converter.BeamSource()
            | "Make statistics" >> tfdv.GenerateStatistics(tfdv.StatsOptions(schema=schema))
            | "Write statistics" >> tfdv.WriteStatisticsToBinaryFile(statistics_path)
        )


def _of_environment(schema: schema_pb2.Schema, job: PayloadJob) -> schema_pb2.Schema:
    """Return the schema without the features that clients never send."""
    served = schema_pb2.Schema()
    served.CopyFrom(schema)
    labels = rules_of_schema(schema, job.environment).labels
    del served.feature[:]
    served.feature.extend(feature for feature in schema.feature if feature.name not in labels)
    return served


class _ValidateFile(beam.DoFn):
    """Yields the partial result of a file, and its examples beside it."""

    def __init__(self, job: PayloadJob) -> None:
        self._job = job

    def process(self, element: tuple[str, bool]) -> Iterator[str | beam.pvalue.TaggedOutput]:
        """Validate one file.

        Args:
            element: The file, and whether its labels are to be taken out.
        """
        uri, is_training = element
        guard, validation = self._job.guard(), self._job.validation(without_labels=is_training)
        with local_copy(uri) as path:
            for form, payload in validation.validating(path, uri):
                for record in payload_examples(guard.model, form, payload):
                    yield beam.pvalue.TaggedOutput(_EXAMPLES, record)
        yield validation.partial().decode("utf-8")
