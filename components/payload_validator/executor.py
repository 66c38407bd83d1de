"""PayloadValidator executor: unpacks artifacts, runs the job, writes what was found."""

from __future__ import annotations

import logging
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from tfx_parity.contract import ServingContract
from tfx_parity.contract.serving_contract import FILE_NAME as CONTRACT_FILE
from tfx_parity.errors import BadInputError
from tfx_parity.findings import PayloadResult, StaticFinding, Verdict
from tfx_parity.payload_validator import keys
from tfx_parity.payload_validator.beam_job import PARTIALS_FILE, PayloadJob, run_payload_job
from tfx_parity.payloads.numeric_summary import summaries_of
from tfx_parity.payloads.static_checks import static_findings
from tfx_parity.payloads.validation import unreadable_model
from tfx_parity.reporting.payload_page import write_payload_report

_log = logging.getLogger(__name__)
_STATISTICS_FILE = "FeatureStats.pb"
_ANOMALIES_FILE = "SchemaDiff.pb"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Validates what clients send, and blesses it or not."""

    def Do(  # noqa: N802 - TFX names it
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Run the component.

        Args:
            input_dict: `model`, `schema`, and `transform_graph`, `examples`, `inference_result`,
                `statistics` where given.
            output_dict: `report`, `payload_statistics`, `anomalies` and `blessing`.
            exec_properties: `environment`, `fail_on`, and `payloads` where given.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(input_dict[keys.MODEL])
        schema = _read_schema(input_dict)
        job = PayloadJob(
            model=path_utils.serving_model_path(model.uri),
            schema=schema.SerializeToString(deterministic=True),
            environment=exec_properties[keys.ENVIRONMENT],
            fail_on=exec_properties[keys.FAIL_ON],
        )
        try:
            result = self._validated(job, schema, input_dict, output_dict, exec_properties)
        except BadInputError as error:
            # As with CanaryValidator, a model that is damaged is a result and no error.
            result = unreadable_model(job.model, str(error))
        _write_report(artifact_utils.get_single_instance(output_dict[keys.REPORT]), result)
        _write_blessing(artifact_utils.get_single_instance(output_dict[keys.BLESSING]), result)

    def _validated(
        self,
        job: PayloadJob,
        schema: schema_pb2.Schema,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> PayloadResult:
        """Run the job, and write statistics and anomalies.

        Raises:
            BadInputError: If the model cannot be read.
        """
        guard, validation = job.guard(), job.validation()
        statics = static_findings(guard.model, guard.rules, _contract(input_dict))
        files = list(_files(input_dict, exec_properties))
        statistics = artifact_utils.get_single_instance(output_dict[keys.PAYLOAD_STATISTICS])
        path = f"{statistics.uri}/Split-{keys.PAYLOAD_SPLIT}/{_STATISTICS_FILE}"
        statistics.split_names = artifact_utils.encode_split_names([keys.PAYLOAD_SPLIT])
        with tempfile.TemporaryDirectory(prefix="tfx-parity-") as folder:
            temp = folder if "://" not in statistics.uri else f"{statistics.uri}/.temp"
            run_payload_job(self._make_beam_pipeline, job, files, path, temp)
            for partial in sorted(_lines(temp)):
                validation.merge(partial)
        anomalies = artifact_utils.get_single_instance(output_dict[keys.ANOMALIES])
        found = _write_anomalies(anomalies, path, schema, input_dict, job.environment)
        read = guard.model.features_read
        found = [replace(f, blocking=f.blocking and f.name in read) for f in found]
        trained = _training_statistics(input_dict)
        if trained is not None:
            served = summaries_of(tfdv.load_stats_binary(path))
            validation.add_preprocessed(summaries_of(trained), served)
        return validation.result((*statics, *found), _reproduce(job, input_dict, exec_properties))


def _read_schema(input_dict: dict[str, list[types.Artifact]]) -> schema_pb2.Schema:
    uri = artifact_utils.get_single_uri(input_dict[keys.SCHEMA])
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(uri))


def _contract(input_dict: dict[str, list[types.Artifact]]) -> ServingContract | None:
    """Return the contract of the transform graph; None of one that TFX's Transform made."""
    if not input_dict.get(keys.TRANSFORM_GRAPH):
        return None
    path = f"{artifact_utils.get_single_uri(input_dict[keys.TRANSFORM_GRAPH])}/{CONTRACT_FILE}"
    if not fileio.exists(path):
        return None
    with fileio.open(path, "rb") as file:
        return ServingContract.from_json(file.read(), path)


def _files(
    input_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
) -> Iterator[tuple[str, bool]]:
    """Yield the files to validate, each with whether its records hold labels to take out."""
    for artifact in input_dict.get(keys.EXAMPLES) or []:
        for split in sorted(artifact_utils.decode_split_names(artifact.split_names)):
            pattern = io_utils.all_files_pattern(artifact_utils.get_split_uri([artifact], split))
            yield from ((path, True) for path in sorted(fileio.glob(pattern)))
    for artifact in input_dict.get(keys.INFERENCE_RESULT) or []:
        yield from _below(artifact.uri)
    if exec_properties.get(keys.PAYLOADS):
        yield from _below(exec_properties[keys.PAYLOADS])


