"""What users do with the operator, as manifests and what must become of them: run against any cluster and installation."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.operator import ClusterUnderTest, eventually
from tests.support.vendors.grafana import Grafana
from tests.support.vendors.tokenserver import serving

__all__ = ["Stories", "grafana"]

_V1 = "external-secrets.io/v1"
_PUSH = "external-secrets.io/v1alpha1"
_GENERATORS = "generators.external-secrets.io/v1alpha1"
_SECONDS = 40.0


_MERGE = "application/merge-patch+json"


def _object(api_version: str, kind: str, name: str, **rest: Any) -> dict[str, Any]:
    metadata = {"name": name, **rest.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


@contextmanager
def grafana() -> Iterator[Grafana]:
    """A Grafana that issues tokens, in a thread of its own."""
    vendor = Grafana()
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with serving(vendor):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield vendor
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


class Stories:
    """Stories in the namespace of a test.

    Args:
        cluster: where they happen.
        scoped: the operator may only work in this namespace.
    """

    def __init__(self, cluster: ClusterUnderTest, *, scoped: bool = False) -> None:
        self.cluster = cluster
        self.scoped = scoped

    def run(self, vendor: Grafana) -> None:
        """All of them, one after the other."""
        self.stores()
        self.external_secrets()
        self.generators(vendor)
        self.other_clusters()
        self.pushes()
        if not self.scoped:
            self.cluster_kinds()
        self.removals(vendor)

    def stores(self) -> None:
        """A store of the namespace and, where they are looked at, one of the cluster."""
        data = [{"key": "k", "value": "v"}, {"key": "gone", "value": "soon"}]
        spec = {"provider": {"fake": {"data": data}}}
        self.cluster.apply(_object(_V1, "SecretStore", "store", spec=spec))
        if not self.scoped:
            self.cluster.apply(_object(_V1, "ClusterSecretStore", self.shared, spec=spec))

    @property
    def shared(self) -> str:
        """The name of what this test has at cluster scope."""
        return f"shared-{self.cluster.namespace}"

    def external_secrets(self) -> None:
        """Every creation policy, a template from a ConfigMap, another kind as the target, a changed name."""
        self.cluster.apply(
            _object("v1", "Secret", "merged", stringData={"own": "o"}),
            _object("v1", "Secret", "labelled", stringData={"own": "o"}),
            _object("v1", "ConfigMap", "templates", data={"text": "{{ .k }}!"}),
        )
        template_from = [{"configMap": {"name": "templates", "items": [{"key": "text"}]}}]
        self._pull("owned")
        self._pull("merged", target={"creationPolicy": "Merge"})
        self._pull("orphan", target={"creationPolicy": "Orphan"})
        self._pull("templated", target={"template": {"templateFrom": template_from}})
        self._pull("cleared", key="gone", target={"deletionPolicy": "Delete"})
        self._pull("labelled", target={"creationPolicy": "None"})
        self._pull("map", target={"name": "map", "manifest": {"apiVersion": "v1", "kind": "ConfigMap"}})
        for name, key, value in (
            ("owned", "k", "v"),
            ("merged", "own", "o"),
            ("merged", "k", "v"),
            ("orphan", "k", "v"),
            ("templated", "text", "v!"),
            ("cleared", "k", "soon"),
        ):
            self._secret_has(name, key, value)
        eventually(lambda: self._status("v1", "configmaps", "map") == 200, _SECONDS, "the ConfigMap is written")
        self._pull("owned", target={"name": "renamed"})
        self._secret_has("renamed", "k", "v")
        self._pull("map", key="gone", target={"name": "map", "manifest": {"apiVersion": "v1", "kind": "ConfigMap"}})
        path = self._path("v1", "configmaps", "map")
        eventually(lambda: self.cluster.api.ok("GET", path)["data"] == {"k": "soon"}, _SECONDS, "it follows")
        self._pull("map", target={"name": "map2", "manifest": {"apiVersion": "v1", "kind": "ConfigMap"}})
        eventually(lambda: self._status("v1", "configmaps", "map2") == 200, _SECONDS, "the ConfigMap is renamed")
        # Somebody edits what the operator keeps.
        edit = {"data": {"k": base64.b64encode(b"edited").decode()}}
        self.cluster.api.ok("PATCH", self._path("v1", "secrets", "templated"), edit, content_type=_MERGE)
        self._secret_has("templated", "text", "v!")

    def generators(self, vendor: Grafana) -> None:
        """One that leaves nothing behind, one of the cluster, and one whose tokens must be revoked."""
        self.cluster.apply(
            _object(_GENERATORS, "Password", "password", spec={"length": 12}),
            _object("v1", "Secret", "grafana-admin", stringData={"token": "canary-admin"}),
            _object(
                _GENERATORS,
                "Grafana",
                "tokens",
                spec={
                    "url": vendor.url,
                    "serviceAccount": {"name": "dashboards", "role": "Viewer"},
                    "auth": {"token": {"name": "grafana-admin", "key": "token"}},
                },
            ),
        )
        self._generate("password", "Password", "password")
        self._generate("tokens", "Grafana", "tokens", interval="1s")
        eventually(lambda: any(each.startswith("DELETE") for each in vendor.seen), _SECONDS, "old tokens are revoked")
        if not self.scoped:
            generator = {"passwordSpec": {"length": 10}}
            spec = {"kind": "Password", "generator": generator}
            self.cluster.apply(_object(_GENERATORS, "ClusterGenerator", self.shared, spec=spec))
            self._generate("from-cluster", "ClusterGenerator", self.shared)
        states = self._path(_GENERATORS, "generatorstates")
        eventually(lambda: self.cluster.api.ok("GET", states)["items"], _SECONDS, "the token's state is kept")

    def other_clusters(self) -> None:
        """A store that signs in with a token of a ServiceAccount, which the operator requests."""
        rules = [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "create", "update", "delete"]},
            {"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectrulesreviews"], "verbs": ["create"]},
        ]
        authority = self.cluster.api.server.ca_file
        self.cluster.apply(
            _object("v1", "ServiceAccount", "reader"),
            _object("rbac.authorization.k8s.io/v1", "Role", "reader", rules=rules),
            _object(
                "rbac.authorization.k8s.io/v1",
                "RoleBinding",
                "reader",
                roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                subjects=[{"kind": "ServiceAccount", "name": "reader", "namespace": self.cluster.namespace}],
            ),
            _object("v1", "ConfigMap", "authority", data={"ca.crt": Path(authority).read_text()}),
            _object(
                _V1,
                "SecretStore",
                "neighbour",
                spec={
                    "provider": {
                        "kubernetes": {
                            "remoteNamespace": self.cluster.namespace,
                            "server": {
                                "url": self.cluster.url,
                                "caProvider": {"type": "ConfigMap", "name": "authority", "key": "ca.crt"},
                            },
                            "auth": {"serviceAccount": {"name": "reader"}},
                        }
                    }
                },
            ),
        )
        identity = {"jwt": {"serviceAccountRef": {"name": "reader"}}}
        aws = {"service": "SecretsManager", "region": "eu-central-1", "auth": identity}
        self.cluster.apply(_object(_V1, "SecretStore", "cloud", spec={"provider": {"aws": aws}}))
        path = self._path(_V1, "secretstores", "cloud")
        eventually(lambda: self.cluster.api.ok("GET", path).get("status"), _SECONDS, "its sign-in is tried")
        self._pull("copied", key="merged", store="neighbour", property="own")
        self._secret_has("copied", "k", "o")

    def pushes(self) -> None:
        """A Secret is written to a store, and removed there with its PushSecret."""
        self.cluster.apply(_object("v1", "Secret", "source", stringData={"k": "pushed"}))
        data = [{"match": {"secretKey": "k", "remoteRef": {"remoteKey": "there", "property": "k"}}}]
        spec = {
            "refreshInterval": "1h",
            "deletionPolicy": "Delete",
            "secretStoreRefs": [{"name": "neighbour"}],
            "selector": {"secret": {"name": "source"}},
            "data": data,
        }
        self.cluster.apply(_object(_PUSH, "PushSecret", "push", spec=spec))
        self._secret_has("there", "k", "pushed")
        if not self.scoped:
            references = [{"name": self.shared, "kind": "ClusterSecretStore"}]
            spec = {**spec, "secretStoreRefs": references}
            self.cluster.apply(_object(_PUSH, "PushSecret", "push-shared", spec=spec))
            path = f"/apis/{_V1}/clustersecretstores/{self.shared}"
            eventually(lambda: self.cluster.api.ok("GET", path)["metadata"].get("finalizers"), _SECONDS, "it is kept")

    def cluster_kinds(self) -> None:
        """The kinds that stamp others into namespaces, changed and withdrawn."""
        here = [{"matchLabels": {"kubernetes.io/metadata.name": self.cluster.namespace}}]
        pull = {
            "secretStoreRef": {"name": self.shared, "kind": "ClusterSecretStore"},
            "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}],
        }
        push = {
            "secretStoreRefs": [{"name": "neighbour"}],
            "selector": {"secret": {"name": "source"}},
            "data": [{"match": {"secretKey": "k", "remoteRef": {"remoteKey": "elsewhere", "property": "k"}}}],
        }
        for interval in ("1h", "2h"):
            spec = {"externalSecretName": "stamped", "namespaceSelectors": here}
            spec |= {"externalSecretSpec": {**pull, "refreshInterval": interval}}
            self.cluster.apply(_object(_V1, "ClusterExternalSecret", self.shared, spec=spec))
            spec = {"pushSecretName": "stamped", "namespaceSelectors": here}
            spec |= {"pushSecretSpec": {**push, "refreshInterval": interval}}
            self.cluster.apply(_object(_PUSH, "ClusterPushSecret", self.shared, spec=spec))
            for version, resource in ((_V1, "externalsecrets"), (_PUSH, "pushsecrets")):
                path = self._path(version, resource, "stamped")

                def stamped(path: str = path, interval: str = interval) -> bool:
                    answer = self.cluster.api("GET", path)
                    return answer.status == 200 and answer.body["spec"]["refreshInterval"] == interval

                eventually(stamped, _SECONDS, f"{path} has interval {interval}")
        self._secret_has("stamped", "k", "v")
        self._secret_has("elsewhere", "k", "pushed")
        nowhere = [{"matchLabels": {"kubernetes.io/metadata.name": "no-such"}}]
        for version, resource in ((_V1, "clusterexternalsecrets"), (_PUSH, "clusterpushsecrets")):
            group, _, release = version.partition("/")
            path = f"/apis/{group}/{release}/{resource}/{self.shared}"
            self.cluster.api.ok("PATCH", path, {"spec": {"namespaceSelectors": nowhere}}, content_type=_MERGE)
        for version, resource in ((_V1, "externalsecrets"), (_PUSH, "pushsecrets")):
            self._gone(version, resource, "stamped")
        for version, resource in ((_V1, "clusterexternalsecrets"), (_PUSH, "clusterpushsecrets")):
            self.cluster.api.ok("DELETE", f"/apis/{version}/{resource}/{self.shared}")

    def removals(self, vendor: Grafana) -> None:
        """Values that vanish at the provider, and objects that are deleted with what hangs on them."""
        data = [{"key": "k", "value": "v"}]
        patch = {"spec": {"provider": {"fake": {"data": data}}}}
        self.cluster.api.ok("PATCH", self._path(_V1, "secretstores", "store"), patch, content_type=_MERGE)
        self._gone("v1", "secrets", "cleared")
        for version, resource, name in (
            (_V1, "externalsecrets", "owned"),
            (_V1, "externalsecrets", "merged"),
            (_V1, "externalsecrets", "map"),
            (_V1, "externalsecrets", "tokens"),
            (_PUSH, "pushsecrets", "push"),
        ):
            self.cluster.api.ok("DELETE", self._path(version, resource, name))
            self._gone(version, resource, name)
        self._gone("v1", "secrets", "renamed")
        self._gone("v1", "secrets", "there")
        eventually(lambda: not vendor.tokens, _SECONDS, "Grafana's token is revoked")
        states = self._path(_GENERATORS, "generatorstates")
        eventually(lambda: not self.cluster.api.ok("GET", states)["items"], _SECONDS, "no state is left")
        if not self.scoped:
            self.cluster.api.ok("DELETE", self._path(_PUSH, "pushsecrets", "push-shared"))
            self._gone(_PUSH, "pushsecrets", "push-shared")
            self.cluster.api.ok("DELETE", f"/apis/{_V1}/clustersecretstores/{self.shared}")
            self.cluster.api.ok("DELETE", f"/apis/{_GENERATORS}/clustergenerators/{self.shared}")

    def goes_on(self) -> None:
        """Whoever works now does what the one before did: a new object, and one that is there already."""
        self._pull("late")
        self._secret_has("late", "k", "v")
        edit = {"data": {"text": base64.b64encode(b"edited").decode()}}
        self.cluster.api.ok("PATCH", self._path("v1", "secrets", "templated"), edit, content_type=_MERGE)
        self._secret_has("templated", "text", "v!")

    def _pull(self, name: str, key: str = "k", store: str = "store", property: str = "", **spec: Any) -> None:
        reference = {"key": key, **({"property": property} if property else {})}
        data = [{"secretKey": "k", "remoteRef": reference}]
        whole = {"refreshInterval": "2s", "secretStoreRef": {"name": store}, "data": data, **spec}
        self.cluster.apply(_object(_V1, "ExternalSecret", name, spec=whole))

    def _generate(self, name: str, kind: str, generator: str, interval: str = "1h") -> None:
        reference = {"apiVersion": _GENERATORS, "kind": kind, "name": generator}
        spec = {"refreshInterval": interval, "dataFrom": [{"sourceRef": {"generatorRef": reference}}]}
        self.cluster.apply(_object(_V1, "ExternalSecret", name, spec=spec))
        eventually(lambda: self._status("v1", "secrets", name) == 200, _SECONDS, f"{kind} makes a Secret")

    def _path(self, version: str, resource: str, name: str = "") -> str:
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        return f"{base}/namespaces/{{ns}}/{resource}" + (f"/{name}" if name else "")

    def _status(self, version: str, resource: str, name: str) -> int:
        return self.cluster.api("GET", self._path(version, resource, name)).status

    def _gone(self, version: str, resource: str, name: str) -> None:
        eventually(lambda: self._status(version, resource, name) == 404, _SECONDS, f"{resource}/{name} is gone")

    def _secret_has(self, name: str, key: str, value: str) -> None:
        def check() -> bool:
            answer = self.cluster.api("GET", self._path("v1", "secrets", name))
            assert answer.status == 200, f"secret {name}: {answer.body}"
            seen = base64.b64decode((answer.body.get("data") or {}).get(key, "")).decode()
            assert seen == value, f"secret {name}, {key}: {seen!r}"
            return True

        eventually(check, _SECONDS)
