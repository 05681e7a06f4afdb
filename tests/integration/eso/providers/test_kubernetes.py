"""The provider `kubernetes` against an API server with TLS, tokens and RBAC."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from eso.api.externalsecrets_v1.clustersecretstore import ClusterSecretStore
from eso.api.externalsecrets_v1.secretstore import SecretStore
from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    UnavailableError,
    ValidationUnknownError,
)
from eso.providers.base import FindRef, PushEntry, PushRemoteRef, RemoteRef, SourceSecret, ValidationResult
from eso.providers.kubernetes.provider import KubernetesProvider
from eso.providers.kubernetes.spec import KubernetesSpec
from eso.providers.registry import ProviderRegistry
from eso.stores.client_manager import ClientManager
from eso.stores.leased import LeasedClient
from eso.stores.metrics import StoreMetrics
from eso.values import reveal_all, wrap_all
from reconcile.api.core_v1 import Namespace, Secret, ServiceAccount
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.errors import NotFoundError
from reconcile.testing.apiserver import ApiServer

TOKENS = {
    "admin-token": "admin",
    "reader-token": "reader",
    "nobody-token": "nobody",
}
RBAC = "/apis/rbac.authorization.k8s.io/v1"


class Remote:
    """The API server, who runs the operator, and stores that point to it."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.kube = Client(server.config)
        self.registry = CollectorRegistry()
        self.manager = ClientManager(self.kube, ProviderRegistry(), StoreMetrics(self.registry))

    def spec(self, **changes: Any) -> dict[str, Any]:
        token = {"name": "credentials", "key": "reader"}
        return {
            "server": {"url": self.server.url, "caBundle": base64.b64encode(self.server.ca).decode()},
            "auth": {"token": {"bearerToken": token}},
            "remoteNamespace": "remote",
            **changes,
        }

    def lend(self, spec: dict[str, Any] | None = None, *, cluster: bool = False, consumer: str = "app") -> Any:
        """A client of a store with that configuration."""
        self._uid = getattr(self, "_uid", 0) + 1
        metadata = {"name": "store", "uid": str(self._uid), "namespace": "" if cluster else "app"}
        body = {"metadata": metadata, "spec": {"provider": {"kubernetes": spec or self.spec()}}}
        kind = ClusterSecretStore if cluster else SecretStore
        return self.manager.client_for(kind.from_wire(body), consumer)

    async def secret(
        self, name: str, namespace: str = "remote", *, labels: Any = None, annotations: Any = None, **data: str
    ) -> None:
        metadata = ObjectMeta(name=name, namespace=namespace, labels=labels or {}, annotations=annotations or {})
        await self.kube.create(Secret(metadata=metadata, data={key: value.encode() for key, value in data.items()}))

    def counted(self, call: str, status: str = "success") -> float:
        labels = {"provider": "Kubernetes", "call": call, "status": status}
        return self.registry.get_sample_value("externalsecret_provider_api_calls_count", labels) or 0.0


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with ApiServer(tokens=TOKENS, rbac=True) as server:
        found = Remote(server)
        for name in ("app", "remote", "elsewhere"):
            await found.kube.create(Namespace(metadata=ObjectMeta(name=name)))
        await found.kube.create(ServiceAccount(metadata=ObjectMeta(name="account", namespace="app")))
        await found.secret("credentials", "app", reader="reader-token", nobody="nobody-token", wrong="nonsense")
        rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "secrets"},
            "rules": [rule],
        }
        await found.kube.raw("POST", f"{RBAC}/clusterroles", body=role)
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "secrets"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "secrets"},
            "subjects": [
                {"kind": "User", "name": "reader", "apiGroup": "rbac.authorization.k8s.io"},
                {"kind": "ServiceAccount", "name": "account", "namespace": "app"},
            ],
        }
        for namespace in ("remote", "elsewhere"):
            await found.kube.raw("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", body=binding)
        yield found
        await found.manager.close()
        await found.kube.close()


async def value(client: LeasedClient, key: str, property: str = "", **more: Any) -> str:
    return (await client.get_secret(RemoteRef(key, property, **more))).reveal_text()


