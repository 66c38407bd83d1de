"""The placeholders that a launcher fills in a container's command and arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tfx_parity.kubeflow.executor_input import ExecutorInput
from tfx_parity.kubeflow.spec import EXECUTOR_INPUT


def filled(text: str, given: ExecutorInput) -> str:
    """Return a text with its placeholders filled, by the rules of `getPlaceholders`.

    These are in kubeflow/pipelines, backend/src/v2/component/launcher_v2.go.

    Args:
        text: An element of a command or an argument.
        given: The step's ExecutorInput.
    """
    for placeholder, value in _placeholders(given):
        text = text.replace(placeholder, value)
    return text


def _placeholders(given: ExecutorInput) -> Iterator[tuple[str, str]]:
    yield EXECUTOR_INPUT, json.dumps(given, separators=(",", ":"))
    for name, value in given["inputs"].get("parameterValues", {}).items():
        yield f"{{{{$.inputs.parameters['{name}']}}}}", _text(value)
    for side in ("inputs", "outputs"):
        for name, listed in given[side].get("artifacts", {}).items():
            yield f"{{{{$.{side}.artifacts['{name}'].uri}}}}", listed["artifacts"][0]["uri"]
    for name, parameter in given["outputs"].get("parameters", {}).items():
        yield f"{{{{$.outputs.parameters['{name}'].output_file}}}}", parameter["outputFile"]


def _text(value: object) -> str:
    """Return a parameter as text: numbers without a needless fraction, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, separators=(",", ":"))
