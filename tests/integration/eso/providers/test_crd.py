"""providers/crd.md, row by row, against an API server with TLS, tokens and RBAC."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from eso.errors import AccessDeniedError, EsoError, InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import Capabilities, FindRef, PushEntry, PushRemoteRef, SourceSecret, ValidationResult
from eso.providers.crd.provider import CRDProvider
from eso.values import reveal_all
from reconcile.api.core_v1 import ConfigMap, Namespace
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.errors import ReconcileError
from reconcile.testing.apiserver import ApiServer
from reconcile.testing.eventually import eventually
from tests.support.providerbench import ProviderBench, mapped, told, value

RBAC = "/apis/rbac.authorization.k8s.io/v1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "things.example.com"
CONFIG_MAP = {"group": "", "version": "v1", "kind": "ConfigMap"}
WIDGET = {"group": GROUP, "version": "v1", "kind": "Widget"}
NODE = {"group": "", "version": "v1", "kind": "Namespace"}


class Remote(ProviderBench):
    server: ApiServer

    def spec(self, token: str = "reader", **changes: Any) -> dict[str, Any]:
        selector = {
            "name": "credentials",
            "key": token,
            **({"namespace": "app"} if changes.pop("cluster", False) else {}),
        }
        return {
            "server": {"url": self.server.url, "caBundle": base64.b64encode(self.server.ca).decode()},
            "auth": {"token": {"bearerToken": selector}},
            "resource": CONFIG_MAP,
            **changes,
        }

    async def grant(self, user: str, resources: list[str], verbs: list[str], group: str = "") -> None:
        name = f"{user}-{'-'.join(resources)}"
        rule = {"apiGroups": [group], "resources": resources, "verbs": verbs}
        kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}}
        await self.kube.raw("POST", f"{RBAC}/clusterroles", body={**kind, "kind": "ClusterRole", "rules": [rule]})
        subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        binding = {**kind, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]}
        await self.kube.raw("POST", f"{RBAC}/clusterrolebindings", body=binding)

    async def map(self, name: str, namespace: str = "app", **data: str) -> None:
        await self.kube.create(ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data=data))


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    tokens = {"admin-token": "admin", "reader-token": "reader", "getter-token": "getter", "nobody-token": "nobody"}
    async with ApiServer(tokens=tokens, rbac=True) as server:
        kube = Client(server.config)
        found = Remote(CRDProvider(), kube, {})
        found.server = server
        for name in ("app", "other"):
            await kube.create(Namespace(metadata=ObjectMeta(name=name)))
        await found.secret(
            "credentials", reader="reader-token", getter="getter-token", nobody="nobody-token", wrong="canary-x"
        )
        await found.grant("reader", ["configmaps", "namespaces"], ["get", "list"])
        await found.grant("reader", ["widgets"], ["get", "list"], GROUP)
        await found.grant("getter", ["configmaps"], ["get"])
        await found.map("one", **{"text": "<a>", "doc": '{"k": "v"}', "dotted.key": "d"})
        await found.map("two", text="b")
        await found.map("one", "other", text="elsewhere")
        yield found
        await found.manager.close()
        await kube.close()


async def found_by(client: Any, pattern: str | None, strategy: str = "Default") -> dict[str, Any]:
    found = reveal_all(await client.get_all_secrets(FindRef(name_regexp=pattern, conversion_strategy=strategy)))
    return {key: json.loads(content) for key, content in found.items()}


# 1. Authentication


async def test_unknown_kind_or_version_is_an_error(remote: Remote) -> None:
    for change in ({"kind": "Nothing"}, {"version": "v9"}, {"group": "nowhere.example.com"}):
        with pytest.raises(InvalidSpecError, match="the API server has no"):
            async with remote.lend(remote.spec(resource={**CONFIG_MAP, **change})):
                pass


async def test_an_identity_that_may_not_get_is_refused(remote: Remote) -> None:
    with pytest.raises(AccessDeniedError, match="not allowed to get configmaps in namespace app"):
        async with remote.lend(remote.spec("nobody")):
            pass
    with pytest.raises(AccessDeniedError, match="all namespaces"):
        async with remote.lend(remote.spec("nobody", cluster=True), cluster=True):
            pass


async def test_a_wrong_token_is_refused_and_not_told(remote: Remote) -> None:
    with pytest.raises(EsoError) as caught:
        async with remote.lend(remote.spec("wrong")):
            pass
    assert "canary" not in told(caught.value)


async def test_without_a_server_there_is_no_url(remote: Remote) -> None:
    spec = remote.spec()
    del spec["server"]
    with pytest.raises(InvalidSpecError, match=r"server\.url"):
        async with remote.lend(spec):
            pass


async def test_referent_auth(remote: Remote) -> None:
    async with remote.lend(remote.spec(), cluster=True, consumer="") as client:
        assert await client.validate() is ValidationResult.UNKNOWN
        with pytest.raises(EsoError):
            await value(client, "app/one")
    async with remote.lend(remote.spec(), cluster=True) as client:
        assert await value(client, "other/one", "data.text") == "elsewhere"


# 2. remoteRef


@pytest.mark.parametrize(
    ("property", "wanted"),
    [
        ("data.text", "<a>"),
        ("data.dotted\\.key", "d"),
        ("metadata.name", "one"),
        ("data.doc", '{"k": "v"}'),
        ("data", '{"doc":"{\\"k\\": \\"v\\"}","dotted.key":"d","text":"\\u003ca\\u003e"}'),
    ],
)
async def test_property(remote: Remote, property: str, wanted: str) -> None:
    async with remote.lend(remote.spec()) as client:
        assert await value(client, "one", property, version="ignored", metadata_policy="Fetch") == wanted


async def test_the_whole_object_is_go_json(remote: Remote) -> None:
    async with remote.lend(remote.spec()) as client:
        text = await value(client, "one")
    assert text.startswith('{"apiVersion":"v1","data":{"doc":')
    assert '"text":"\\u003ca\\u003e"' in text
    assert json.loads(text)["kind"] == "ConfigMap"


async def test_absent_property_is_a_plain_error(remote: Remote) -> None:
    async with remote.lend(remote.spec()) as client:
        with pytest.raises(ProviderError) as caught:
            await value(client, "one", "data.absent")
    assert not isinstance(caught.value, NoSecretError)


async def test_missing_object_is_no_secret(remote: Remote) -> None:
    async with remote.lend(remote.spec()) as client:
        with pytest.raises(NoSecretError):
            await value(client, "absent")


@pytest.mark.parametrize(
    ("cluster", "resource", "key"),
    [
        (False, CONFIG_MAP, ""),
        (False, CONFIG_MAP, "app/one"),
        (False, CONFIG_MAP, ".."),
        (True, CONFIG_MAP, "one"),
        (True, CONFIG_MAP, "app/one/x"),
        (True, CONFIG_MAP, "/one"),
        (True, CONFIG_MAP, "app/"),
        (True, NODE, "a/b"),
        (True, CONFIG_MAP, "../one"),
    ],
)
async def test_keys_that_are_refused(remote: Remote, cluster: bool, resource: Any, key: str) -> None:
    async with remote.lend(remote.spec(cluster=cluster, resource=resource), cluster=cluster) as client:
        with pytest.raises(InvalidSpecError, match=r"remoteRef\.key"):
            await value(client, key)


async def test_cluster_scoped_kinds(remote: Remote) -> None:
    for cluster in (False, True):
        async with remote.lend(remote.spec(cluster=cluster, resource=NODE), cluster=cluster) as client:
            assert await value(client, "app", "metadata.name") == "app"
            assert set(await found_by(client, "^(app|other)$")) == {"app", "other"}


async def test_custom_resources_with_values_of_every_type(remote: Remote) -> None:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"}
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }
    await remote.kube.raw("POST", CRDS, body=body)
    thing = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Widget",
        "metadata": {"name": "w"},
        "spec": {"none": None, "int": 12, "yes": True, "list": [1, "a"], "float": 1.5},
    }

    async def served() -> bool:
        try:
            await remote.kube.raw("POST", f"/apis/{GROUP}/v1/namespaces/app/widgets", body=thing)
        except ReconcileError:
            return False
        return True

    await eventually(served)
    async with remote.lend(remote.spec(resource=WIDGET)) as client:
        for name, wanted in (("none", "null"), ("int", "12"), ("yes", "true"), ("list", '[1,"a"]'), ("float", "1.5")):
            assert await value(client, "w", f"spec.{name}") == wanted
        assert (await mapped(client, "w", "spec"))["list"] == '[1,"a"]'
        assert await mapped(client, "w", "spec.list") == {"value": '[1,"a"]'}


# 3. extract / find


async def test_extract(remote: Remote) -> None:
    async with remote.lend(remote.spec()) as client:
        assert await mapped(client, "one", "data") == {"text": "<a>", "doc": '{"k": "v"}', "dotted.key": "d"}
        assert await mapped(client, "one", "data.text") == {"value": '"\\u003ca\\u003e"'}
        assert (await mapped(client, "one"))["kind"] == "ConfigMap"


async def test_find(remote: Remote) -> None:
    async with remote.lend(remote.spec()) as client:
        assert {"one", "two"} <= set(await found_by(client, None))
        found = await found_by(client, "on")
        assert found["one"]["data"]["text"] == "<a>"
        assert found["one"]["apiVersion"] == "v1"
        with pytest.raises(InvalidSpecError):
            await found_by(client, "(")
    async with remote.lend(remote.spec(cluster=True), cluster=True) as client:
        assert set(await found_by(client, "/one$")) == {"app_one", "other_one"}
        assert set(await found_by(client, "^app/one", "Unicode")) == {"app_U002f_one"}


async def test_find_needs_permission_to_list(remote: Remote) -> None:
    async with remote.lend(remote.spec("getter")) as client:
        assert await value(client, "two", "data.text") == "b"
        with pytest.raises(AccessDeniedError, match="list"):
            await found_by(client, None)


@pytest.mark.parametrize(
    ("rule", "cluster", "key", "property", "allowed"),
    [
        ({"name": "^one$"}, False, "one", "", True),
        ({"name": "^one$"}, False, "two", "", False),
        ({"properties": ["^data\\.te"]}, False, "one", "data.text", True),
        ({"properties": ["^data\\.te"]}, False, "one", "data.doc", False),
        ({"properties": ["^data\\.te"]}, False, "one", "", False),
        ({"name": "two", "properties": ["text"]}, False, "one", "data.text", False),
        ({"namespace": "^app$"}, True, "app/one", "", True),
        ({"namespace": "^app$"}, True, "other/one", "", False),
    ],
)
async def test_whitelist(
    remote: Remote, rule: dict[str, Any], cluster: bool, key: str, property: str, allowed: bool
) -> None:
    spec = remote.spec(cluster=cluster, whitelist={"rules": [{"name": "never"}, rule]})
    async with remote.lend(spec, cluster=cluster) as client:
        if allowed:
            assert await value(client, key, property)
            assert await client.secret_exists(PushRemoteRef(key, property))
        else:
            with pytest.raises(AccessDeniedError, match="whitelist"):
                await value(client, key, property)
            with pytest.raises(AccessDeniedError, match="whitelist"):
                await client.secret_exists(PushRemoteRef(key, property))


async def test_find_skips_what_the_whitelist_denies(remote: Remote) -> None:
    async with remote.lend(remote.spec(whitelist={"rules": [{"name": "^tw"}]})) as client:
        assert set(await found_by(client, None)) == {"two"}
    spec = remote.spec(cluster=True, resource=NODE, whitelist={"rules": [{"namespace": "."}]})
    async with remote.lend(spec, cluster=True) as client:
        assert await found_by(client, None) == {}


# 4. PushSecret


async def test_push_and_delete_are_unsupported(remote: Remote) -> None:
    async with remote.lend(remote.spec()) as client:
        with pytest.raises(InvalidRequestError):
            await client.push_secret(SourceSecret({}), PushEntry("", PushRemoteRef("one")))
        with pytest.raises(InvalidRequestError):
            await client.delete_secret(PushRemoteRef("one"))
        assert await client.secret_exists(PushRemoteRef("one"))
        assert not await client.secret_exists(PushRemoteRef("absent"))


# 5. Capabilities, validation


async def test_validate(remote: Remote) -> None:
    assert CRDProvider.capabilities is Capabilities.READ_ONLY
    async with remote.lend(remote.spec()) as client:
        assert await client.validate() is ValidationResult.READY


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"resource": {"group": "", "version": "v1", "kind": "secret"}}, "kubernetes provider"),
        ({"resource": {"group": "core", "version": "v1", "kind": "Secret"}}, "kubernetes provider"),
        ({"resource": {"group": "", "version": "", "kind": "ConfigMap"}}, "required"),
        ({"whitelist": {"rules": [{}]}}, "empty"),
        ({"whitelist": {"rules": [{"name": "("}]}}, r"whitelist\.rules\[0\]\.name"),
        ({"whitelist": {"rules": [{"properties": ["["]}]}}, "properties"),
        ({"whitelist": {"rules": [{"namespace": "a"}]}}, "ClusterSecretStore"),
        ({"auth": None}, "needs auth"),
        ({"auth": {"token": {"bearerToken": {"name": "", "key": "k"}}}}, "BearerToken"),
    ],
)
async def test_static_checks(remote: Remote, change: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        remote.check(remote.spec(**change))
    assert remote.check(remote.spec()) == []
