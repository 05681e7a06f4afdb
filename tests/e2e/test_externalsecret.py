"""The main stories of ExternalSecrets with the operator as a process, and what happens when something is killed."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.support.controlplane import ControlPlane
from tests.support.operator import ClusterUnderTest, eventually

_VERSION = "external-secrets.io/v1"
_GENERATORS = "generators.external-secrets.io/v1alpha1"
_ELECTION = (
    "--enable-leader-election",
    "--leader-election-lease-duration=3s",
    "--leader-election-renew-deadline=2s",
    "--leader-election-retry-period=500ms",
)


def _store(name: str = "store", kind: str = "SecretStore", **values: str) -> dict[str, Any]:
    data = [{"key": key, "value": value} for key, value in values.items()]
    return _object(_VERSION, kind, name, spec={"provider": {"fake": {"data": data}}})


def _object(api_version: str, kind: str, name: str, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **rest}


def _external_secret(name: str, **spec: Any) -> dict[str, Any]:
    whole = {"refreshInterval": "1h", "secretStoreRef": {"name": "store"}, **spec}
    if not {"data", "dataFrom"} & set(whole):
        whole["data"] = [{"secretKey": "k", "remoteRef": {"key": "k"}}]
    return _object(
        _VERSION, "ExternalSecret", name, spec={key: part for key, part in whole.items() if part is not None}
    )


def _path(name: str, resource: str = "secrets") -> str:
    base = f"/apis/{_VERSION}" if resource == "externalsecrets" else "/api/v1"
    return f"{base}/namespaces/{{ns}}/{resource}/{name}"


def _data(cluster: ClusterUnderTest, name: str) -> dict[str, bytes] | None:
    answer = cluster.api("GET", _path(name))
    if answer.status != 200:
        return None
    return {key: base64.b64decode(value) for key, value in (answer.body.get("data") or {}).items()}


def _becomes(cluster: ClusterUnderTest, name: str, wanted: dict[str, bytes] | None, seconds: float = 15) -> None:
    def check() -> bool:
        seen = _data(cluster, name)
        assert seen == wanted, f"{name}: {seen}"
        return True

    eventually(check, seconds)


def _reaches(cluster: ClusterUnderTest, name: str, status: str, reason: str, message: str) -> None:
    def check() -> bool:
        found = cluster.api.ok("GET", _path(name, "externalsecrets")).get("status", {}).get("conditions") or [{}]
        seen = (found[0].get("status"), found[0].get("reason"), found[0].get("message", ""))
        assert seen[:2] == (status, reason), seen
        assert seen[2].startswith(message), seen
        assert status == "False" or seen[2] == message, seen
        return True

    eventually(check)


def _synced(cluster: ClusterUnderTest, name: str) -> None:
    _reaches(cluster, name, "True", "SecretSynced", "secret synced")


def _patch(cluster: ClusterUnderTest, path: str, body: dict[str, Any]) -> None:
    cluster.api.ok("PATCH", path, body, content_type="application/merge-patch+json")


def test_data_is_shaped_and_rendered(cluster: ClusterUnderTest) -> None:
    extract = {"extract": {"key": "json"}, "rewrite": [{"regexp": {"source": "^", "target": "db_"}}]}
    docker = {
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": '{"auths":{"r":{"auth":"{{ printf "u:%s" .k | b64enc }}"}}}'},
    }
    source = {"configMap": {"name": "source", "items": [{"key": "url"}]}}
    generator = {"apiVersion": _GENERATORS, "kind": "Password", "name": "made"}
    cluster.apply(
        _store(k="one", json='{"user":"admin","port":5432}'),
        _object("v1", "ConfigMap", "source", data={"url": "pg://{{ .k }}"}),
        _object(
            _GENERATORS, "Password", "made", spec={"length": 12, "digits": 2, "noUpper": True, "allowRepeat": True}
        ),
        _external_secret("extract", dataFrom=[extract]),
        _external_secret("docker", target={"template": docker}),
        _external_secret("rendered", target={"template": {"templateFrom": [source]}}),
        _external_secret("made", dataFrom=[{"sourceRef": {"generatorRef": generator}}], secretStoreRef=None),
    )
    with cluster.operator():
        _becomes(cluster, "extract", {"db_user": b"admin", "db_port": b"5432"})
        _becomes(cluster, "docker", {".dockerconfigjson": b'{"auths":{"r":{"auth":"dTpvbmU="}}}'})
        assert cluster.api.ok("GET", _path("docker"))["type"] == "kubernetes.io/dockerconfigjson"
        _becomes(cluster, "rendered", {"url": b"pg://one"})
        _synced(cluster, "made")
        password = (_data(cluster, "made") or {})["password"]
        assert len(password) == 12
        cluster.apply(_object("v1", "ConfigMap", "source", data={"url": "mysql://{{ .k }}"}))
        _becomes(cluster, "rendered", {"url": b"mysql://one"})
        assert (_data(cluster, "made") or {})["password"] == password


def test_targets_are_kept_in_order(cluster: ClusterUnderTest) -> None:
    mine = {"name": "mine", "creationPolicy": "Merge"}
    cluster.apply(
        _store(k="one"),
        _object("v1", "Secret", "mine", data={"other": "eA=="}),
        _external_secret("owner"),
        _external_secret("merge", target=mine),
        _external_secret("moves", target={"name": "before"}),
    )
    with cluster.operator():
        _becomes(cluster, "owner", {"k": b"one"})
        _patch(cluster, _path("owner"), {"data": {"k": "eA==", "more": "eA=="}})
        _becomes(cluster, "owner", {"k": b"one"})
        cluster.api.ok("DELETE", _path("owner"))
        _becomes(cluster, "owner", {"k": b"one"})
        _becomes(cluster, "mine", {"k": b"one", "other": b"x"})
        _becomes(cluster, "before", {"k": b"one"})
        cluster.apply(_external_secret("moves", target={"name": "after"}))
        _becomes(cluster, "after", {"k": b"one"})
        _becomes(cluster, "before", None)
        cluster.apply(_external_secret("thief", target={"name": "owner"}))
        _reaches(cluster, "thief", "False", "SecretSyncedError", "target is owned by another ExternalSecret")
        _synced(cluster, "owner")


def test_stores_decide_and_recover(cluster: ClusterUnderTest) -> None:
    name = f"shared-{cluster.namespace}"
    ref = {"name": name, "kind": "ClusterSecretStore"}
    everywhere = _store(name, "ClusterSecretStore", k="one")
    nowhere = {**everywhere, "spec": {**everywhere["spec"], "conditions": [{"namespaces": ["elsewhere"]}]}}
    broken = _store(k="one")
    broken["spec"]["provider"]["fake"]["validationResult"] = 2
    failed = "could not get secret data from provider"
    with cluster.operator():
        cluster.apply(
            nowhere,
            broken,
            _external_secret("guest", secretStoreRef=ref),
            _external_secret("waits"),
            _external_secret("lost", secretStoreRef={"name": "none"}),
        )
        _reaches(cluster, "guest", "False", "SecretSyncedError", failed)
        _reaches(cluster, "waits", "False", "SecretSyncedError", failed)
        _reaches(cluster, "lost", "False", "SecretSyncedError", failed)
        broken["spec"]["provider"]["fake"]["validationResult"] = 0
        cluster.apply(everywhere | {"spec": {**everywhere["spec"], "conditions": []}}, broken, _store("none", k="two"))
        _becomes(cluster, "guest", {"k": b"one"})
        _becomes(cluster, "waits", {"k": b"one"})
        _becomes(cluster, "lost", {"k": b"two"})
    cluster.api.ok("DELETE", cluster.path_of(everywhere))


def test_policies_decide_what_goes(cluster: ClusterUnderTest) -> None:
    found = [{"find": {"name": {"regexp": "^k"}}}]
    cluster.apply(
        _store(k="one"),
        _external_secret("goes", dataFrom=found, target={"deletionPolicy": "Delete"}, refreshInterval="500ms"),
        _external_secret("stays", dataFrom=found, target={"deletionPolicy": "Retain"}, refreshInterval="500ms"),
        _external_secret("once", refreshPolicy="CreatedOnce"),
    )
    with cluster.operator():
        for name in ("goes", "stays", "once"):
            _becomes(cluster, name, {"k": b"one"})
        cluster.apply(_store(other="x"))
        _reaches(cluster, "goes", "True", "SecretDeleted", "secret deleted due to DeletionPolicy=Delete")
        _becomes(cluster, "goes", None)
        _reaches(cluster, "stays", "True", "SecretSynced", "secret retained due to DeletionPolicy=Retain")
        assert _data(cluster, "stays") == {"k": b"one"}
        assert _data(cluster, "once") == {"k": b"one"}
        cluster.apply(_store(k="two"))
        for name in ("goes", "stays"):
            _becomes(cluster, name, {"k": b"two"})
        cluster.api.ok("DELETE", _path("goes", "externalsecrets"))
        _becomes(cluster, "goes", None)


def test_config_map_as_target(cluster: ClusterUnderTest) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap"}
    cluster.apply(_store(k="one"), _external_secret("app", target={"manifest": manifest}))
    with cluster.operator("--unsafe-allow-generic-targets"):
        _reaches(cluster, "app", "True", "ResourceSynced", "secret synced")
        path = _path("app", "configmaps")
        assert cluster.api.ok("GET", path)["data"] == {"k": "one"}
        _patch(cluster, path, {"data": {"k": "edited"}})
        eventually(lambda: cluster.api.ok("GET", path)["data"] == {"k": "one"})


def test_killed_operator_goes_on_where_it_was(cluster: ClusterUnderTest) -> None:
    names = [f"app-{number}" for number in range(20)]
    with cluster.operator() as operator:
        cluster.apply(_store(k="one"), *[_external_secret(name) for name in names])
        eventually(lambda: _data(cluster, names[0]) is not None)
        operator.kill()
    before = {name: cluster.api("GET", _path(name)).body for name in names if _data(cluster, name) is not None}
    with cluster.operator():
        for name in names:
            _becomes(cluster, name, {"k": b"one"})
            _synced(cluster, name)
    for name, secret in before.items():
        assert cluster.api.ok("GET", _path(name)) == secret


def test_another_replica_takes_over_from_a_killed_leader(cluster: ClusterUnderTest) -> None:
    cluster.apply(_store(k="one"), _external_secret("app"))
    with cluster.operator(*_ELECTION) as leader:
        _becomes(cluster, "app", {"k": b"one"})
        with cluster.operator(*_ELECTION) as follower:
            cluster.apply(_store(k="two"))
            _becomes(cluster, "app", {"k": b"two"})
            leader.kill()
            cluster.apply(_store(k="three"), _external_secret("late"))
            _becomes(cluster, "app", {"k": b"three"})
            _becomes(cluster, "late", {"k": b"three"})
            assert follower.stop() == 0


@pytest.mark.controlplane
@pytest.mark.parametrize("cluster", ["real"], indirect=True)
def test_api_server_restarts_in_the_middle_of_syncs(cluster: ClusterUnderTest, control_plane: ControlPlane) -> None:
    names = [f"app-{number}" for number in range(30)]
    with cluster.operator() as operator:
        cluster.apply(_store(k="one"), *[_external_secret(name, refreshInterval="1s") for name in names])
        eventually(lambda: _data(cluster, names[0]) is not None)
        control_plane.restart_api_server()
        for name in names:
            _becomes(cluster, name, {"k": b"one"}, 60)
        cluster.apply(_store(k="two"), _external_secret("late"))
        for name in (*names, "late"):
            _becomes(cluster, name, {"k": b"two"}, 30)
        assert operator.process.poll() is None
