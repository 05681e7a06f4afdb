"""Story: somebody applies a store and an ExternalSecret, and a Secret appears and follows its source."""

from __future__ import annotations

import base64
from typing import Any

import yaml

from tests.support.operator import ClusterUnderTest, Operator, eventually

_VERSION = "external-secrets.io/v1"


def _store(value: str) -> dict[str, Any]:
    data = [{"key": "/team/db", "value": value}]
    return {
        "apiVersion": _VERSION,
        "kind": "SecretStore",
        "metadata": {"name": "store"},
        "spec": {"provider": {"fake": {"data": data}}},
    }


def _external_secret(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": _VERSION,
        "kind": "ExternalSecret",
        "metadata": {"name": "db"},
        "spec": {
            "refreshInterval": "1s",
            "secretStoreRef": {"name": "store"},
            "data": [{"secretKey": "password", "remoteRef": {"key": "/team/db"}}],
            **spec,
        },
    }


def _password(cluster: ClusterUnderTest) -> str:
    answer = cluster.api("GET", "/api/v1/namespaces/{ns}/secrets/db")
    return base64.b64decode(answer.body["data"]["password"]).decode() if answer.status == 200 else ""


def _reconciles(operator: Operator) -> float:
    lines = operator.metrics().splitlines()
    wanted = 'controller_runtime_reconcile_total{controller="externalsecret"'
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))


def test_secret_appears_and_follows_its_source(cluster: ClusterUnderTest) -> None:
    with cluster.operator() as operator:
        cluster.apply(_store("one"), _external_secret())
        eventually(lambda: _password(cluster) == "one")
        cluster.apply(_store("two"))
        eventually(lambda: _password(cluster) == "two")
        path = f"/apis/{_VERSION}/namespaces/{{ns}}/externalsecrets/db"
        conditions = cluster.api.ok("GET", path)["status"]["conditions"]
        assert [(c["type"], c["status"], c["reason"]) for c in conditions] == [("Ready", "True", "SecretSynced")]
        assert "externalsecret_sync_calls_total" in operator.metrics()
        cluster.api.ok("DELETE", path)
        # The real garbage collector looks for new kinds every 30 s.
        eventually(lambda: cluster.api("GET", "/api/v1/namespaces/{ns}/secrets/db").status == 404, 75)
        assert operator.stop() == 0


def test_kubectl_works_on_the_objects(cluster: ClusterUnderTest) -> None:
    manifest = yaml.safe_dump_all([_store("one"), _external_secret()])
    with cluster.operator():
        cluster.kubectl("apply", "-f", "-", stdin=manifest)
        cluster.kubectl("wait", "externalsecret/db", "--for=condition=Ready", "--timeout=15s")
        table = cluster.kubectl("get", "externalsecrets")
        assert "SecretSynced" in table
        assert cluster.kubectl("get", "secret", "db", "-o", "jsonpath={.data.password}") == "b25l"
        cluster.kubectl("delete", "externalsecret", "db")


def test_restarted_operator_rewrites_nothing(cluster: ClusterUnderTest) -> None:
    secret = "/api/v1/namespaces/{ns}/secrets/db"
    with cluster.operator():
        cluster.apply(_store("one"), _external_secret(refreshInterval="1h"))
        eventually(lambda: _password(cluster) == "one")
        before = cluster.api.ok("GET", secret)["metadata"]
    with cluster.operator() as operator:
        eventually(lambda: _reconciles(operator) > 0)
        assert cluster.api.ok("GET", secret)["metadata"] == before
