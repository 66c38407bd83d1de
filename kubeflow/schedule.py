"""A recurring run of a compiled pipeline, as a file that says all of it.

Kubeflow Pipelines cannot change a recurring run: applying deletes and creates anew. What makes a
schedule unfit for retraining is not left to choose: missed runs are not made up for one by one
(`no_catchup`, kubeflow/pipelines#8344), and no two runs overlap (`max_concurrency`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tfx_parity.errors import BadInputError
from tfx_parity.files import canonical_json
from tfx_parity.kubeflow.spec import Spec, read_spec

_CRON_FIELDS = 6
_MARK = "tfx-parity schedule sha256:"
_MACROS = ("[[", "{{$")
"""How macros of backend/src/common/util/parameter_formatter.go begin."""

_FIRST_WITH_MACROS = (2, 16, 0)
"""Before it macros reach a pipeline of version 2 as they are written (kubeflow/pipelines#12494)."""

_TEXTS = ("name", "experiment", "pipeline", "cron")
_OPTIONAL = {"parameters": dict, "pipeline_root": str, "service_account": str, "enabled": bool}
_PAGE = 100


@dataclass(frozen=True)
class Schedule:
    """A recurring run.

    Attributes:
        name: Its name, by which an earlier one is found.
        experiment: The experiment that it belongs to.
        pipeline: The compiled pipeline's file.
        cron: Six fields, seconds first, in the time zone of the server's controller.
        parameters: The pipeline's parameters.
        pipeline_root: Where artifacts are kept; that of the compiled pipeline where empty.
        service_account: The account that the steps run as; the server's default where empty.
        enabled: Whether it starts runs.
    """

    name: str
    experiment: str
    pipeline: Path
    cron: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pipeline_root: str = ""
    service_account: str = ""
    enabled: bool = True

    def request(self) -> dict[str, Any]:
        """Return what kfp.Client's create_recurring_run is called with, but for the experiment."""
        digest = hashlib.sha256(canonical_json(read_spec(self.pipeline)))
        asked: dict[str, Any] = {
            "job_name": self.name,
            "cron_expression": self.cron,
            "params": dict(self.parameters),
            "pipeline_package_path": str(self.pipeline),
            "pipeline_root": self.pipeline_root or None,
            "service_account": self.service_account or None,
            "enabled": self.enabled,
            "no_catchup": True,
            "max_concurrency": 1,
        }
        digest.update(canonical_json({**asked, "pipeline_package_path": ""}))
        return {**asked, "description": f"{_MARK}{digest.hexdigest()}"}


def read_schedule(path: Path, server_version: str | None = None) -> Schedule:
    """Read a schedule and hold it against the pipeline that it runs.

    Args:
        path: The YAML file; its `pipeline` is relative to it.
        server_version: The version of Kubeflow Pipelines that will run it; needed for macros.

    Raises:
        BadInputError: If a key is missing, unknown or of another type, the cron has not six fields,
            a parameter is not the pipeline's or lacks a value, or a macro would not be replaced.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInputError(f"Expected a schedule at {path}, found: {error}") from error
    _check_keys(found, path)
    schedule = Schedule(**{**found, "pipeline": path.parent / found["pipeline"]})
    fields = schedule.cron.split()
    if len(fields) != _CRON_FIELDS:
        raise BadInputError(
            f"Expected a cron of six fields, seconds first, such as '0 0 3 2 * *', found "
            f"{len(fields)} in {schedule.cron!r} in {path}."
        )
    _check_parameters(schedule, read_spec(schedule.pipeline))
    _check_macros(schedule, server_version)
    return schedule


def apply_schedule(client: Any, schedule: Schedule) -> str:
    """Make the server hold a schedule, and none other of its name.

    Args:
        client: A `kfp.Client`.
        schedule: The schedule.

    Returns:
        What was done, in words.
    """
    asked = schedule.request()
    experiment = client.create_experiment(schedule.experiment).experiment_id
    found = list(find_runs(client, schedule))
    if [run.description for run in found] == [asked["description"]]:
        return f"{schedule.name} is as it should be; nothing was changed"
    for run in found:
        client.delete_recurring_run(run.recurring_run_id)
    client.create_recurring_run(experiment_id=experiment, **asked)
    return f"{schedule.name} was {'replaced' if found else 'created'}: {schedule.cron}"


def delete_schedule(client: Any, schedule: Schedule) -> str:
    """Delete a schedule from the server; return what was done, in words."""
    found = list(find_runs(client, schedule))
    for run in found:
        client.delete_recurring_run(run.recurring_run_id)
    return f"{schedule.name} was deleted" if found else f"{schedule.name} was not there"


def find_runs(client: Any, schedule: Schedule) -> Iterator[Any]:
    """Yield the server's recurring runs of a schedule's name, in its experiment."""
    try:
        experiment = client.get_experiment(experiment_name=schedule.experiment)
    except ValueError:  # So says kfp.Client of an experiment that is not there.
        return
    token = ""
    while True:
        page = client.list_recurring_runs(
            page_token=token, page_size=_PAGE, experiment_id=experiment.experiment_id
        )
        yield from (r for r in page.recurring_runs or () if r.display_name == schedule.name)
        token = page.next_page_token or ""
        if not token:
            return


def _check_keys(found: object, path: Path) -> None:
    if not isinstance(found, dict):
        raise BadInputError(f"Expected the keys of a schedule in {path}, found {found!r}.")
    types = {**dict.fromkeys(_TEXTS, str), **_OPTIONAL}
    wrong = [
        *(f"no {key}" for key in _TEXTS if key not in found),
        *(f"the unknown key {key!r}" for key in sorted(set(found) - set(types), key=str)),
        *(
            f"a {type(value).__name__} as {key}"
            for key, value in found.items()
            if key in types and not isinstance(value, types[key])
        ),
    ]
    if wrong:
        raise BadInputError(
            f"Expected the texts {', '.join(_TEXTS)}, and optionally {', '.join(_OPTIONAL)}, in "
            f"{path}; found {', '.join(wrong)}."
        )


def _check_parameters(schedule: Schedule, spec: Spec) -> None:
    """Refuse parameters that the pipeline has not, and values that it would miss at every run."""
    known = spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    unknown = sorted(set(schedule.parameters) - set(known))
    missing = sorted(
        name
        for name, definition in known.items()
        if name not in schedule.parameters
        and "defaultValue" not in definition
        and not definition.get("isOptional")
    )
    if unknown or missing:
        raise BadInputError(
            f"Expected the parameters of {schedule.pipeline} ({', '.join(sorted(known)) or 'none'})"
            f", found {', '.join(unknown) or 'none'} unknown and {', '.join(missing) or 'none'} "
            "without a value."
        )


def _check_macros(schedule: Schedule, server_version: str | None) -> None:
    """Refuse macros that the server would hand to the pipeline as they are written."""
    macros = [
        name
        for name, value in sorted(schedule.parameters.items())
        if isinstance(value, str) and any(mark in value for mark in _MACROS)
    ]
    if not macros or (server_version and _version(server_version) >= _FIRST_WITH_MACROS):
        return
    raise BadInputError(
        f"Expected plain values, or a server of version "
        f"{'.'.join(map(str, _FIRST_WITH_MACROS))} or later (--server-version), which replaces "
        f"macros; found macros in {', '.join(macros)} and the version "
        f"{server_version or 'not given'}."
    )


def _version(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError as error:
        raise BadInputError(f"Expected a version such as 2.16.0, found {text!r}.") from error
