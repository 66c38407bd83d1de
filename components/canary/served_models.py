"""The models that the server holds: by name, version and label, and how they change."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tfx_parity.canary.model_configs import WantedVersion, wanted_versions
from tfx_parity.canary.servable import Servable
from tfx_parity.errors import BadInputError
from tfx_parity.protos import (
    ModelServerConfig,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
)
from tfx_parity.serving_api.generation import Generation
from tfx_parity.serving_api.metadata import check_metadata_request, metadata_response
from tfx_parity.serving_api.model_config import assigned_labels, check_config
from tfx_parity.serving_api.status import Code, ServingError, invalid_argument

_LOG = logging.getLogger(__name__)
_State = get_model_status_pb2.ModelVersionStatus


@dataclass(frozen=True)
class _Held:
    """One version: its servable while it is available, and why it is not."""

    servable: Servable | None
    failure: ServingError | None = None


# Replaced as a whole, never changed: a request sees one state from its beginning to its end.
_Table: TypeAlias = Mapping[str, Mapping[int, _Held]]


class ServedModels:
    """What is served, for many threads at once.

    A version that is dropped is unloaded when the last request that uses it has ended.

    Attributes:
        generation: Which of TF Serving's JSON fronts is followed.
    """

    def __init__(
        self,
        load: Callable[[WantedVersion], Servable],
        generation: Generation,
        *,
        labels_before_versions: bool = False,
    ) -> None:
        """Serve nothing yet.

        Args:
            load: Loads a version; raises ServingError if TensorFlow cannot.
            generation: Which of TF Serving's JSON fronts is followed.
            labels_before_versions: --allow_version_labels_for_unavailable_models.
        """
        self._load = load
        self.generation = generation
        self._labels_before_versions = labels_before_versions
        self._table: _Table = {}
        self._labels: Mapping[str, Mapping[str, int]] = {}
        self._changing = threading.Lock()

    def start(self, config: ModelServerConfig) -> None:
        """Serve what a config asks for. Every version must load: nobody waits for a canary's rest.

        Raises:
            ServingError: With TF Serving's code and text, if the config cannot be served or a
                version cannot be loaded.
            BadInputError: If there is no model where the config says.
        """
        check_config(config)
        labels = self._assigned_labels(config)
        self.serve(wanted_versions(config))
        self._labels = labels

    def serve(self, wanted: Sequence[WantedVersion]) -> None:
        """Serve some versions, all of them.

        Raises:
            ServingError: If one cannot be loaded.
        """
        table: dict[str, dict[int, _Held]] = {}
        for model_name, version in wanted:
            held = _Held(self._loaded(WantedVersion(model_name, version)))
            table.setdefault(model_name, {})[version.number] = held
        self._table = table

    def reload(self, config: ModelServerConfig) -> None:
        """Serve what another config asks for; new versions come before old ones go.

        As in TF Serving, a new version of a model that cannot be loaded leaves the old ones.

        Raises:
            ServingError: With TF Serving's code and text; UNKNOWN, if a model that was not
                served before has no version that can be loaded.
        """
        with self._changing:
            check_config(config)
            labels = self._assigned_labels(config)
            try:
                wanted = wanted_versions(config)
            except BadInputError as error:
                raise invalid_argument(str(error)) from error
            before, self._labels = self._table, labels
            self._table = self._changed(wanted)
            _check_new_models(before, self._table, {name for name, _ in wanted})

    def _changed(self, wanted: Sequence[WantedVersion]) -> _Table:
        table = {name: dict(versions) for name, versions in self._table.items()}
        asked: dict[str, set[int]] = {}
        for item in wanted:
            asked.setdefault(item.model_name, set()).add(item.version.number)
            versions = table.setdefault(item.model_name, {})
            held = versions.get(item.version.number)
            if held is None or held.servable is None:
                versions[item.version.number] = self._try_to_load(item)
        for name, versions in table.items():
            numbers = asked.get(name, set())
            if numbers and not any(versions[number].servable for number in numbers):
                continue
            for number in versions.keys() - numbers:
                versions[number] = _Held(None, versions[number].failure)
        return table

    def _try_to_load(self, wanted: WantedVersion) -> _Held:
        try:
            return _Held(self._loaded(wanted))
        except ServingError as error:
            _LOG.warning("%s cannot be loaded: %s", _servable_id(*wanted), error)
            return _Held(None, error)

    def _loaded(self, wanted: WantedVersion) -> Servable:
        servable = self._load(wanted)
        # Ends the session once no request holds the servable; at exit the process itself ends it.
        weakref.finalize(servable, servable.session.close).atexit = False
        return servable

    def _assigned_labels(self, config: ModelServerConfig) -> Mapping[str, Mapping[str, int]]:
        available = {
            name: [number for number, held in versions.items() if held.servable]
            for name, versions in self._table.items()
        }
        return assigned_labels(
            config, available, self._labels, allow_unavailable=self._labels_before_versions
        )

    def servable(self, spec: model_pb2.ModelSpec) -> Servable:
        """Return the servable that a ModelSpec names (server_core.cc).

        Raises:
            ServingError: INVALID_ARGUMENT or NOT_FOUND, with TF Serving's text.
        """
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        versions = self._table.get(spec.name, {})
        number = self._version(spec)
        if number is None:
            served = [held.servable for _, held in sorted(versions.items()) if held.servable]
            found = served[-1] if served else None
            wanted = f"Latest({spec.name})"
        else:
            found = versions[number].servable if number in versions else None
            wanted = f"Specific({spec.name}, {number})"
        if found is None:
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
        return found

    def _version(self, spec: model_pb2.ModelSpec) -> int | None:
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            version = self._labels.get(spec.name, {}).get(spec.version_label)
            if version is None:
                raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
            return version
        return int(spec.version.value) if choice == "version" else None

    def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Describe the signatures; the initialisation op is among them, as in TF Serving.

        Raises:
            ServingError: With TF Serving's code and text.
        """
        check_metadata_request(request)
        servable = self.servable(request.model_spec)
        signature_defs = servable.session.meta_graph.signature_def
        return metadata_response(servable.name, servable.version, signature_defs)

    def status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Tell the state of every version that was ever served, or of the one that is asked for.

        Raises:
            ServingError: With TF Serving's code and text (get_model_status_impl.cc).
        """
        if not request.HasField("model_spec"):
            raise invalid_argument("Missing ModelSpec")
        name, number = request.model_spec.name, self._version(request.model_spec)
        versions = self._table.get(name, {})
        if number is not None and number not in versions:
            raise ServingError(Code.NOT_FOUND, f"Could not find version {number} of model {name}")
        if not versions:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        response = get_model_status_pb2.GetModelStatusResponse()
        # GetVersionStates lists the highest version first (servable_state_monitor.h, VersionMap).
        for version in sorted(versions, reverse=True) if number is None else [number]:
            _add_status(response, version, versions[version])
        return response

    def latest_versions(self) -> dict[str, int]:
        """Return the version of each model that answers where none is asked for."""
        available = {
            name: [number for number, held in versions.items() if held.servable]
            for name, versions in self._table.items()
        }
        return {name: max(numbers) for name, numbers in available.items() if numbers}


def _add_status(
    response: get_model_status_pb2.GetModelStatusResponse, version: int, held: _Held
) -> None:
    state = _State.AVAILABLE if held.servable else _State.END
    added = response.model_version_status.add(version=version, state=state)
    added.status.SetInParent()
    if held.failure is not None:
        added.status.error_code = int(held.failure.code)
        added.status.error_message = held.failure.message


def _servable_id(model_name: str, version: object) -> str:
    number = getattr(version, "number", version)
    return f"{{name: {model_name} version: {number}}}"


def _check_new_models(before: _Table, after: _Table, asked: set[str]) -> None:
    """Raise what TF Serving answers where a new model did not become available."""
    dead = [
        f"{{{_servable_id(name, number)} due to error: {held.failure}}}, "
        for name in sorted(asked - set(before))
        if not any(held.servable for held in after[name].values())
        for number, held in sorted(after[name].items())
    ]
    if dead:
        raise ServingError(
            Code.UNKNOWN,
            f"{len(dead)} servable(s) did not become available: {{{''.join(dead)}}}",
        )
