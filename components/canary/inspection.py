"""What can be told about a model without a request, found in a child process.

`python -m tfx_parity.canary.inspection PATH` writes two JSON lines: what the graph shows, then
what the loaded model shows (a model can hang while it is loaded).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx_parity.canary.backend import ModelLoadError
from tfx_parity.canary.op_uses import OpUse, OpUses, RandomOpUse
from tfx_parity.canary.supervision import SupervisedProcess
from tfx_parity.canary.variables import ServedVariable
from tfx_parity.canary.versions import find_version
from tfx_parity.errors import ServerUnavailableError
from tfx_parity.serving_api.status import Code

__all__ = [
    "LoadFailure",
    "ModelInspection",
    "OpUse",
    "RandomOpUse",
    "ServedVariable",
    "inspect_model",
]

DEFAULT_DEADLINE_S = 120.0
_CHILD_MODULE = "tfx_parity.canary.inspection_child"
_DYING_S = 2.0


@dataclass(frozen=True)
class LoadFailure:
    """Why a model whose graph could be read cannot be loaded."""

    code: Code
    message: str


@dataclass(frozen=True)
class ModelInspection:
    """What a model shows without a request.

    Attributes:
        variables: The variables with the values that the server's session holds, by name.
        uninitialised_variables: Names of those that hold no value although a signature needs
            them: every request of it fails.
        unservable_ops: Ops that a server has no CPU kernel for or would have to compile by XLA
            (`OP[_XlaMustCompile]`), reachable from a signature, and ops that are not registered
            at all, anywhere in the model.
        random_ops: Ops reachable from a signature whose numbers change between requests.
        batch_statistics_ops: Batch normalisation in training mode, and assignments to variables,
            reachable from a signature.
        narrowing_casts: Casts from float32 or float64 to float16 or bfloat16, reachable from a
            signature.
        tensorflow_version: The TensorFlow that wrote the model, as the model records it.
        load_failure: Why the model cannot be loaded, None if it can; then no variables are known.
    """

    variables: tuple[ServedVariable, ...]
    uninitialised_variables: tuple[str, ...]
    unservable_ops: tuple[OpUse, ...]
    random_ops: tuple[RandomOpUse, ...]
    batch_statistics_ops: tuple[OpUse, ...]
    narrowing_casts: tuple[OpUse, ...]
    tensorflow_version: str
    load_failure: LoadFailure | None


def inspect_model(model_path: Path, deadline_s: float = DEFAULT_DEADLINE_S) -> ModelInspection:
    """Look into a model in a child process.

    Args:
        model_path: A SavedModel, or a base path with numbered versions.
        deadline_s: How long it may take.

    Raises:
        BadInputError: If there is no model at the path.
        ModelLoadError: If not even the model's graph can be read.
        ServerUnavailableError: If the child could not do its work.
    """
    path = find_version(Path(model_path), model_path.name).path
    deadline = time.monotonic() + deadline_s
    with SupervisedProcess(_CHILD_MODULE, [str(path)]) as child:
        try:
            graph = json.loads(child.read_line(deadline))
        except (TimeoutError, EOFError) as error:
            raise ServerUnavailableError(_told(child, path, error, deadline_s)) from error
        loaded = _read_loaded(child, path, deadline, deadline_s)
    facts = graph | loaded
    if "ops" not in facts:
        code, message = facts.get("failure", (graph["code"], graph["message"]))
        raise ModelLoadError(Code(code), message, child.log_tail())
    return _inspection(facts)


def _read_loaded(
    child: SupervisedProcess, path: Path, deadline: float, deadline_s: float
) -> dict[str, Any]:
    """Return what the loaded model shows, or how its loading ended."""
    try:
        return dict(json.loads(child.read_line(deadline)))
    except TimeoutError as error:
        return {"failure": (Code.DEADLINE_EXCEEDED, _told(child, path, error, deadline_s))}
    except EOFError as error:
        return {"failure": (Code.INTERNAL, _told(child, path, error, deadline_s))}


def _told(child: SupervisedProcess, path: Path, error: Exception, deadline_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"The inspection of {path} did not end within {deadline_s:g} s.{child.last_words()}"
    return f"The inspection of {path}: {child.obituary(_DYING_S)}"


def _inspection(facts: dict[str, Any]) -> ModelInspection:
    ops = OpUses.from_json(facts["ops"])
    failure = facts.get("failure")
    return ModelInspection(
        variables=tuple(
            ServedVariable(**(found | {"shape": tuple(found["shape"])}))
            for found in facts.get("variables", [])
        ),
        uninitialised_variables=tuple(facts.get("uninitialised", [])),
        unservable_ops=ops.unservable,
        random_ops=ops.random,
        batch_statistics_ops=ops.batch_statistics,
        narrowing_casts=ops.narrowing,
        tensorflow_version=facts["tensorflow_version"],
        load_failure=None if failure is None else LoadFailure(Code(failure[0]), failure[1]),
    )