async def test_sign_in_by_token_service_account_and_kubeconfig(remote: Remote) -> None:
    await remote.secret("s", k="v")
    kubeconfig = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [
            {
                "name": "k",
                "cluster": {
                    "server": remote.server.url,
                    "certificate-authority-data": base64.b64encode(remote.server.ca).decode(),
                },
            }
        ],
        "users": [{"name": "u", "user": {"token": "reader-token"}}],
    }
    await remote.secret("kubeconfig", "app", config=yaml.safe_dump(kubeconfig))
    for spec in (
        remote.spec(),
        remote.spec(auth={"serviceAccount": {"name": "account"}}),
        {"authRef": {"name": "kubeconfig", "key": "config"}, "remoteNamespace": "remote"},
    ):
        async with remote.lend(spec) as client:
            assert await value(client, "s", "k") == "v"
            assert await client.validate() is ValidationResult.READY
    assert remote.counted("GetSecret") == 3
    assert remote.counted("CreateSelfSubjectRulesReview") == 3


@pytest.mark.parametrize(
    "user",
    [
        {"exec": {"command": "id"}},
        {"auth-provider": {"name": "x"}},
        {"tokenFile": "/var/run/secrets/token"},
        {"client-certificate": "/etc/passwd"},
    ],
)
async def test_a_kubeconfig_from_a_secret_runs_nothing_and_reads_no_files(remote: Remote, user: dict[str, Any]) -> None:
    kubeconfig = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": remote.server.url}}],
        "users": [{"name": "u", "user": user}],
    }
    await remote.secret("kubeconfig", "app", config=yaml.safe_dump(kubeconfig))
    with pytest.raises(InvalidSpecError, match="not allowed"):
        async with remote.lend({"authRef": {"name": "kubeconfig", "key": "config"}}):
            pass


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"auth": {}}, InvalidSpecError),
        ({"auth": None}, InvalidSpecError),
        ({"server": {"url": ""}}, InvalidSpecError),
        ({"server": {"url": "https://["}}, InvalidSpecError),
        ({"authRef": {"name": "credentials", "key": "reader"}}, InvalidSpecError),
        ({"auth": {"token": {"bearerToken": {"name": "gone", "key": "k"}}}}, EsoError),
        (
            {"auth": {"token": {"bearerToken": {"name": "a", "key": "k"}}, "serviceAccount": {"name": "b"}}},
            InvalidSpecError,
        ),
    ],
)
async def test_a_connection_that_cannot_be_made(remote: Remote, changes: dict[str, Any], kind: type[EsoError]) -> None:
    with pytest.raises(kind):
        async with remote.lend(remote.spec(**changes)):
            pass


@pytest.mark.parametrize(("key", "kind"), [("nobody", AccessDeniedError), ("wrong", AccessDeniedError)])
async def test_denied(remote: Remote, key: str, kind: type[EsoError]) -> None:
    await remote.secret("s", k="hunter2")
    spec = remote.spec(auth={"token": {"bearerToken": {"name": "credentials", "key": key}}})
    async with remote.lend(spec) as client:
        with pytest.raises(kind) as caught:
            await value(client, "s")
        assert "hunter2" not in str(caught.value)
    assert remote.counted("GetSecret", "error") == 1


async def test_validation_of_an_identity_without_permission(remote: Remote) -> None:
    async with remote.lend(
        remote.spec(auth={"token": {"bearerToken": {"name": "credentials", "key": "nobody"}}})
    ) as client:
        with pytest.raises(AccessDeniedError, match="client is not allowed to get secrets"):
            await client.validate()


async def test_reviews_that_cannot_be_made_leave_the_store_ready(remote: Remote) -> None:
    remote.server.faults.add(lambda request: "selfsubjectrulesreviews" in request.path, status=500)
    async with remote.lend() as client:
        with pytest.raises(ValidationUnknownError, match="could not verify"):
            await client.validate()
    assert remote.counted("CreateSelfSubjectRulesReview", "error") == 1


