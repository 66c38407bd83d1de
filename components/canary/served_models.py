"""The models that the server holds: by name, version and label, and how they change."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence

from tfx_parity.canary.held_versions import (
    Held,
    Table,
    available_versions,
    check_new_models,
    next_table,
    servable_id,
    version_status,
)
from tfx_parity.canary.model_configs import WantedVersion, versions_there, wanted_versions
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
        self._config = ModelServerConfig()
        self._wanted: Sequence[WantedVersion] = ()
        self._table: Table = {}
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
        self._config, self._labels = config, labels

    def serve(self, wanted: Sequence[WantedVersion]) -> None:
        """Serve some versions, all of them.

        Raises:
            ServingError: If one cannot be loaded.
        """
        table: dict[str, dict[int, Held]] = {}
        for item in wanted:
            table.setdefault(item.model_name, {})[item.version.number] = Held(self._loaded(item))
        self._wanted, self._table = wanted, table

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
            before, self._config, self._labels = self._table, config, labels
            self._change(wanted)
            check_new_models(before, self._table, {name for name, _ in wanted})

    def look_again(self) -> None:
        """Serve what the config asks for now: versions may have come below its paths, or gone.

        A model of which no version is left is unloaded, as in TF Serving; one whose folder is not
        there stays.

        Raises:
            BadInputError: If a model's folder is not there; nothing is changed then.
        """
        with self._changing:
            wanted = versions_there(self._config)
            if wanted != self._wanted:
                _LOG.warning("The versions to serve are now: %s", _listed(wanted))
                self._change(wanted)

    def _change(self, wanted: Sequence[WantedVersion]) -> None:
        before = {(item.model_name, item.version.number) for item in self._wanted}
        self._wanted = wanted
        self._table = next_table(self._table, wanted, before, self._try_to_load)

    def _try_to_load(self, wanted: WantedVersion) -> Held:
        try:
            return Held(self._loaded(wanted))
        except ServingError as error:
            number = wanted.version.number
            _LOG.warning("%s cannot be loaded: %s", servable_id(wanted.model_name, number), error)
            return Held(None, error)

    def _loaded(self, wanted: WantedVersion) -> Servable:
        servable = self._load(wanted)
        # Ends the session once no request holds the servable; at exit the process itself ends it.
        weakref.finalize(servable, servable.session.close).atexit = False
        return servable

    def _assigned_labels(self, config: ModelServerConfig) -> Mapping[str, Mapping[str, int]]:
        return assigned_labels(
            config,
            available_versions(self._table),
            self._labels,
            allow_unavailable=self._labels_before_versions,
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
            response.model_version_status.append(version_status(version, versions[version]))
        return response

    def latest_versions(self) -> dict[str, int]:
        """Return the version of each model that answers where none is asked for."""
        available = available_versions(self._table)
        return {name: max(numbers) for name, numbers in available.items() if numbers}


def _listed(wanted: Sequence[WantedVersion]) -> str:
    return ", ".join(f"{name} {version.number}" for name, version in wanted) or "none"
