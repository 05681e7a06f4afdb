"""In place from External Secrets Operator v2.9.0 and back, and objects that are stored in an old version."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import eso29
from tests.support.contract import Api, Server
from tests.support.controlplane import ROOT, running_control_plane
from tests.support.helm import Helm
from tests.support.installation import installed
from tests.support.operator import ClusterUnderTest, cluster_under_test, eventually, install_crds

pytestmark = [pytest.mark.controlplane, pytest.mark.slow]

_V1 = "external-secrets.io/v1"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_LEASE = "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases/external-secrets-controller"
_HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_WATCHED_SECONDS = 6.0


@pytest.fixture(scope="module")
def server(binaries: Path | None) -> Iterator[Server]:
    """A real API server of its own: the definitions are changed here."""
    if binaries is None:
        pytest.skip("no real control plane")
    with running_control_plane() as plane:
        found = Server(plane.url, plane.token, ca_file=str(plane.ca_file))
        install_crds(Api(found))
        yield found


@pytest.fixture
def cluster(server: Server, binaries: Path | None) -> Iterator[ClusterUnderTest]:
    """A namespace on it."""
    with cluster_under_test("real", server, binaries) as under_test:
        yield under_test


def _versions(cluster: ClusterUnderTest) -> dict[str, str]:
    """Path -> resourceVersion of everything that was there before."""
    found = {}
    for path in (
        "/api/v1/namespaces/{ns}/secrets",
        f"/apis/{_V1}/namespaces/{{ns}}/externalsecrets",
        f"/apis/{_V1}/namespaces/{{ns}}/secretstores",
        _CRDS,
        _HOOKS,
    ):
        for item in cluster.api.ok("GET", path)["items"]:
            found[f"{path}/{item['metadata']['name']}"] = item["metadata"]["resourceVersion"]
    return found


def test_what_eso_left_is_taken_over_as_it_is(helm: Helm, cluster: ClusterUnderTest) -> None:
    with installed(cluster, helm, {"leaderElect": True, "webhook": {"failurePolicy": "Ignore"}}) as release:
        eso29.install(cluster, release.name)
        before = _versions(cluster)
        pause = threading.Event()
        with release.process() as operator, release.process("-cert-controller"):
            eventually(lambda: "_" in _holder(cluster) and "7d9f" not in _holder(cluster), 30, "the lease is taken")

            def looked_at() -> bool:
                text = operator.metrics_text()
                return 'controller_runtime_reconcile_total{controller="externalsecret"' in text

            eventually(looked_at, 20, "the ExternalSecrets are looked at")
            pause.wait(_WATCHED_SECONDS)
            assert _versions(cluster) == before
            # It is not merely idle: what is edited from now on is put right.
            path = "/api/v1/namespaces/{ns}/secrets/owned"
            cluster.api.ok("PATCH", path, {"data": {"url": "eA=="}}, content_type="application/merge-patch+json")
            eventually(lambda: cluster.api.ok("GET", path)["data"]["url"] != "eA==", 20, "the edit is undone")
        # And back: the lease is free at once, and the Secret is again what ESO would have written.
        lease = cluster.api.ok("GET", _LEASE)["spec"]
        assert not lease.get("holderIdentity")
        assert lease["leaseTransitions"] == 4
        changed = {path for path, version in _versions(cluster).items() if before.get(path) != version}
        assert changed <= {
            "/api/v1/namespaces/{ns}/secrets/owned",
            f"/apis/{_V1}/namespaces/{{ns}}/externalsecrets/owned",
        }
        again = cluster.api.ok("GET", path)
        assert again["data"] == {"password": "aHVudGVyMg==", "url": "aHR0cHM6Ly9kYg=="}
        annotations = again["metadata"]["annotations"]
        assert annotations["reconcile.external-secrets.io/data-hash"]
        assert annotations["note"] == "kept"


def _holder(cluster: ClusterUnderTest) -> str:
    return str(cluster.api.ok("GET", _LEASE)["spec"].get("holderIdentity") or "")


def _migrate(cluster: ClusterUnderTest, *flags: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "eso", "migrate", "--kubeconfig", str(cluster.kubeconfig), *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def _stored_as(cluster: ClusterUnderTest, name: str, version: str, *, served: bool = False) -> None:
    """Make a version the one that objects are stored in."""

    def change() -> bool:
        crd = cluster.api.ok("GET", f"{_CRDS}/{name}")
        for each in crd["spec"]["versions"]:
            each["storage"] = each["name"] == version
            each["served"] = each["name"] == "v1" or (served and each["name"] == "v1beta1")
        return cluster.api("PUT", f"{_CRDS}/{name}", crd).status == 200

    eventually(change, 10, f"{name} is stored as {version}")
    threading.Event().wait(1.5)  # the API server takes a moment to serve by the changed definition


_STORES = "secretstores.external-secrets.io"


@pytest.mark.parametrize("served", [False, True])
def test_objects_in_an_old_version_are_read_and_migrated(cluster: ClusterUnderTest, served: bool) -> None:
    path = f"/apis/{_V1}/namespaces/{{ns}}/secretstores"
    spec = {"provider": {"fake": {"data": [{"key": "k", "value": "v"}]}}}
    _stored_as(cluster, _STORES, "v1beta1", served=served)
    try:
        version = "external-secrets.io/v1beta1" if served else _V1
        for number in range(5):
            body = {"apiVersion": version, "kind": "SecretStore", "metadata": {"name": f"s-{number}"}, "spec": spec}
            cluster.api.ok("POST", path.replace(_V1, version), body)
    finally:
        _stored_as(cluster, _STORES, "v1", served=served)
    wanted = {
        "apiVersion": _V1,
        "kind": "ExternalSecret",
        "metadata": {"name": "db"},
        "spec": {"secretStoreRef": {"name": "s-0"}, "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]},
    }
    with cluster.operator():
        cluster.apply(wanted)
        eventually(lambda: cluster.api("GET", "/api/v1/namespaces/{ns}/secrets/db").status == 200, 20)
    before = {item["metadata"]["name"]: item for item in cluster.api.ok("GET", path)["items"]}

    code, said = _migrate(cluster, "--check")
    assert code == 1
    assert f"{_STORES} has stored versions" in said
    assert "takes v1beta1 off the list" in said
    assert _contents(cluster, path) == {name: _content(item) for name, item in before.items()}
    assert "v1beta1" in cluster.api.ok("GET", f"{_CRDS}/{_STORES}")["status"]["storedVersions"]

    code, said = _migrate(cluster, "--qps=100")
    assert code == 0, said
    assert cluster.api.ok("GET", f"{_CRDS}/{_STORES}")["status"]["storedVersions"] == ["v1"]
    after = {item["metadata"]["name"]: item for item in cluster.api.ok("GET", path)["items"]}
    assert {name: item["spec"] for name, item in after.items()} == {name: item["spec"] for name, item in before.items()}
    rewritten = {name for name, item in after.items() if _version(item) != _version(before[name])}
    # The operator has written the status of those that it validated, and with it all of them.
    assert rewritten <= set(before)
    code, said = _migrate(cluster)
    assert code == 0
    assert {name: _version(item) for name, item in after.items()} == {
        item["metadata"]["name"]: _version(item) for item in cluster.api.ok("GET", path)["items"]
    }
    # The proof: only a version that nothing is stored in may be dropped from the definition.
    crd = cluster.api.ok("GET", f"{_CRDS}/{_STORES}")
    whole = copy.deepcopy(crd)
    crd["spec"]["versions"] = [each for each in crd["spec"]["versions"] if each["name"] == "v1"]
    dropped = cluster.api.ok("PUT", f"{_CRDS}/{_STORES}", crd)
    assert len(dropped["spec"]["versions"]) == 1
    whole["metadata"]["resourceVersion"] = dropped["metadata"]["resourceVersion"]
    cluster.api.ok("PUT", f"{_CRDS}/{_STORES}", whole)


def test_a_migration_writes_what_nobody_else_has_written(cluster: ClusterUnderTest) -> None:
    path = f"/apis/{_V1}/namespaces/{{ns}}/externalsecrets"
    name = "externalsecrets.external-secrets.io"
    body = yaml.safe_load((ROOT / "config" / "samples" / "externalsecret.yaml").read_text())
    _stored_as(cluster, name, "v1beta1")
    try:
        for number in range(30):
            cluster.api.ok("POST", path, {**body, "metadata": {"name": f"es-{number}"}})
    finally:
        _stored_as(cluster, name, "v1")
    before = _contents(cluster, path)
    code, said = _migrate(cluster, "--qps=500")
    assert code == 0, said
    assert f"{name}: " in said
    after = _contents(cluster, path)
    assert all(after[each][0] != before[each][0] for each in before)
    assert {each: content[1] for each, content in after.items()} == {
        each: content[1] for each, content in before.items()
    }
    assert cluster.api.ok("GET", f"{_CRDS}/{name}")["status"]["storedVersions"] == ["v1"]


def _version(item: dict[str, Any]) -> str:
    return str(item["metadata"]["resourceVersion"])


def _content(item: dict[str, Any]) -> tuple[str, Any]:
    metadata = {key: item["metadata"].get(key) for key in ("uid", "labels", "annotations", "generation")}
    return _version(item), (metadata, item["spec"])


def _contents(cluster: ClusterUnderTest, path: str) -> dict[str, tuple[str, Any]]:
    return {item["metadata"]["name"]: _content(item) for item in cluster.api.ok("GET", path)["items"]}