@pytest.mark.parametrize(
    ("scheme", "trusted", "kind"),
    [("https://", True, None), ("", True, None), ("", False, UnavailableError)],
    ids=["with scheme", "https with a CA", "http without"],
)
async def test_scheme_of_the_url(remote: Remote, scheme: str, trusted: bool, kind: type[EsoError] | None) -> None:
    await remote.secret("s", k="v")
    server = {"url": scheme + remote.server.url.removeprefix("https://")}
    if trusted:
        server["caBundle"] = base64.b64encode(remote.server.ca).decode()
    async with remote.lend(remote.spec(server=server)) as client:
        if kind is None:
            assert await value(client, "s", "k") == "v"
            return
        with pytest.raises(kind):
            await value(client, "s", "k")


def test_default_url_and_namespace() -> None:
    found = KubernetesSpec.model_validate({"server": {}})
    assert found.server is not None
    assert (found.server.url, found.remote_namespace) == ("kubernetes.default", "default")


async def test_what_a_server_refuses_is_not_sent_again(remote: Remote) -> None:
    """No retry: the object that needs the answer decides when to ask again."""
    tries = 0

    def counted(request: Any) -> bool:
        nonlocal tries
        hit = request.path.endswith("/secrets/s")
        tries += hit
        return bool(hit)

    remote.server.faults.add(counted, status=503)
    async with remote.lend() as client:
        with pytest.raises(UnavailableError):
            await value(client, "s")
    assert tries == 1


async def test_calls_are_counted_by_what_they_do(remote: Remote) -> None:
    await remote.secret("s", a="1", b="2")
    async with remote.lend() as client:
        await client.get_all_secrets(FindRef(name_regexp="."))
        await client.push_secret(SOURCE, PushEntry("a", PushRemoteRef("new", "k")))
        await client.push_secret(SOURCE, PushEntry("a", PushRemoteRef("s", "k")))
        await client.delete_secret(PushRemoteRef("new"))
    for call in ("ListSecrets", "CreateSecret", "UpdateSecret", "DeleteSecret"):
        assert remote.counted(call) == 1, call


async def test_a_referent_store_is_unknown_without_a_consumer(remote: Remote) -> None:
    spec = remote.spec(auth={"serviceAccount": {"name": "account"}})
    await remote.secret("s", k="v")
    async with remote.lend(spec, cluster=True, consumer="") as client:
        assert await client.validate() is ValidationResult.UNKNOWN
    async with remote.lend(spec, cluster=True) as client:
        assert await value(client, "s", "k") == "v"


async def test_an_untrusted_certificate_is_an_outage(remote: Remote) -> None:
    async with remote.lend(remote.spec(server={"url": remote.server.url})) as client:
        with pytest.raises(UnavailableError):
            await value(client, "s")


LABELS = {"app": "web", "json": '{"a":{"b":1}}', "example.com/role": "db"}


@pytest.mark.parametrize(
    ("property", "policy", "result"),
    [
        ("", "None", '{"a.b":"dotted","doc":"{\\"x\\":{\\"y\\":[1,2]},\\"h\\":\\"<&>\\"}","plain":"text"}'),
        ("plain", "None", "text"),
        ("a.b", "None", "dotted"),
        ("doc.x.y.1", "None", "2"),
        ("doc.h", "None", "<&>"),
        (".plain", "None", None),
        ("plain.", "None", None),
        ("gone", "None", None),
        ("doc.gone", "None", None),
        ("", "Fetch", '{"annotations":{"note":"n"},"labels":{"app":"web"}}'),
        ("labels", "Fetch", '{"app":"web"}'),
        ("labels.app", "Fetch", "web"),
        ("annotations.note", "Fetch", "n"),
        ("labels.gone", "Fetch", None),
        ("other", "Fetch", None),
    ],
)
async def test_read(remote: Remote, property: str, policy: str, result: str | None) -> None:
    document = json.dumps({"x": {"y": [1, 2]}, "h": "<&>"}, separators=(",", ":"))
    await remote.secret(
        "s", labels={"app": "web"}, annotations={"note": "n"}, plain="text", doc=document, **{"a.b": "dotted"}
    )
    async with remote.lend() as client:
        if result is None:
            with pytest.raises(ProviderError) as caught:
                await value(client, "s", property, metadata_policy=policy)
            assert not isinstance(caught.value, NoSecretError)
        else:
            assert await value(client, "s", property, metadata_policy=policy) == result


