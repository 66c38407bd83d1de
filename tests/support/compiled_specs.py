"""Compiled pipelines in miniature, as KubeflowV2DagRunner writes them."""

from __future__ import annotations

import json
from typing import Any

COMMAND = ["python", "-m", "tfx_parity.kubeflow.entrypoint"]


def two_steps() -> dict[str, Any]:
    """Return a pipeline in which StatisticsGen takes what CsvExampleGen gives; nothing is wrong."""
    examples = {"artifactType": {"instanceSchema": "title: tfx.Examples\ntype: object\n"}}
    statistics = {
        "artifactType": {"instanceSchema": "title: tfx.ExampleStatistics\ntype: object\n"}
    }
    gen_inputs = {"parameters": {"input_base": {"parameterType": "STRING"}}}
    statistics_inputs = {
        "artifacts": {"examples": examples},
        "parameters": {"exclude_splits": {"parameterType": "STRING"}},
    }
    return {
        "schemaVersion": "2.1.0",
        "pipelineInfo": {"name": "two-steps"},
        "components": {
            "CsvExampleGen": {
                "executorLabel": "CsvExampleGen_executor",
                "inputDefinitions": gen_inputs,
                "outputDefinitions": {"artifacts": {"examples": examples}},
            },
            "StatisticsGen": {
                "executorLabel": "StatisticsGen_executor",
                "inputDefinitions": statistics_inputs,
                "outputDefinitions": {"artifacts": {"statistics": statistics}},
            },
        },
        "deploymentSpec": {
            "executors": {
                "CsvExampleGen_executor": {
                    "container": {
                        **_container(
                            "tfx.components.example_gen.csv_example_gen.executor.Executor",
                            gen_inputs,
                        ),
                        "lifecycle": {"preCacheCheck": {"command": ["python"], "args": ["-V"]}},
                    }
                },
                "StatisticsGen_executor": {
                    "container": _container(
                        "tfx.components.statistics_gen.executor.Executor", statistics_inputs
                    )
                },
            }
        },
        "root": {
            "dag": {
                "tasks": {
                    "CsvExampleGen": {
                        "componentRef": {"name": "CsvExampleGen"},
                        "cachingOptions": {"enableCache": True},
                        "inputs": {
                            "parameters": {"input_base": {"runtimeValue": {"constant": "/data"}}}
                        },
                        "taskInfo": {"name": "CsvExampleGen"},
                    },
                    "StatisticsGen": {
                        "componentRef": {"name": "StatisticsGen"},
                        "cachingOptions": {"enableCache": True},
                        "dependentTasks": ["CsvExampleGen"],
                        "inputs": {
                            "artifacts": {
                                "examples": {
                                    "taskOutputArtifact": {
                                        "outputArtifactKey": "examples",
                                        "producerTask": "CsvExampleGen",
                                    }
                                }
                            },
                            "parameters": {"exclude_splits": {"runtimeValue": {"constant": "[]"}}},
                        },
                        "taskInfo": {"name": "StatisticsGen"},
                    },
                }
            }
        },
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
