"""Manifests against the official Kubernetes client's models, made from the API's own schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kubernetes import client

_MODELS = {
    "ServiceAccount": "V1ServiceAccount",
    "Role": "V1Role",
    "RoleBinding": "V1RoleBinding",
    "NetworkPolicy": "V1NetworkPolicy",
    "Deployment": "V1Deployment",
    "Service": "V1Service",
    "Pod": "V1Pod",
}
_LISTED = re.compile(r"(list|dict\(str, )\[?(.+?)[\])]$")
_PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def faults_of(manifest: dict[str, Any]) -> list[str]:
    """Return unknown, mistyped and missing fields of a manifest of a built-in kind."""
    return list(model_faults(manifest, _MODELS[manifest["kind"]], manifest["kind"]))


def model_faults(value: Any, model: str, place: str) -> Iterator[str]:
    """Yield what is wrong with a value that should be of a model of the client."""
    if model in _PLAIN:
        if not isinstance(value, _PLAIN[model]) or (model == "int" and isinstance(value, bool)):
            yield f"{place}: expected {model}, found {value!r}"
    elif listed := _LISTED.fullmatch(model):
        of_list = listed[1] == "list"
        if not isinstance(value, list if of_list else dict):
            yield f"{place}: expected {model}, found {value!r}"
            return
        items = enumerate(value) if of_list else value.items()
        for key, item in items:
            yield from model_faults(item, listed[2], f"{place}.{key}")
    elif model not in {"object", "datetime"}:
        yield from _object_faults(value, model, place)


def _object_faults(value: Any, model: str, place: str) -> Iterator[str]:
    kind = getattr(client, model)
    if not isinstance(value, dict):
        yield f"{place}: expected a {model}, found {value!r}"
        return
    names = {name: attribute for attribute, name in kind.attribute_map.items()}
    for name in value.keys() - names.keys():
        yield f"{place}.{name}: {model} has no such field"
    known = {names[name]: given for name, given in value.items() if name in names}
    try:
        kind(**known)  # Its setters refuse what is missing and values outside enumerations.
    except ValueError as error:
        yield f"{place}: {error}"
    for attribute, given in known.items():
        yield from model_faults(
            given, kind.openapi_types[attribute], f"{place}.{kind.attribute_map[attribute]}"
        )