async def test_metadata_keys_with_dots_and_paths_inside_values(remote: Remote) -> None:
    await remote.secret("s", labels={"example.com/role": "db"}, annotations={"doc": '{"a":{"b":1},"ab":2}'})
    async with remote.lend() as client:
        assert await value(client, "s", "labels.example.com/role", metadata_policy="Fetch") == "db"
        assert await value(client, "s", "annotations.doc.a.b", metadata_policy="Fetch") == "1"


async def test_a_missing_secret_is_no_secret(remote: Remote) -> None:
    async with remote.lend() as client:
        with pytest.raises(NoSecretError):
            await value(client, "gone")
        with pytest.raises(NoSecretError):
            await client.get_secret_map(RemoteRef("gone"))


async def test_a_secret_without_labels_has_none(remote: Remote) -> None:
    await remote.secret("s", k="v")
    async with remote.lend() as client:
        assert await value(client, "s", metadata_policy="Fetch") == '{"annotations":null,"labels":null}'
        assert await value(client, "s", "labels", metadata_policy="Fetch") == "null"


@pytest.mark.parametrize("name", ["", "..", "a/b"])
async def test_what_cannot_be_a_name_is_refused(remote: Remote, name: str) -> None:
    async with remote.lend() as client:
        with pytest.raises(InvalidSpecError, match="cannot be the name of a secret"):
            await value(client, name)
        with pytest.raises(InvalidSpecError, match="cannot be the name of a secret"):
            await client.push_secret(SOURCE, PushEntry("a", PushRemoteRef(name, "k")))


async def test_extract(remote: Remote) -> None:
    await remote.secret("s", labels={"l": "1"}, a="1", doc='{"t":"x","n":1.50,"o":{"b":1,"a":"<"}}', plain="text")
    async with remote.lend() as client:
        found = reveal_all(await client.get_secret_map(RemoteRef("s")))
        assert found["a"] == b"1" and set(found) == {"a", "doc", "plain"}
        found = reveal_all(await client.get_secret_map(RemoteRef("s", metadata_policy="Fetch")))
        assert found == {"labels": b'{"l":"1"}', "annotations": b"null"}
        found = reveal_all(await client.get_secret_map(RemoteRef("s", "labels", metadata_policy="Fetch")))
        assert found == {"l": b'"1"'}
        found = reveal_all(await client.get_secret_map(RemoteRef("s", "doc")))
        assert found == {"t": b'"x"', "n": b"1.5", "o": b'{"a":"<","b":1}'}
        for missing in ("plain", "gone"):
            with pytest.raises(ProviderError) as caught:
                await client.get_secret_map(RemoteRef("s", missing))
            assert "text" not in str(caught.value)


async def test_find(remote: Remote) -> None:
    await remote.secret("db-one", labels={"tier": "db", "env": "p"}, k="1")
    await remote.secret("db-two", labels={"tier": "db"}, k="2")
    await remote.secret("web", labels={"tier": "web"}, k="3")
    async with remote.lend() as client:
        assert set(await client.get_all_secrets(FindRef(name_regexp="^db-"))) == {"db-one", "db-two"}
        found = await client.get_all_secrets(FindRef(name_regexp="web", tags={"tier": "db", "env": "p"}))
        assert reveal_all(found) == {"db-one": b'{"k":"1"}'}
        assert set(await client.get_all_secrets(FindRef(tags={}))) == {"db-one", "db-two", "web"}
        with pytest.raises(InvalidRequestError):
            await client.get_all_secrets(FindRef(path="x"))


def envelope(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec}


SOURCE = SourceSecret(wrap_all({"a": "1", "b": "<2>"}), type="example.com/x", labels={"s": "1"}, annotations={"t": "2"})


