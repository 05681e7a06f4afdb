"""Every sample, every rule and every column of PushSecret, the cluster-wide kinds and the generators, on both control planes."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
import yaml

from tests.support.controlplane import ROOT
from tests.support.operator import ClusterUnderTest, eventually

ALPHA = "external-secrets.io/v1alpha1"
V1 = "external-secrets.io/v1"
GENERATORS = "generators.external-secrets.io/v1alpha1"
SAMPLES = sorted((ROOT / "config" / "samples").glob("*.yaml"))
GENERATOR_KINDS = (
    "ACRAccessToken",
    "BeyondtrustWorkloadCredentialsDynamicSecret",
    "CloudsmithAccessToken",
    "ClusterGenerator",
    "ECRAuthorizationToken",
    "Fake",
    "GCRAccessToken",
    "GeneratorState",
    "GithubAccessToken",
    "GitlabDeployToken",
    "Grafana",
    "MFA",
    "Password",
    "QuayAccessToken",
    "SSHKey",
    "STSSessionToken",
    "UUID",
    "VaultDynamicSecret",
    "Webhook",
)
MATCH = {"secretKey": "a", "remoteRef": {"remoteKey": "r"}}
REWRITE = [{"regexp": {"source": "a", "target": "b"}}]
TOKEN = {"secretRef": {"name": "s", "key": "k"}}
DEPLOY = {"name": "n", "scopes": ["read_registry"], "auth": {"token": TOKEN}}


def samples() -> list[dict[str, Any]]:
    return [found for path in SAMPLES for found in yaml.safe_load_all(path.read_text()) if found]


def sample(kind: str) -> dict[str, Any]:
    return next(found for found in samples() if found["kind"] == kind)


def create(cluster: ClusterUnderTest, body: dict[str, Any]) -> Any:
    path = cluster.path_of(body).rpartition("/")[0]
    return cluster.api("POST", path, body, fieldValidation="Strict", dryRun="All")


def push(**spec: Any) -> dict[str, Any]:
    whole = {"secretStoreRefs": [{"name": "s"}], "selector": {"secret": {"name": "x"}}, **spec}
    return {"apiVersion": ALPHA, "kind": "PushSecret", "metadata": {"name": "p"}, "spec": whole}


def made(api_version: str, kind_: str, /, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind_, "metadata": {"name": "o"}, "spec": spec}


def test_there_is_a_sample_of_every_kind_and_each_is_accepted(cluster: ClusterUnderTest) -> None:
    found = {(body["apiVersion"], body["kind"]) for body in samples()}
    assert found >= {(GENERATORS, kind) for kind in GENERATOR_KINDS}
    assert found >= {
        (ALPHA, "PushSecret"),
        (ALPHA, "ClusterPushSecret"),
        (V1, "ClusterExternalSecret"),
        (V1, "ExternalSecret"),
        (V1, "SecretStore"),
        (V1, "ClusterSecretStore"),
    }
    for body in samples():
        body["metadata"].pop("namespace", None)
        answer = create(cluster, body)
        assert answer.status == 201, (body["kind"], body["metadata"]["name"], answer.body)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (push(dataTo=[{}]), "storeRef must specify either name or labelSelector"),
        (push(dataTo=[{"storeRef": {}}]), "storeRef must specify either name or labelSelector"),
        (
            push(dataTo=[{"storeRef": {"name": "s"}, "remoteKey": "all", "rewrite": REWRITE}]),
            "remoteKey and rewrite are mutually exclusive: rewrite is only supported in per-key mode (without remoteKey)",
        ),
        (push(dataTo=[{"storeRef": {"name": "s"}, "rewrite": [{}]}]), "exactly one of regexp or transform must be set"),
        (
            push(dataTo=[{"storeRef": {"name": "s"}, "rewrite": [{**REWRITE[0], "transform": {"template": "x"}}]}]),
            "exactly one of regexp or transform must be set",
        ),
        (push(selector={}), "spec.selector in body should have at least 1 properties"),
        (
            push(selector={"secret": {"name": "x"}, "generatorRef": {"kind": "Fake", "name": "f"}}),
            "must have at most 1 item",
        ),
        (push(selector={"generatorRef": {"kind": "Nothing", "name": "f"}}), "Unsupported value"),
        (push(selector={"secret": {"name": "UPPER"}}), "should match"),
        (push(updatePolicy="Sometimes"), "Unsupported value"),
        (push(deletionPolicy="Retain"), "Unsupported value"),
        (push(data=[{"match": MATCH, "conversionStrategy": "Unicode"}]), "Unsupported value"),
        (push(data=[{"match": {"secretKey": "a", "remoteRef": {}}}]), "remoteKey"),
        (push(secretStoreRefs=[{"name": "s", "kind": "Store"}]), "Unsupported value"),
        (made(ALPHA, "PushSecret", selector={"secret": {"name": "x"}}), "secretStoreRefs"),
        (made(ALPHA, "ClusterPushSecret"), "pushSecretSpec"),
        (made(V1, "ClusterExternalSecret"), "externalSecretSpec"),
        (made(V1, "ClusterExternalSecret", externalSecretSpec={}, externalSecretName="A_B"), "should match"),
        (made(V1, "ClusterExternalSecret", externalSecretSpec={}, namespaces=["A_B"]), "should match"),
        (made(GENERATORS, "ClusterGenerator", kind="Fake", generator={}), "should have at least 1 properties"),
        (
            made(GENERATORS, "ClusterGenerator", kind="Fake", generator={"fakeSpec": {}, "uuidSpec": {}}),
            "must have at most 1 item",
        ),
        (made(GENERATORS, "ClusterGenerator", kind="Nothing", generator={"fakeSpec": {}}), "Unsupported value"),
        (made(GENERATORS, "GitlabDeployToken", **DEPLOY), "exactly one of projectID or groupID must be set"),
        (
            made(GENERATORS, "GitlabDeployToken", **DEPLOY, projectID="1", groupID="2"),
            "exactly one of projectID or groupID must be set",
        ),
        (made(GENERATORS, "GitlabDeployToken", **{**DEPLOY, "scopes": []}, projectID="1"), "at least 1 items"),
        (made(GENERATORS, "GitlabDeployToken", **{**DEPLOY, "scopes": ["api"]}, projectID="1"), "Unsupported value"),
        (made(GENERATORS, "SSHKey", keyType="dsa"), "Unsupported value"),
        (made(GENERATORS, "SSHKey", keyType="rsa", keySize=128), "greater than or equal to 256"),
        (made(GENERATORS, "SSHKey", keyType="rsa", keySize=9000), "less than or equal to 8192"),
        (made(GENERATORS, "Password", noUpper=False, allowRepeat=True, encoding="rot13"), "Unsupported value"),
        (made(GENERATORS, "VaultDynamicSecret", path="p", resultType="Lease"), "Unsupported value"),
        (made(GENERATORS, "GeneratorState", state={}), "resource"),
        (made(GENERATORS, "GeneratorState", resource={}), "state"),
    ],
    ids=lambda part: part if isinstance(part, str) else part["kind"],
)
def test_a_rule_refuses(cluster: ClusterUnderTest, body: dict[str, Any], text: str) -> None:
    answer = create(cluster, body)
    assert answer.status == 422, answer.body
    assert text in answer.message


COLUMNS = {
    "PushSecret": ["Name", "AGE", "Status", "Last Sync"],
    "ClusterPushSecret": ["Name", "AGE", "Status"],
    "ClusterExternalSecret": ["Name", "Store", "Refresh Interval", "Ready"],
    "GeneratorState": ["Name", "GC Deadline", "Age"],
}
NAMES = {
    "PushSecret": ("pushsecrets", ["ps"], True),
    "ClusterPushSecret": ("clusterpushsecrets", None, False),
    "ClusterExternalSecret": ("clusterexternalsecrets", ["ces"], False),
    "GeneratorState": ("generatorstates", ["gs"], True),
    "ClusterGenerator": ("clustergenerators", None, False),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_kubectl_prints_these_columns(cluster: ClusterUnderTest, kind: str) -> None:
    body = {**sample(kind), "metadata": {"name": f"columns-{cluster.namespace}"}}
    path = cluster.path_of(body).rpartition("/")[0]
    table = cluster.api("GET", path, accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert table.status == 200
    assert [column["name"] for column in table.body["columnDefinitions"] if not column["priority"]] == COLUMNS[kind]


@pytest.mark.parametrize("kind", NAMES)
def test_discovery_names(cluster: ClusterUnderTest, kind: str) -> None:
    resources = cluster.api.ok("GET", f"/apis/{sample(kind)['apiVersion']}")["resources"]
    found = next(one for one in resources if one["kind"] == kind and "/" not in one["name"])
    plural, short, namespaced = NAMES[kind]
    assert (found["name"], found.get("shortNames"), found["namespaced"]) == (plural, short, namespaced)
    assert "external-secrets" in found["categories"]
    has_status = any(one["name"] == f"{plural}/status" for one in resources)
    assert has_status is (kind != "GeneratorState")


def test_generated_values_are_pushed_stamped_and_cleaned_up(cluster: ClusterUnderTest) -> None:
    """The kinds together, by a process of its own: status, finalizers, owners, events, and what is left at the end."""
    first, second = (f"{cluster.namespace}-{part}" for part in ("one", "two"))
    for name in (first, second):
        cluster.api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": {"of": cluster.namespace}}})
    stamped = {
        "externalSecretName": "made",
        "namespaceSelectors": [{"matchLabels": {"of": cluster.namespace}}],
        "externalSecretSpec": {
            "refreshInterval": "0",
            "dataFrom": [{"sourceRef": {"generatorRef": {"kind": "ClusterGenerator", "name": cluster.namespace}}}],
        },
    }
    owner = {**made(V1, "ClusterExternalSecret", **stamped), "metadata": {"name": cluster.namespace}}
    uuid = made(GENERATORS, "ClusterGenerator", kind="UUID", generator={"uuidSpec": {}})
    fixed = made(V1, "SecretStore", provider={"fake": {"data": []}})
    data = [{"match": {"secretKey": "uuid", "remoteRef": {"remoteKey": "id"}}}]
    source = {"generatorRef": {"kind": "ClusterGenerator", "name": cluster.namespace}}
    pushed = push(secretStoreRefs=[{"name": "o"}], selector=source, data=data, deletionPolicy="Delete")
    cluster.apply({**uuid, "metadata": {"name": cluster.namespace}}, fixed, owner, pushed)
    with cluster.operator():

        def provisioned() -> bool:
            status = cluster.api.ok("GET", cluster.path_of(owner)).get("status", {})
            assert status.get("provisionedNamespaces") == [first, second], status
            assert (status["externalSecretName"], status["conditions"]) == (
                "made",
                [{"type": "Ready", "status": "True"}],
            )
            return True

        eventually(provisioned)

        def synced() -> bool:
            found = cluster.api.ok("GET", cluster.path_of(pushed))
            (ready,) = found.get("status", {}).get("conditions") or [{}]
            assert (ready.get("status"), ready.get("reason")) == ("True", "Synced"), found.get("status")
            assert ready["message"] == "PushSecret synced successfully"
            assert list(found["status"]["syncedPushSecrets"]["SecretStore/o"]) == ["id"]
            assert found["status"]["syncedResourceVersion"].startswith("1-")
            assert found["metadata"]["finalizers"] == ["pushsecret.externalsecrets.io/finalizer"]
            return True

        eventually(synced)
        values = {}
        for name in (first, second):
            values[name] = eventually(partial(generated, cluster, name))
            assert target_finalizers(cluster, name) == []
        assert values[first] != values[second]
        cluster.api.ok("DELETE", cluster.path_of(pushed))
        cluster.api.ok("DELETE", cluster.path_of(owner))
        for body in (pushed, owner):
            eventually(partial(gone, cluster, cluster.path_of(body)))
    for name in (first, second):
        cluster.api.ok("DELETE", f"/api/v1/namespaces/{name}")
    assert "uuid" not in json.dumps(cluster.api.ok("GET", f"/api/v1/namespaces/{cluster.namespace}/events"))


def generated(cluster: ClusterUnderTest, namespace: str) -> str:
    answer = cluster.api("GET", f"/api/v1/namespaces/{namespace}/secrets/made")
    return str(answer.body["data"]["uuid"]) if answer.status == 200 else ""


def gone(cluster: ClusterUnderTest, path: str) -> bool:
    return cluster.api("GET", path).status == 404


def target_finalizers(cluster: ClusterUnderTest, name: str) -> list[str]:
    found = cluster.api.ok("GET", f"/api/v1/namespaces/{name}")["metadata"].get("finalizers", [])
    return [one for one in found if "externalsecrets" in one]
