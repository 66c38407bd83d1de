"""What a step is told, mended for TFX."""

from __future__ import annotations

from typing import Any

import pytest

from tfx_parity.errors import BadInputError
from tfx_parity.kubeflow.executor_input import (
    local_uris,
    needs_driver,
    renamed,
    with_driver_output,
    with_types,
    without_foreign_outputs,
)
from tfx_parity.kubeflow.placeholders import filled

MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
INPUTS_SPEC = {"artifacts": {"model": {"artifactType": MODEL}}}
OUTPUT_FILE = "/tmp/kfp_outputs/output_metadata.json"  # noqa: S108 - the launcher's own


def _given(
    told: dict[str, Any] | None = None, uri: str = "minio://b/model", output_file: str = OUTPUT_FILE
) -> dict[str, Any]:
    artifact = {"name": "7", "uri": uri, **({} if told is None else {"type": told})}
    report = {"uri": "minio://b/report", "type": {"instanceSchema": "title: tfx_parity.R\n"}}
    logs = {"uri": "minio://b/logs", "type": {"schemaTitle": "system.Artifact"}}
    return {
        "inputs": {
            "parameterValues": {"rate": 0.5, "steps": 3.0, "name": "a b"},
            "artifacts": {"model": {"artifacts": [artifact]}},
        },
        "outputs": {
            "artifacts": {
                "report": {"artifacts": [report]},
                "executor-logs": {"artifacts": [logs]},
            },
            "outputFile": output_file,
        },
    }


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(None, id="no type"),
        pytest.param({"instanceSchema": ""}, id="an empty schema"),
        pytest.param({"schemaTitle": "system.Artifact"}, id="a type of Kubeflow's"),
        pytest.param({"instanceSchema": "title: system.Model"}, id="a schema of Kubeflow's"),
    ],
)
def test_a_type_that_was_dropped_comes_from_the_compiled_component(
    told: dict[str, Any] | None,
) -> None:
    """Whatever the server's version writes in place of the type."""
    given = _given(told)

    mended = with_types(given, INPUTS_SPEC)

    assert _given(MODEL) == mended
    assert _given(told) == given


@pytest.mark.parametrize(
    "told", [{"schemaTitle": "tfx.Model"}, {"instanceSchema": "title: mine.Model"}]
)
def test_a_type_that_is_told_stays(told: dict[str, Any]) -> None:
    """Vertex AI's are left alone."""
    assert _given(told) == with_types(_given(told), INPUTS_SPEC)


def test_a_type_that_is_nowhere_told_is_refused() -> None:
    """A guess could make TFX read the wrong properties."""
    with pytest.raises(BadInputError, match=r"type of the input 'model'.*knows \[\] only"):
        with_types(_given(None), {})


def test_outputs_of_kubeflow_itself_are_dropped() -> None:
    """TFX would try to import system.Artifact."""
    mended = without_foreign_outputs(_given(MODEL))

    assert ["report"] == list(mended["outputs"]["artifacts"])


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("minio://b/k/model", "/minio/b/k/model"),
        ("s3://b/k/model", "/s3/b/k/model"),
        ("gs://b/k/model", "/gcs/b/k/model"),
    ],
)
def test_the_launchers_copy_is_found_by_the_uri(uri: str, path: str) -> None:
    """By the rules of LocalPathForURI."""
    assert path == local_uris(_given(MODEL, uri), "/")[uri]


def test_where_no_launcher_keeps_copies_uris_stay() -> None:
    """Vertex AI's output file lies in the store, as its artifacts do."""
    given = _given(MODEL, "gs://b/model", "gs://b/task/executor_output.json")

    assert {} == local_uris(given, "/")


def test_paths_and_shared_folders_stay() -> None:
    """There is nothing to copy where a volume is mounted."""
    assert "/mnt/model" not in local_uris(_given(MODEL, "/mnt/model"), "/")


def test_renaming_goes_everywhere_and_back() -> None:
    """Properties that hold an artifact's URI are told by it again."""
    names = {"minio://b/model": "/minio/b/model"}
    message = {"uri": "minio://b/model", "more": [{"current_model": "minio://b/model"}, 1.0]}

    there = renamed(message, names)

    assert {"uri": "/minio/b/model", "more": [{"current_model": "/minio/b/model"}, 1.0]} == there
    assert message == renamed(there, {path: uri for uri, path in names.items()})


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"input_base": "/data", "input_config": "{}"}, True),
        ({"input_config": "{}"}, False),
        ({}, False),
    ],
)
def test_only_file_based_example_gens_need_the_driver(
    parameters: dict[str, str], expected: bool
) -> None:
    """Those that ask a database have no input_base."""
    assert expected == needs_driver({"inputs": {"parameterValues": parameters}})


def test_what_the_driver_found_is_carried_into_the_output() -> None:
    """Its properties join those that the artifact has."""
    given = {"outputs": {"artifacts": {"examples": {"artifacts": [{"metadata": {"a": 1.0}}]}}}}
    driven = {"artifacts": {"examples": {"artifacts": [{"metadata": {"span": 2.0}}]}}}

    (artifact,) = with_driver_output(given, driven)["outputs"]["artifacts"]["examples"]["artifacts"]

    assert {"metadata": {"a": 1.0, "span": 2.0}} == artifact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{$.inputs.parameters['steps']}}", "3"),
        ("--rate={{$.inputs.parameters['rate']}}", "--rate=0.5"),
        ("{{$.inputs.parameters['name']}}", "a b"),
        ("{{$.inputs.artifacts['model'].uri}}", "minio://b/model"),
        ("{{$.outputs.artifacts['report'].uri}}/x", "minio://b/report/x"),
        ("{{$.unknown}}", "{{$.unknown}}"),
    ],
)
def test_placeholders_are_filled_as_the_launcher_does(text: str, expected: str) -> None:
    """Whole numbers have no fraction, and what is unknown stays."""
    assert expected == filled(text, _given(MODEL))