async def test_push_creates_and_changes_only_what_differs(remote: Remote) -> None:
    async with remote.lend() as client:
        await client.push_secret(SOURCE, PushEntry("", PushRemoteRef("whole")))
        whole = await remote.kube.get(Secret, "whole", "remote")
        assert (whole.data, whole.type) == ({"a": b"1", "b": b"<2>"}, "example.com/x")
        assert (whole.metadata.labels, whole.metadata.annotations) == ({"s": "1"}, {"t": "2"})
        await client.push_secret(SOURCE, PushEntry("", PushRemoteRef("whole")))
        assert (
            await remote.kube.get(Secret, "whole", "remote")
        ).metadata.resource_version == whole.metadata.resource_version
        assert remote.counted("UpdateSecret") == 0

        await client.push_secret(SOURCE, PushEntry("a", PushRemoteRef("one", "key")))
        await client.push_secret(SOURCE, PushEntry("", PushRemoteRef("one", "all")))
        one = await remote.kube.get(Secret, "one", "remote")
        assert one.data == {"key": b"1", "all": b'{"a":"1","b":"<2>"}'}
        await client.push_secret(SOURCE, PushEntry("", PushRemoteRef("one")))
        assert (await remote.kube.get(Secret, "one", "remote")).data == {"a": b"1", "b": b"<2>"}
        with pytest.raises(InvalidSpecError, match="requires property"):
            await client.push_secret(SOURCE, PushEntry("a", PushRemoteRef("one")))


@pytest.mark.parametrize(
    ("metadata", "labels"),
    [
        (None, {"s": "1", "old": "x"}),
        (envelope(labels={"m": "3"}), {"s": "1", "m": "3", "old": "x"}),
        (envelope(labels={"m": "3"}, sourceMergePolicy="Replace"), {"m": "3", "old": "x"}),
        (envelope(labels={"m": "3"}, targetMergePolicy="Replace"), {"s": "1", "m": "3"}),
        (envelope(labels={"m": "3"}, targetMergePolicy="Ignore"), {"old": "x"}),
    ],
)
async def test_push_metadata(remote: Remote, metadata: Any, labels: dict[str, str]) -> None:
    await remote.secret("s", labels={"old": "x"}, kept="1")
    async with remote.lend() as client:
        await client.push_secret(SOURCE, PushEntry("a", PushRemoteRef("s", "new"), metadata))
    found = await remote.kube.get(Secret, "s", "remote")
    assert (found.metadata.labels, found.data) == (labels, {"kept": b"1", "new": b"1"})


@pytest.mark.parametrize(
    "metadata",
    [
        envelope(sourceMergePolicy="X"),
        envelope(targetMergePolicy="X"),
        envelope(remoteNamespace="elsewhere"),
        envelope(typo=1),
        {},
    ],
)
async def test_push_metadata_that_is_refused(remote: Remote, metadata: Any) -> None:
    async with remote.lend() as client:
        with pytest.raises(InvalidSpecError, match=r"unable to parse|failed to merge|remoteNamespace"):
            await client.push_secret(SOURCE, PushEntry("a", PushRemoteRef("s", "k"), metadata))


@pytest.mark.parametrize(
    ("key", "property_name", "field"),
    [("s", "not a key", "data[not a key]"), ("Not_A_Name", "k", "metadata.name")],
)
async def test_a_refused_push_names_the_field(remote: Remote, key: str, property_name: str, field: str) -> None:
    async with remote.lend() as client:
        with pytest.raises(InvalidRequestError) as caught:
            await client.push_secret(SOURCE, PushEntry("a", PushRemoteRef(key, property_name)))
        assert str(caught.value) == f"creating a secret: the API server answered 422 Invalid ({field})"


async def test_a_new_secret_has_no_metadata_where_that_of_the_target_counts(remote: Remote) -> None:
    async with remote.lend() as client:
        await client.push_secret(SOURCE, PushEntry("", PushRemoteRef("new"), envelope(targetMergePolicy="Ignore")))
    metadata = (await remote.kube.get(Secret, "new", "remote")).metadata
    assert (metadata.labels, metadata.annotations) == ({}, {})


