"""A namespace into which cluster-wide objects put theirs is deleted: nothing holds it back and nothing is left, on both control planes."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.support.operator import ClusterUnderTest, eventually

ALPHA = "external-secrets.io/v1alpha1"
V1 = "external-secrets.io/v1"
LEFT = "externalsecrets.external-secrets.io/ces-"
"""Start of the finalizers that External Secrets Operator puts on namespaces."""


def owners(cluster: ClusterUnderTest) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A ClusterSecretStore, a ClusterExternalSecret and a ClusterPushSecret whose objects go into the same namespaces."""
    name = cluster.namespace
    selected = [{"matchLabels": {"of": name}}]
    store = {"provider": {"fake": {"data": [{"key": "k", "value": "v", "version": "v1"}]}}}
    secret = {
        "externalSecretName": "made",
        "namespaceSelectors": selected,
        "refreshTime": "1h",
        "externalSecretSpec": {
            "secretStoreRef": {"name": name, "kind": "ClusterSecretStore"},
            "data": [{"secretKey": "k", "remoteRef": {"key": "k", "version": "v1"}}],
        },
    }
    pushed = {
        "pushSecretName": "made",
        "namespaceSelectors": selected,
        "refreshTime": "1h",
        "pushSecretSpec": {
            "secretStoreRefs": [{"name": name, "kind": "ClusterSecretStore"}],
            "deletionPolicy": "Delete",
            "selector": {"secret": {"name": "made"}},
            "data": [{"match": {"secretKey": "k", "remoteRef": {"remoteKey": "pushed"}}}],
        },
    }

    def whole(version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}

    return (
        whole(V1, "ClusterSecretStore", store),
        whole(V1, "ClusterExternalSecret", secret),
        whole(ALPHA, "ClusterPushSecret", pushed),
    )


def provisioned(cluster: ClusterUnderTest, owner: dict[str, Any], *names: str) -> bool:
    status = cluster.api.ok("GET", cluster.path_of(owner)).get("status", {})
    assert (status.get("provisionedNamespaces", []), status.get("failedNamespaces", [])) == (list(names), []), status
    return True


def is_gone(cluster: ClusterUnderTest, path: str) -> bool:
    answer = cluster.api("GET", path)
    assert answer.status == 404, answer.body
    return True


def synced(cluster: ClusterUnderTest, version: str, plural: str, namespace: str) -> bool:
    found = cluster.api("GET", f"/apis/{version}/namespaces/{namespace}/{plural}/made")
    assert found.status == 200, found.body
    (ready,) = found.body.get("status", {}).get("conditions") or [{}]
    assert ready.get("status") == "True", found.body
    return True


@pytest.mark.parametrize("left_behind", [False, True], ids=["clean", "with a finalizer of the old operator"])
def test_a_selected_namespace_goes(cluster: ClusterUnderTest, left_behind: bool) -> None:
    going, staying = (f"{cluster.namespace}-{part}" for part in ("going", "staying"))
    store, secret, pushed = owners(cluster)
    with cluster.operator():
        for name in (going, staying):
            finalizers = [LEFT + cluster.namespace] if left_behind else []
            metadata = {"name": name, "labels": {"of": cluster.namespace}, "finalizers": finalizers}
            cluster.api.ok("POST", "/api/v1/namespaces", {"metadata": metadata})
        cluster.apply(store, secret, pushed)
        for owner in (secret, pushed):
            eventually(partial(provisioned, cluster, owner, going, staying), 30)
        for name in (going, staying):
            eventually(partial(synced, cluster, V1, "externalsecrets", name), 30)
            eventually(partial(synced, cluster, ALPHA, "pushsecrets", name), 30)
            found = cluster.api.ok("GET", f"/api/v1/namespaces/{name}")["metadata"].get("finalizers", [])
            assert not [one for one in found if "external" in one]
        cluster.api.ok("DELETE", f"/api/v1/namespaces/{going}")
        eventually(partial(is_gone, cluster, f"/api/v1/namespaces/{going}"), 60)
        for owner in (secret, pushed):
            eventually(partial(provisioned, cluster, owner, staying), 30)
        # It may come back under the same name.
        metadata = {"name": going, "labels": {"of": cluster.namespace}}
        cluster.api.ok("POST", "/api/v1/namespaces", {"metadata": metadata})
        eventually(partial(synced, cluster, V1, "externalsecrets", going), 30)
        for name in (going, staying):
            cluster.api.ok("DELETE", f"/api/v1/namespaces/{name}")
        for owner in (secret, pushed):
            eventually(partial(provisioned, cluster, owner), 60)
            cluster.api.ok("DELETE", cluster.path_of(owner))
            eventually(partial(is_gone, cluster, cluster.path_of(owner)), 30)
        for name in (going, staying):
            eventually(partial(is_gone, cluster, f"/api/v1/namespaces/{name}"), 60)
        cluster.api.ok("DELETE", cluster.path_of(store))
        eventually(partial(is_gone, cluster, cluster.path_of(store)), 30)
