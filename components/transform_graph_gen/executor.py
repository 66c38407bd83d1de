"""TransformGraphGen executor: TFX's Transform, then the contract and the parity sample."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.transform import executor as transform_executor
from tfx.components.transform import executor_utils
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils

from tfx_parity.contract import Digests, Pair, ParitySample
from tfx_parity.contract.parity_sample import FOLDER_NAME, sample_key, write_sample
from tfx_parity.contract.serving_contract import FILE_NAME
from tfx_parity.errors import BadInputError
from tfx_parity.tfx_lines import FINGERPRINT
from tfx_parity.transform_graph_gen import keys
from tfx_parity.transform_graph_gen.batching import batches_cut_by_size
from tfx_parity.transform_graph_gen.contract_builder import build_contract, schema_digest
from tfx_parity.transform_graph_gen.coverage import coverage_rows
from tfx_parity.transform_graph_gen.sample_job import (
    AVAILABLE_FILE,
    PAIR_CODER,
    PAIRS_FILE,
    read_batches,
    run_sample_job,
)

_TEMP_FOLDER = ".tfx_parity_temp"
_FILE_FORMAT = "tfrecords_gzip"


class Executor(transform_executor.Executor):
    """Runs Transform, then adds the serving contract and the parity sample to its graph."""

    def Do(  # noqa: N802 - TFX names it
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Run the component.

        Args:
            input_dict: `examples`, `schema` and optionally `analyzer_cache`, as for Transform.
            output_dict: As for Transform; `transform_graph` holds the contract and the sample, too.
            exec_properties: Those of Transform, and `parity_sample_size`, `seed`,
                `serving_environment`, `tfx_parity_version`.

        Raises:
            BadInputError: If the examples are no `tf.Example`s.
        """
        examples = input_dict[standard_component_specs.EXAMPLES_KEY]
        _check_payloads(examples)
        with batches_cut_by_size():
            super().Do(input_dict, output_dict, exec_properties)
        splits = executor_utils.ResolveSplitsConfig(
            exec_properties.get(standard_component_specs.SPLITS_CONFIG_KEY), examples
        ).transform
        self._add_contract_and_sample(
            graph_uri=artifact_utils.get_single_uri(
                output_dict[standard_component_specs.TRANSFORM_GRAPH_KEY]
            ),
            schema=_read_schema(input_dict[standard_component_specs.SCHEMA_KEY]),
            splits=tuple(sorted(splits)),
            patterns=[
                io_utils.all_files_pattern(uri)
                for split in sorted(splits)
                for uri in artifact_utils.get_split_uris(examples, split)
            ],
            exec_properties=exec_properties,
        )

    def _add_contract_and_sample(
        self,
        graph_uri: str,
        schema: schema_pb2.Schema,
        splits: tuple[str, ...],
        patterns: list[str],
        exec_properties: dict[str, Any],
    ) -> None:
        seed = exec_properties[keys.SEED]
        size = exec_properties[keys.PARITY_SAMPLE_SIZE]
        output = tft.TFTransformOutput(graph_uri)
        graph_digest, vocabularies = _graph_digest(graph_uri), _vocabulary_digests(output)
        temp = f"{graph_uri}/{_TEMP_FOLDER}"
        run_sample_job(self._make_beam_pipeline, patterns, graph_uri, schema, seed, size, temp)
        pairs, available = _read_pairs(temp, seed), _read_available(temp)
        io_utils.delete_dir(temp)
        environment = exec_properties[keys.SERVING_ENVIRONMENT]
        with tempfile.TemporaryDirectory(prefix="tfx-parity-") as folder:
            draft = Digests(graph_digest, schema_digest(schema), "", vocabularies)
            contract = build_contract(output, schema, environment, draft)
            coverage = coverage_rows(contract, output, pairs)
            sample = ParitySample(tuple(pairs), coverage, seed, splits, available)
            digest = write_sample(Path(folder), sample)
            io_utils.copy_dir(folder, f"{graph_uri}/{FOLDER_NAME}")
        contract = replace(contract, digests=replace(draft, parity_sample=digest))
        with fileio.open(f"{graph_uri}/{FILE_NAME}", "wb") as file:
            file.write(contract.to_json())


def _check_payloads(examples: list[types.Artifact]) -> None:
    """Refuse payloads that have no raw `tf.Example` records to pair."""
    for artifact in examples:
        payload = examples_utils.get_payload_format(artifact)
        if payload != example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE:
            name = example_gen_pb2.PayloadFormat.Name(payload)
            raise BadInputError(
                f"Expected tf.Example payloads (FORMAT_TF_EXAMPLE), found {name} in {artifact.uri}."
                " A parity sample needs raw tf.Example records; let ExampleGen write those."
            )
        if (file_format := examples_utils.get_file_format(artifact)) not in ("", _FILE_FORMAT):
            raise BadInputError(
                f"Expected examples as {_FILE_FORMAT}, found {file_format} in {artifact.uri}. "
                "Let ExampleGen write TFRecords."
            )


def _read_schema(artifacts: list[types.Artifact]) -> schema_pb2.Schema:
    path = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(artifacts))
    return io_utils.SchemaReader().read(path)


def _read_pairs(folder: str, seed: int) -> list[Pair]:
    """Return the pairs that the Beam job wrote, in the order of their keys."""
    pairs = [
        Pair(*PAIR_CODER.decode(record))
        for path in sorted(fileio.glob(f"{folder}/{PAIRS_FILE}*"))
        for batch in read_batches(path)
        for record in batch
    ]
    if not pairs:
        raise BadInputError(
            "Expected examples to draw the parity sample from, found none in any split. "
            "Check ExampleGen's input and the splits to transform."
        )
    return sorted(pairs, key=lambda pair: (sample_key(pair.raw, seed), pair.transformed))


def _read_available(folder: str) -> int:
    (path,) = fileio.glob(f"{folder}/{AVAILABLE_FILE}*")
    with fileio.open(path, "r") as file:
        return int(file.read())


def _vocabulary_digests(output: tft.TFTransformOutput) -> dict[str, str]:
    folder = f"{output.transform_savedmodel_dir}/assets"
    names = sorted(fileio.listdir(folder)) if fileio.isdir(folder) else []
    return {name: _sha256(f"{folder}/{name}") for name in names}


def _graph_digest(graph_uri: str) -> str:
    """Return the sha256 over the names and digests of the graph's and its metadata's files.

    A run that was killed and is made again makes the same transform graph on each TFX line.
    """
    digest = hashlib.sha256()
    for part in (
        tft.TFTransformOutput.TRANSFORM_FN_DIR,
        tft.TFTransformOutput.TRANSFORMED_METADATA_DIR,
    ):
        for folder, _, names in sorted(fileio.walk(f"{graph_uri}/{part}")):
            for name in sorted(set(names) - {FINGERPRINT}):
                path = f"{folder}/{name}"
                digest.update(f"{path.removeprefix(graph_uri)}\0{_sha256(path)}\n".encode())
    return digest.hexdigest()


def _sha256(path: str) -> str:
    with fileio.open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
