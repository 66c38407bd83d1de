"""Compiled pipelines in miniature, as KubeflowV2DagRunner writes them."""

from __future__ import annotations

import json
from typing import Any

COMMAND = ["python", "-m", "tfx_parity.kubeflow.entrypoint"]
CACHED = {"enableCache": True}


def two_steps() -> dict[str, Any]:
    """Return a pipeline in which StatisticsGen takes what CsvExampleGen gives; nothing is wrong."""
    return {
        "schemaVersion": "2.1.0",
        "pipelineInfo": {"name": "two-steps"},
        "components": {
            "CsvExampleGen": {
                "executorLabel": "CsvExampleGen_executor",
                "inputDefinitions": _gen_inputs(),
                "outputDefinitions": {"artifacts": {"examples": _artifact("tfx.Examples")}},
            },
            "StatisticsGen": {
                "executorLabel": "StatisticsGen_executor",
                "inputDefinitions": _statistics_inputs(),
                "outputDefinitions": {
                    "artifacts": {"statistics": _artifact("tfx.ExampleStatistics")}
                },
            },
        },
        "deploymentSpec": {"executors": _executors()},
        "root": {"dag": {"tasks": {"CsvExampleGen": _gen(), "StatisticsGen": _statistics()}}},
    }


def _gen_inputs() -> dict[str, Any]:
    return {"parameters": {"input_base": {"parameterType": "STRING"}}}


def _statistics_inputs() -> dict[str, Any]:
    return {
        "artifacts": {"examples": _artifact("tfx.Examples")},
        "parameters": {"exclude_splits": {"parameterType": "STRING"}},
    }


def _artifact(title: str) -> dict[str, Any]:
    return {"artifactType": {"instanceSchema": f"title: {title}\ntype: object\n"}}


def _executors() -> dict[str, Any]:
    gen = _container("tfx.components.example_gen.csv_example_gen.executor.Executor", _gen_inputs())
    gen["lifecycle"] = {"preCacheCheck": {"command": ["python"], "args": ["-V"]}}
    statistics = _container("tfx.components.statistics_gen.executor.Executor", _statistics_inputs())
    return {
        "CsvExampleGen_executor": {"container": gen},
        "StatisticsGen_executor": {"container": statistics},
    }


def _container(executor: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "image": "tfx-parity:0.1.0",
        "command": COMMAND,
        "args": [
            "--executor_class_path",
            executor,
            "--json_serialized_invocation_args",
            "{{$}}",
            "--json_serialized_inputs_spec_args",
            json.dumps(inputs),
        ],
    }


def _gen() -> dict[str, Any]:
    return {
        "componentRef": {"name": "CsvExampleGen"},
        "cachingOptions": dict(CACHED),
        "inputs": {"parameters": {"input_base": _constant("/data")}},
        "taskInfo": {"name": "CsvExampleGen"},
    }


def _statistics() -> dict[str, Any]:
    source = {"outputArtifactKey": "examples", "producerTask": "CsvExampleGen"}
    return {
        "componentRef": {"name": "StatisticsGen"},
        "cachingOptions": dict(CACHED),
        "dependentTasks": ["CsvExampleGen"],
        "inputs": {
            "artifacts": {"examples": {"taskOutputArtifact": source}},
            "parameters": {"exclude_splits": _constant("[]")},
        },
        "taskInfo": {"name": "StatisticsGen"},
    }


def _constant(value: str) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}
