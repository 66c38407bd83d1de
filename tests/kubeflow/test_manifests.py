"""The manifests: valid by the published schemas, and no more allowed than the code needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tfx_parity.canary.pod import ModelPlace, PodWishes, pod_manifest

FOLDER = Path(__file__).parents[2] / "kubeflow" / "manifests"
CUSTOM = {"AnalysisTemplate", "Canary"}


def _documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def _of_kind(name: str, kind: str) -> dict[str, Any]:
    (document,) = (each for each in _documents(name) if each["kind"] == kind)
    return document


def _job() -> dict[str, Any]:
    (metric,) = _of_kind("analysis-template.yaml", "AnalysisTemplate")["spec"]["metrics"]
    job: dict[str, Any] = metric["provider"]["job"]["spec"]
    return job


@pytest.mark.system
@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.yaml")))
def test_every_manifest_is_valid_by_the_apis_own_schema(name: str) -> None:
    """Every field is known, of its type, and none that must be there is missing."""
    from kubernetes_schema import faults_of

    faults = [
        fault
        for document in _documents(name)
        if document["kind"] not in CUSTOM
        for fault in faults_of(document)
    ]

    assert [] == faults


@pytest.mark.system
def test_the_check_finds_wrong_manifests() -> None:
    """A name, a type and a missing field that are wrong are told with their place."""
    from kubernetes_schema import faults_of

    policy = _of_kind("canary.yaml", "NetworkPolicy")
    policy["spec"]["podSelectors"] = {}
    policy["spec"]["ingress"][0]["ports"][0]["protocol"] = 6
    del policy["spec"]["podSelector"]

    told = " ".join(faults_of(policy))

    assert "NetworkPolicy.spec.podSelectors: V1NetworkPolicySpec has no such field" in told
    assert "NetworkPolicy.spec.ingress.0.ports.0.protocol: expected str, found 6" in told
    assert "`pod_selector`" in told


@pytest.mark.system
def test_the_job_of_the_analysis_is_valid() -> None:
    """It is one attempt with a deadline, and its exit code is the verdict's."""
    from kubernetes_schema import model_faults

    job = _job()

    assert [] == list(model_faults(job, "V1JobSpec", "job"))
    assert 0 == job["backoffLimit"]
    assert 0 < job["activeDeadlineSeconds"]
    assert "Never" == job["template"]["spec"]["restartPolicy"]


def test_the_analysis_asks_for_every_argument_that_it_uses() -> None:
    """Those of the command and of the volumes, and no other."""
    spec = _of_kind("analysis-template.yaml", "AnalysisTemplate")["spec"]
    text = yaml.safe_dump(spec["metrics"])

    assert [] == [arg["name"] for arg in spec["args"] if f"{{{{args.{arg['name']}}}}}" not in text]
    assert text.count("{{args.") == len(spec["args"])


def test_the_command_of_the_analysis_is_one_of_ours() -> None:
    """Its options exist, and it prints the report alone."""
    from tfx_parity.cli.check import check

    (container,) = _job()["template"]["spec"]["containers"]
    program, name, _, *options = container["command"]

    assert ("tfx-parity", "check") == (program, name)
    known = {flag for parameter in check.params for flag in parameter.opts}
    assert [] == [option for option in options if option.split("=")[0] not in known]
    assert "--json" in options


@pytest.mark.parametrize(
    "container",
    [
        pytest.param(lambda: _job()["template"]["spec"], id="analysis"),
        pytest.param(
            lambda: _of_kind("flagger.yaml", "Deployment")["spec"]["template"]["spec"], id="webhook"
        ),
    ],
)
def test_containers_run_without_privileges(container: Any) -> None:
    """Not as root, on a read-only root, with limits and without a token of the API."""
    spec = container()
    (only,) = spec["containers"]

    assert not spec["automountServiceAccountToken"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert only["securityContext"]["readOnlyRootFilesystem"]
    assert not only["securityContext"]["allowPrivilegeEscalation"]
    assert ["ALL"] == only["securityContext"]["capabilities"]["drop"]
    assert {"cpu", "memory"} == only["resources"]["limits"].keys()
    assert {"/tmp"} == {  # noqa: S108 - the one folder of the image that is written to
        mount["mountPath"] for mount in only["volumeMounts"] if not mount.get("readOnly")
    }


def test_steps_may_do_what_the_back_end_asks_and_no_more() -> None:
    """Of pods create, get and delete, of their logs get; port forwarding is for outside."""
    rules = _of_kind("canary.yaml", "Role")["rules"]

    assert {"pods": ["create", "get", "delete"], "pods/log": ["get"]} == {
        resource: rule["verbs"] for rule in rules for resource in rule["resources"]
    }


def test_the_policy_is_of_the_pods_that_the_back_end_makes() -> None:
    """Its label, and its two ports."""
    place = ModelPlace.parse("pvc://models/penguins/7", "penguins")
    pod = pod_manifest("tensorflow/serving:2.16.1", "penguins", place, PodWishes(), None)
    policy = _of_kind("canary.yaml", "NetworkPolicy")["spec"]
    (rule,) = policy["ingress"]

    assert pod["metadata"]["labels"] == policy["podSelector"]["matchLabels"]
    assert [port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]] == [
        port["port"] for port in rule["ports"]
    ]
    assert [] == policy["egress"]


@pytest.mark.tfx
def test_the_serving_spec_gives_a_valid_pod_with_limits_and_a_deadline() -> None:
    """TFX's own message takes it; the pod runs under the account that the manifest makes."""
    from google.protobuf import json_format, text_format
    from kubernetes_schema import faults_of
    from tfx.proto import infra_validator_pb2

    text = (FOLDER / "serving_spec.pbtxt").read_text(encoding="utf-8")
    spec = text_format.Parse(text, infra_validator_pb2.ServingSpec())
    wishes = PodWishes(
        service_account=spec.kubernetes.service_account_name,
        active_deadline_s=spec.kubernetes.active_deadline_seconds,
        resources=json_format.MessageToDict(spec.kubernetes.serving_pod_overrides.resources),
    )
    place = ModelPlace.parse("pvc://models/penguins/7", "penguins")
    pod = pod_manifest("tensorflow/serving:2.16.1", "penguins", place, wishes, None)

    assert [] == faults_of(pod)
    assert 1800 == pod["spec"]["activeDeadlineSeconds"]
    assert {"cpu": "2", "memory": "2Gi"} == pod["spec"]["containers"][0]["resources"]["limits"]
    accounts = [d for d in _documents("canary.yaml") if d["kind"] == "ServiceAccount"]
    assert pod["spec"]["serviceAccountName"] in {a["metadata"]["name"] for a in accounts}
    assert spec.tensorflow_serving.tags == ["2.16.1"]


def test_flaggers_canary_names_what_the_webhook_asks_for() -> None:
    """Before any traffic, and once: a model that fails is not tried again."""
    from tfx_parity.kubeflow.flagger_webhook import Check

    analysis = _of_kind("flagger.yaml", "Canary")["spec"]["analysis"]
    (hook,) = analysis["webhooks"]

    check = Check.parse(json.dumps({"metadata": hook["metadata"]}).encode(), Path("/models"))
    assert Path("/models/penguins/7") == check.model
    assert ("pre-rollout", 1) == (hook["type"], analysis["threshold"])
