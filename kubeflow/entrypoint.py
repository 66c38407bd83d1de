"""The command of every step on Kubeflow: TFX's own entrypoint, told what it must be told.

    python -m tfx_parity.kubeflow.entrypoint --executor_class_path CLASS
        --json_serialized_invocation_args EXECUTOR_INPUT
        --json_serialized_inputs_spec_args COMPONENT_INPUTS_SPEC [BEAM_ARGUMENTS]

These are the arguments that TFX compiles for its own entrypoint. With Vertex AI nothing is mended;
with open-source Kubeflow Pipelines what `executor_input` describes is, and TFX stays unpatched.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from absl import flags
from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver

from tfx_parity.kubeflow.executor_input import (
    LAUNCHER_ROOT,
    ExecutorInput,
    ExecutorOutput,
    local_uris,
    needs_driver,
    renamed,
    with_driver_output,
    with_types,
    without_foreign_outputs,
)


def main(arguments: Sequence[str]) -> None:
    """Run a step.

    Args:
        arguments: The command's arguments.

    Raises:
        BadInputError: If an input artifact's type is nowhere told.
    """
    flags.FLAGS([sys.argv[0]])  # TFX and Beam read absl's flags.
    known, beam_arguments = _parser().parse_known_args(list(arguments))
    inputs_spec = known.json_serialized_inputs_spec_args
    given = without_foreign_outputs(json.loads(known.json_serialized_invocation_args))
    given = with_types(given, json.loads(inputs_spec or "{}"))
    locals_by_uri = local_uris(given, os.environ.get(LAUNCHER_ROOT, "/"))
    given = renamed(given, locals_by_uri)
    given = _driven(given, inputs_spec)
    told = argparse.Namespace(
        executor_class_path=known.executor_class_path,
        json_serialized_invocation_args=json.dumps(given),
        json_serialized_inputs_spec_args=inputs_spec,
    )
    kubeflow_v2_run_executor.main((told, beam_arguments))
    if locals_by_uri:
        _tell_uris(Path(given["outputs"]["outputFile"]), locals_by_uri)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tfx_parity.kubeflow.entrypoint")
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args")
    return parser


def _driven(given: ExecutorInput, inputs_spec: str | None) -> ExecutorInput:
    """Run the driver of a file-based ExampleGen, unless the orchestrator has."""
    if not needs_driver(given):
        return given
    output_file = given["outputs"]["outputFile"]
    if not fileio.exists(output_file):
        driver.main(
            argparse.Namespace(
                json_serialized_invocation_args=json.dumps(given),
                json_serialized_inputs_spec_args=inputs_spec,
            )
        )
    with fileio.open(output_file, "r") as file:
        driven: ExecutorOutput = json.loads(file.read())
    return with_driver_output(given, driven)


def _tell_uris(output_file: Path, locals_by_uri: Mapping[str, str]) -> None:
    """Name the artifacts in the output file by their URIs again."""
    uris = {path: uri for uri, path in locals_by_uri.items()}
    output = renamed(json.loads(output_file.read_text(encoding="utf-8")), uris)
    output_file.write_text(json.dumps(output), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
