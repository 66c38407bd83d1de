"""TFX's `ServingSpec`, as InfraValidator takes it, turned into back ends.

Read from the JSON form of the message (tfx/proto/infra_validator.proto), so that TFX itself need
not be here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_parity.canary.backend import CanaryBackend
from tfx_parity.canary.docker import DockerBackend
from tfx_parity.canary.docker_api import DEFAULT_TIMEOUT_S, DockerEngine
from tfx_parity.canary.kubernetes import KubernetesBackend
from tfx_parity.canary.kubernetes_api import Cluster
from tfx_parity.canary.pod import DAY_S, ModelPlace, PodWishes
from tfx_parity.errors import BadInputError

_IMAGE = "tensorflow/serving"
_MODEL_NAME = "infra-validation-model"  # InfraValidator's own default
_LOCALHOST = "127.0.0.1"
_FIELDS: Mapping[str, frozenset[str]] = {
    "serving_spec": frozenset({"tensorflow_serving", "local_docker", "kubernetes", "model_name"}),
    "tensorflow_serving": frozenset({"image_name", "tags", "digests"}),
    "local_docker": frozenset(
        {"client_base_url", "client_api_version", "client_timeout_seconds", "host_ip_address"}
    ),
    "kubernetes": frozenset(
        {"service_account_name", "active_deadline_seconds", "serving_pod_overrides"}
    ),
    "serving_pod_overrides": frozenset({"annotations", "env", "resources"}),
    "resources": frozenset({"requests", "limits", "claims"}),
    "env": frozenset({"name", "value", "value_from"}),
    "value_from": frozenset({"secret_key_ref"}),
    "secret_key_ref": frozenset({"name", "key"}),
}


def backends_of(serving_spec: str, place: ModelPlace | None = None) -> tuple[CanaryBackend, ...]:
    """Return the back ends that a `ServingSpec` asks for: one for each tag and digest.

    Args:
        serving_spec: The message as JSON, its fields named as in the proto file.
        place: Where a pod finds the model; the claim of this process's own pod where None.

    Raises:
        BadInputError: If it is no `ServingSpec`, or names no image or no platform.
        ServerUnavailableError: If it names a cluster, and there is none.
    """
    spec = _parsed(serving_spec)
    images = list(_images(_fields(spec.get("tensorflow_serving", {}), "tensorflow_serving")))
    if not images:
        raise BadInputError(
            "Expected a ServingSpec with tensorflow_serving and its tags or digests, such as "
            f"TensorFlowServing(tags=['2.16.1']); found {serving_spec}."
        )
    model_name = model_name_of(serving_spec)
    if "local_docker" in spec:
        docker = _fields(spec["local_docker"], "local_docker")
        return tuple(_docker(image, model_name, docker) for image in images)
    if "kubernetes" in spec:
        cluster, wishes = Cluster.connect(), _wishes(_fields(spec["kubernetes"], "kubernetes"))
        return tuple(
            KubernetesBackend(image, cluster, place, model_name, wishes) for image in images
        )
    raise BadInputError(
        "Expected a ServingSpec with local_docker or kubernetes, the platform to run the server "
        f"on; found {serving_spec}."
    )


def names_kubernetes(serving_spec: str) -> bool:
    """Tell whether a `ServingSpec` asks for a pod of a cluster."""
    return "kubernetes" in _parsed(serving_spec)


def model_name_of(serving_spec: str) -> str:
    """Return the model's name in requests."""
    return str(_parsed(serving_spec).get("model_name") or _MODEL_NAME)


def _parsed(serving_spec: str) -> dict[str, Any]:
    try:
        values = json.loads(serving_spec)
    except ValueError as error:
        raise BadInputError(f"Expected a ServingSpec as JSON, found: {error}") from error
    return _fields(values, "serving_spec")


def _fields(values: Any, message: str) -> dict[str, Any]:
    """Return a message's fields, none of which is unknown."""
    known = _FIELDS[message]
    if not isinstance(values, dict) or not values.keys() <= known:
        raise BadInputError(
            f"Expected {message} with fields of {sorted(known)}, as TFX's infra_validator.proto "
            f"has them; found {values}."
        )
    return values


def _images(serving: Mapping[str, Any]) -> Iterator[str]:
    name = serving.get("image_name") or _IMAGE
    for tag in serving.get("tags", []):
        yield f"{name}:{tag}"
    for digest in serving.get("digests", []):
        yield f"{name}@{digest}"


def _docker(image: str, model_name: str, config: Mapping[str, Any]) -> DockerBackend:
    engine = DockerEngine(
        config.get("client_base_url") or None,
        config.get("client_api_version", ""),
        float(config.get("client_timeout_seconds") or DEFAULT_TIMEOUT_S),
    )
    return DockerBackend(image, model_name, engine, config.get("host_ip_address") or _LOCALHOST)


def _wishes(config: Mapping[str, Any]) -> PodWishes:
    overrides = _fields(config.get("serving_pod_overrides", {}), "serving_pod_overrides")
    deadline = int(config.get("active_deadline_seconds") or DAY_S)
    if deadline <= 0:
        raise BadInputError(f"Expected active_deadline_seconds over 0, found {deadline}.")
    resources = _fields(overrides.get("resources", {}), "resources")
    return PodWishes(
        service_account=config.get("service_account_name", ""),
        active_deadline_s=deadline,
        annotations=overrides.get("annotations", {}),
        env=tuple(_variable(_fields(env, "env")) for env in overrides.get("env", [])),
        resources={name: value for name, value in resources.items() if value},
    )


def _variable(env: Mapping[str, Any]) -> dict[str, Any]:
    """Return an environment variable as the cluster's API writes it."""
    if not env.get("name"):
        raise BadInputError(f"Expected env with a name in serving_pod_overrides, found {env}.")
    if "value_from" not in env:
        return {"name": env["name"], "value": env.get("value", "")}
    source = _fields(env["value_from"], "value_from")
    secret = _fields(source.get("secret_key_ref", {}), "secret_key_ref")
    if env.get("value") or not secret.get("name") or not secret.get("key"):
        raise BadInputError(
            f"Expected env with a value, or with value_from a secret's name and key; found {env}."
        )
    return {"name": env["name"], "valueFrom": {"secretKeyRef": dict(secret)}}
