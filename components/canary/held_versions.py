"""The versions that a server holds, and how what is wanted changes them.

Sources: TF Serving 2.16, core/aspired_versions_manager.cc, core/availability_preserving_policy.cc
and model_servers/get_model_status_impl.cc.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tfx_parity.canary.model_configs import WantedVersion
from tfx_parity.canary.servable import Servable
from tfx_parity.protos import get_model_status_pb2
from tfx_parity.serving_api.status import Code, ServingError

_State = get_model_status_pb2.ModelVersionStatus


@dataclass(frozen=True)
class Held:
    """One version of a model, served now or once.

    Attributes:
        servable: The loaded version while it is available, else None.
        failure: Why it could not be loaded.
    """

    servable: Servable | None
    failure: ServingError | None = None


# Model name to version to what is held. Replaced as a whole, never changed: a request sees one
# state from its beginning to its end.
Table: TypeAlias = Mapping[str, Mapping[int, Held]]


def next_table(
    table: Table,
    wanted: Sequence[WantedVersion],
    wanted_before: Collection[tuple[str, int]],
    load: Callable[[WantedVersion], Held],
) -> Table:
    """Return the table once the wanted versions are served; new ones come before old ones go.

    A model whose wanted versions all fail keeps the old ones (AvailabilityPreservingPolicy); one
    of which none is wanted is unloaded. A version that failed is not tried again while it stays
    wanted.

    Args:
        table: What is held now.
        wanted: The versions to serve.
        wanted_before: Model and number of the versions that were to be served until now.
        load: Tries to load a version.
    """
    changed = {name: dict(versions) for name, versions in table.items()}
    asked: dict[str, set[int]] = {}
    for item in wanted:
        name, number = item.model_name, item.version.number
        asked.setdefault(name, set()).add(number)
        versions = changed.setdefault(name, {})
        held = versions.get(number)
        tried = held is not None and (name, number) in wanted_before
        if not tried and (held is None or held.servable is None):
            versions[number] = load(item)
    for name, versions in changed.items():
        _unload_unwanted(versions, asked.get(name, set()))
    return changed


def _unload_unwanted(versions: dict[int, Held], numbers: set[int]) -> None:
    if numbers and not any(versions[number].servable for number in numbers):
        return
    for number in versions.keys() - numbers:
        versions[number] = Held(None, versions[number].failure)


def available_versions(table: Table) -> dict[str, list[int]]:
    """Return the numbers of each model's versions that answer."""
    return {
        name: [number for number, held in versions.items() if held.servable]
        for name, versions in table.items()
    }


def version_status(version: int, held: Held) -> get_model_status_pb2.ModelVersionStatus:
    """Return what GetModelStatus tells of a version."""
    state = _State.AVAILABLE if held.servable else _State.END
    status = get_model_status_pb2.ModelVersionStatus(version=version, state=state)
    status.status.SetInParent()
    if held.failure is not None:
        status.status.error_code = int(held.failure.code)
        status.status.error_message = held.failure.message
    return status


def servable_id(model_name: str, number: int) -> str:
    """Return a version as TF Serving writes it (core/servable_id.h)."""
    return f"{{name: {model_name} version: {number}}}"


def check_new_models(before: Table, after: Table, asked: set[str]) -> None:
    """Raise what TF Serving answers where a new model did not become available.

    Args:
        before: What was held before a reload.
        after: What is held now.
        asked: The names of the models that the reload asked for.

    Raises:
        ServingError: UNKNOWN, with TF Serving's text (model_servers/server_core.cc).
    """
    dead = [
        f"{{{servable_id(name, number)} due to error: {held.failure}}}, "
        for name in sorted(asked - set(before))
        if not any(held.servable for held in after[name].values())
        for number, held in sorted(after[name].items())
    ]
    if dead:
        raise ServingError(
            Code.UNKNOWN,
            f"{len(dead)} servable(s) did not become available: {{{''.join(dead)}}}",
        )