async def test_a_cluster_store_may_push_elsewhere(remote: Remote) -> None:
    token = {"name": "credentials", "key": "reader", "namespace": "app"}
    spec = remote.spec(auth={"token": {"bearerToken": token}})
    async with remote.lend(spec, cluster=True) as client:
        entry = PushEntry("a", PushRemoteRef("s", "k"), envelope(remoteNamespace="elsewhere"))
        await client.push_secret(SOURCE, entry)
        assert not await client.secret_exists(PushRemoteRef("s"))
    assert (await remote.kube.get(Secret, "s", "elsewhere")).data == {"k": b"1"}


async def test_exists_and_delete(remote: Remote) -> None:
    await remote.secret("s", a="1", b="2")
    async with remote.lend() as client:
        for ref, there in (
            (PushRemoteRef("s"), True),
            (PushRemoteRef("s", "a"), True),
            (PushRemoteRef("s", "z"), False),
            (PushRemoteRef("x"), False),
        ):
            assert await client.secret_exists(ref) is there
        await client.delete_secret(PushRemoteRef("gone"))
        await client.delete_secret(PushRemoteRef("s", "z"))
        await client.delete_secret(PushRemoteRef("s", "a"))
        assert (await remote.kube.get(Secret, "s", "remote")).data == {"b": b"2"}
        await client.delete_secret(PushRemoteRef("s", "b"))
    with pytest.raises(NotFoundError):
        await remote.kube.get(Secret, "s", "remote")


@pytest.mark.parametrize(
    ("spec", "kind", "text"),
    [
        (
            {"auth": {"token": {"bearerToken": {"name": "n", "key": "k"}}}},
            "ClusterSecretStore",
            "cluster scope requires namespace",
        ),
        (
            {"auth": {"token": {"bearerToken": {"name": "n", "key": "k", "namespace": "x"}}}},
            "SecretStore",
            "namespace should either",
        ),
        ({"auth": {"token": {"bearerToken": {"key": "k"}}}}, "SecretStore", "BearerToken.Name cannot be empty"),
        (
            {"auth": {"cert": {"clientCert": {"name": "n"}, "clientKey": {}}}},
            "SecretStore",
            "ClientCert.Key cannot be empty",
        ),
        ({"auth": {"serviceAccount": {"name": "n", "namespace": "x"}}}, "SecretStore", "namespace should either"),
        ({"server": {"caProvider": {"type": "Secret", "name": "n"}}}, "ClusterSecretStore", "missing namespace"),
        (
            {"server": {"caProvider": {"type": "Secret", "name": "n", "namespace": "x"}}},
            "SecretStore",
            "CAProvider.namespace must be empty",
        ),
    ],
)
def test_static_rules(spec: dict[str, Any], kind: str, text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        KubernetesProvider().validate_store(KubernetesSpec.model_validate(spec), store_kind=kind, store_namespace="app")


@pytest.mark.parametrize(
    ("spec", "warned", "referent"),
    [
        ({"auth": {"serviceAccount": {"name": "n"}}}, True, True),
        ({"auth": {"serviceAccount": {"name": "n", "namespace": "x"}}, "server": {"caBundle": "eA=="}}, False, False),
        ({"authRef": {"name": "n", "key": "k", "namespace": "x"}}, False, False),
    ],
)
def test_warnings_and_referent(spec: dict[str, Any], warned: bool, referent: bool) -> None:
    provider, found = KubernetesProvider(), KubernetesSpec.model_validate(spec)
    warnings = provider.validate_store(found, store_kind="ClusterSecretStore", store_namespace="")
    assert (bool(warnings), provider.is_referent(found)) == (warned, referent)


async def test_a_token_that_the_server_no_longer_accepts_is_denied(remote: Remote) -> None:
    await remote.secret("s", k="v")
    async with remote.lend(remote.spec(auth={"serviceAccount": {"name": "account"}})) as client:
        assert await value(client, "s", "k") == "v"
        await remote.kube.delete(ServiceAccount, "account", "app")
        with pytest.raises(AccessDeniedError):
            await value(client, "another")
