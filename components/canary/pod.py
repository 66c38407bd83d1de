"""The pod of a model server, and where it finds the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from tfx_parity.canary.model_server import (
    ENVIRONMENT,
    FLAGS,
    GRPC_PORT,
    MODELS_FOLDER,
    REST_PORT,
    VERSION_COMMAND,
)
from tfx_parity.canary.versions import version_number
from tfx_parity.errors import BadInputError

SERVER, VERSION = "model-server", "version"
DAY_S = 86400
_APP = "tfx-parity-canary"
_VOLUME = "model"
_CLAIM_SCHEME = "pvc"
_NUMBERED = re.compile(r"(.+)/([^/]+)/?")


@dataclass(frozen=True)
class ModelPlace:
    """Where the pod finds the model.

    Attributes:
        base_path: The folder in the pod, or the remote one, that holds the numbered version.
        version: That version's number.
        claim: The PersistentVolumeClaim to mount; None where the model is remote.
        path: The SavedModel's path in the claim.
    """

    base_path: str
    version: int
    claim: str | None = None
    path: str = ""

    @classmethod
    def parse(cls, uri: str, model_name: str) -> ModelPlace:
        """Read where a model lies.

        Args:
            uri: `pvc://CLAIM/PATH`, or a remote folder that TensorFlow Serving reads by itself,
                whose name is a number: `gs://bucket/models/penguins/7`.
            model_name: The model's name in requests.

        Raises:
            BadInputError: If it is neither.
        """
        parts = urlsplit(uri)
        if parts.scheme == _CLAIM_SCHEME and parts.netloc and parts.path.strip("/"):
            base = f"{MODELS_FOLDER}/{model_name}"
            return cls(base, 1, parts.netloc, parts.path.strip("/"))
        numbered = _NUMBERED.fullmatch(uri)
        number = None if numbered is None else version_number(numbered[2])
        if numbered is None or number is None or not parts.scheme or not parts.netloc:
            raise BadInputError(
                "Expected where a pod finds the model: pvc://CLAIM/PATH, or a remote folder whose "
                f"name is a number, such as gs://bucket/models/penguins/7; found {uri!r}."
            )
        return cls(numbered[1], number)

    @classmethod
    def in_own_claim(cls, pod: Mapping[str, Any], path: Path, model_name: str) -> ModelPlace:
        """Find a path of this process's pod in the claim that is mounted there.

        Args:
            pod: The pod that this process runs in.
            path: The SavedModel's path here.
            model_name: The model's name in requests.

        Raises:
            BadInputError: If no claim is mounted there.
        """
        claims = {
            volume["name"]: volume["persistentVolumeClaim"]["claimName"]
            for volume in pod["spec"].get("volumes", [])
            if "persistentVolumeClaim" in volume
        }
        mounts = [
            mount
            for container in pod["spec"]["containers"]
            for mount in container.get("volumeMounts", [])
            if mount["name"] in claims and path.is_relative_to(mount["mountPath"])
        ]
        if not mounts:
            raise BadInputError(
                "Expected the model in a PersistentVolumeClaim of this pod, which a server's pod "
                f"can mount, or at a remote URI; found {path}, in none of the claims "
                f"{sorted(set(claims.values()))}."
            )
        mount = max(mounts, key=lambda found: len(found["mountPath"]))
        within = PurePosixPath(mount.get("subPath", "")) / path.relative_to(mount["mountPath"])
        base = f"{MODELS_FOLDER}/{model_name}"
        return cls(base, 1, claims[mount["name"]], str(within))


@dataclass(frozen=True)
class PodWishes:
    """What a user wants otherwise of the pod, as TFX's `KubernetesConfig` names it.

    Attributes:
        service_account: Its service account; the namespace's default where empty.
        active_deadline_s: When the cluster ends the pod, whatever becomes of us.
        annotations: Its annotations.
        env: Further environment variables, as the API writes them.
        resources: Requests and limits, as the API writes them.
    """

    service_account: str = ""
    active_deadline_s: int = DAY_S
    annotations: Mapping[str, str] = field(default_factory=dict)
    env: tuple[Mapping[str, Any], ...] = ()
    resources: Mapping[str, Any] = field(default_factory=dict)


def pod_manifest(
    image: str,
    model_name: str,
    place: ModelPlace,
    wishes: PodWishes,
    own_pod: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the manifest of a server's pod.

    Args:
        image: The server's image.
        model_name: The model's name in requests.
        place: Where the pod finds the model.
        wishes: What the user wants otherwise.
        own_pod: The pod that this process runs in, which then owns the server's: the cluster
            deletes the one with the other.
    """
    environment = ENVIRONMENT | {"MODEL_NAME": model_name}
    server = {
        "name": SERVER,
        "image": image,
        "args": [*FLAGS, f"--model_base_path={place.base_path}"],
        "env": [{"name": n, "value": v} for n, v in sorted(environment.items())] + [*wishes.env],
        "ports": [{"containerPort": GRPC_PORT}, {"containerPort": REST_PORT}],
        "resources": dict(wishes.resources),
        "volumeMounts": _mounts(place),
    }
    account = wishes.service_account or (own_pod or {"spec": {}})["spec"].get("serviceAccountName")
    spec = {
        # What it prints is read from its log, when it has ended.
        "initContainers": [{"name": VERSION, "image": image, "command": [*VERSION_COMMAND]}],
        "containers": [server],
        "restartPolicy": "Never",
        "activeDeadlineSeconds": wishes.active_deadline_s,
        "volumes": _volumes(place),
    }
    metadata: dict[str, object] = {
        "generateName": f"{_APP}-",
        "labels": {"app": _APP},
        "annotations": dict(wishes.annotations),
    }
    if own_pod is not None:
        metadata["ownerReferences"] = [_reference(own_pod)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec | ({"serviceAccountName": account} if account else {}),
    }


def _mounts(place: ModelPlace) -> list[dict[str, object]]:
    if place.claim is None:
        return []
    target = f"{place.base_path}/{place.version}"
    return [{"name": _VOLUME, "mountPath": target, "subPath": place.path, "readOnly": True}]


def _volumes(place: ModelPlace) -> list[dict[str, object]]:
    if place.claim is None:
        return []
    claim = {"claimName": place.claim, "readOnly": True}
    return [{"name": _VOLUME, "persistentVolumeClaim": claim}]


def _reference(pod: Mapping[str, Any]) -> dict[str, str]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": pod["metadata"]["name"],
        "uid": pod["metadata"]["uid"],
    }
