"""A Kubernetes cluster, asked through the package `kubernetes` that TFX brings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx_parity.errors import ServerUnavailableError

_NOT_FOUND = 404
_REQUEST_S = 30.0
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True)
class Cluster:
    """A cluster and the namespace in it that is worked in.

    Attributes:
        namespace: Where pods are created.
        is_inside: Whether this process runs in a pod of the cluster, so that pods' own addresses
            can be reached.
        make_client: Returns a client of the API with a connection of its own.
    """

    namespace: str
    is_inside: bool
    make_client: Callable[[], Any]

    @classmethod
    def connect(cls, namespace: str = "", context: str = "") -> Cluster:
        """Find the cluster as kubectl does: in a pod its own, else by `$KUBECONFIG`.

        Args:
            namespace: The pod's own, the context's or `default` where empty.
            context: A context of the kubeconfig; its current one where empty. A kubeconfig is
                used in a pod, too, where one is named.

        Raises:
            ServerUnavailableError: If there is no package `kubernetes`, or no cluster is named.
        """
        try:
            from kubernetes import client, config  # noqa: PLC0415 - this back end alone needs it
            from kubernetes.config import kube_config  # noqa: PLC0415
        except ImportError as error:
            raise ServerUnavailableError(
                "Expected the package 'kubernetes', found none. Install it: pip install kubernetes "
                "(TFX brings it)."
            ) from error
        inside = (_SERVICE_ACCOUNT / "token").is_file() and not (
            context or os.environ.get("KUBECONFIG")
        )
        configuration = client.Configuration()
        try:
            if inside:
                config.load_incluster_config(client_configuration=configuration)
                found = (_SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
            else:
                contexts, current = kube_config.list_kube_config_contexts()
                config.load_kube_config(context=context or None, client_configuration=configuration)
                chosen = next((c for c in contexts if c["name"] == context), current)
                found = chosen["context"].get("namespace", "")
        except (config.ConfigException, OSError) as error:
            raise ServerUnavailableError(
                "Expected a Kubernetes cluster, found none: not in a pod with a service account, "
                f"and no kubeconfig to use ($KUBECONFIG, ~/.kube/config): {error}. See that "
                "kubectl get pods works here; or take another back end (--server native)."
            ) from error
        configuration.retries = False
        return cls(
            namespace or found or _DEFAULT_NAMESPACE,
            inside,
            lambda: client.CoreV1Api(client.ApiClient(configuration)),
        )

    def create_pod(self, manifest: Mapping[str, Any]) -> str:
        """Create a pod, and return its name."""
        made = self._ask(
            "create a pod",
            lambda api: api.create_namespaced_pod(
                self.namespace, manifest, _request_timeout=_REQUEST_S, _preload_content=True
            ),
        )
        return str(made["metadata"]["name"])

    def pod(self, name: str) -> dict[str, Any]:
        """Return a pod as the API shows it."""
        return self._ask(
            f"show pod {name}",
            lambda api: api.read_namespaced_pod(name, self.namespace, _request_timeout=_REQUEST_S),
        )

    def own_pod(self) -> dict[str, Any] | None:
        """Return the pod that this process runs in, None outside of the cluster."""
        return self.pod(os.environ.get("HOSTNAME", "")) if self.is_inside else None

    def log(self, pod: str, container: str, lines: int) -> str:
        """Return the last lines that one container of a pod wrote."""
        api = self.make_client()
        with api.api_client, self._errors(f"show the log of {pod}"):
            answer = api.read_namespaced_pod_log(
                pod,
                self.namespace,
                container=container,
                tail_lines=lines,
                _request_timeout=_REQUEST_S,
                # The package would make a str of bytes: "b'...'".
                _preload_content=False,
            )
            return bytes(answer.data).decode(errors="replace").rstrip("\n")

    def delete_pod(self, name: str) -> None:
        """End a pod and delete it at once, if it is there."""
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415

        api = self.make_client()
        with api.api_client, self._errors(f"delete pod {name}"):
            try:
                api.delete_namespaced_pod(
                    name, self.namespace, grace_period_seconds=0, _request_timeout=_REQUEST_S
                )
            except ApiException as error:
                if error.status != _NOT_FOUND:
                    raise

    def _ask(self, what: str, call: Callable[[Any], Any]) -> dict[str, Any]:
        api = self.make_client()
        with api.api_client, self._errors(what):
            shown: dict[str, Any] = api.api_client.sanitize_for_serialization(call(api))
            return shown

    def _errors(self, what: str) -> _Errors:
        return _Errors(what, self.namespace)


@dataclass(frozen=True)
class _Errors:
    """Tells what the cluster refused, or that it does not answer: never the model's fault."""

    what: str
    namespace: str

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - what the package is built on

        if isinstance(error, ApiException):
            found = f"HTTP {error.status} {error.reason}: {error.body}"
        elif isinstance(error, (HTTPError, OSError)):
            found = f"no answer: {error}"
        else:
            return
        raise ServerUnavailableError(
            f"Expected the Kubernetes cluster to {self.what} in namespace {self.namespace}, found "
            f"{found}. See that kubectl -n {self.namespace} get pods works, and what this user or "
            "service account may do (pods: create, get, delete; pods/log; pods/portforward)."
        ) from error