def _below(uri: str) -> Iterator[tuple[str, bool]]:
    if not fileio.isdir(uri):
        yield uri, False
        return
    for folder, _, names in sorted(fileio.walk(uri)):
        yield from ((f"{folder}/{name}", False) for name in sorted(names) if name[0] not in "._")


def _lines(folder: str) -> Iterator[bytes]:
    for path in sorted(fileio.glob(f"{folder}/{PARTIALS_FILE}*")):
        with fileio.open(path, "rb") as file:
            yield from file.read().splitlines()


def _write_anomalies(
    artifact: types.Artifact,
    statistics_path: str,
    schema: schema_pb2.Schema,
    input_dict: dict[str, list[types.Artifact]],
    environment: str,
) -> list[StaticFinding]:
    """Write TFDV's anomalies of the payloads, and of training against serving where asked for."""
    served = tfdv.load_stats_binary(statistics_path)
    found = {keys.PAYLOAD_SPLIT: tfdv.validate_statistics(served, schema, environment)}
    trained = _training_statistics(input_dict)
    if trained is not None and any(f.HasField("skew_comparator") for f in schema.feature):
        found[keys.SKEW_SPLIT] = tfdv.validate_statistics(
            trained, schema, serving_statistics=served
        )
    artifact.split_names = artifact_utils.encode_split_names(sorted(found))
    for split, anomalies in found.items():
        path = f"{artifact.uri}/Split-{split}/{_ANOMALIES_FILE}"
        io_utils.write_bytes_file(path, anomalies.SerializeToString(deterministic=True))
    return [finding for split in sorted(found) for finding in _as_findings(split, found[split])]


def _training_statistics(
    input_dict: dict[str, list[types.Artifact]],
) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    if not input_dict.get(keys.STATISTICS):
        return None
    artifact = artifact_utils.get_single_instance(input_dict[keys.STATISTICS])
    splits = artifact_utils.decode_split_names(artifact.split_names)
    split = "train" if "train" in splits else splits[0]
    uri = artifact_utils.get_split_uri([artifact], split)
    return tfdv.load_stats_binary(f"{uri}/{_STATISTICS_FILE}")


def _as_findings(split: str, anomalies: anomalies_pb2.Anomalies) -> Iterator[StaticFinding]:
    expected = "training and serving alike" if split == keys.SKEW_SPLIT else "what the schema says"
    for name, info in sorted(anomalies.anomaly_info.items()):
        yield StaticFinding(
            code="SKEW" if split == keys.SKEW_SPLIT else "ANOMALY",
            blocking=info.severity == anomalies_pb2.AnomalyInfo.ERROR,
            signature="",
            name=name,
            expected=expected,
            found=info.description,
            cure="Look at the feature in the payloads' statistics beside the training ones.",
        )


def _reproduce(
    job: PayloadJob, input_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
) -> str:
    """Return the command that does this again, but for what statistics say."""
    examples = [artifact.uri for artifact in input_dict.get(keys.EXAMPLES) or []]
    results = [artifact.uri for artifact in input_dict.get(keys.INFERENCE_RESULT) or []]
    payloads = [exec_properties[keys.PAYLOADS]] if exec_properties.get(keys.PAYLOADS) else []
    schema = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict[keys.SCHEMA]))
    words = ["tfx-parity", "payload", job.model, *examples, *results, *payloads]
    words += ["--without-labels"] if examples else []
    words += ["--schema", schema, "--environment", job.environment, "--fail-on", job.fail_on]
    return shlex.join(words)


def _write_report(artifact: types.Artifact, result: PayloadResult) -> None:
    with tempfile.TemporaryDirectory(prefix="tfx-parity-") as folder:
        paths = write_payload_report(Path(folder), result)
        fileio.makedirs(artifact.uri)
        for path in paths:
            fileio.copy(str(path), f"{artifact.uri}/{path.name}", overwrite=True)
    artifact.set_string_custom_property("verdict", result.verdict.value)
    artifact.set_int_custom_property("payloads", result.payloads)
    artifact.set_int_custom_property("faults", sum(tally.count for tally in result.tallies))


def _write_blessing(artifact: types.Artifact, result: PayloadResult) -> None:
    is_blessed = result.verdict is Verdict.PASS
    name = keys.BLESSED_FILE if is_blessed else keys.NOT_BLESSED_FILE
    io_utils.write_string_file(f"{artifact.uri}/{name}", "")
    artifact.set_int_custom_property(keys.BLESSED, int(is_blessed))
    _log.info("%s: %s", result.verdict.value, result.sentence)
