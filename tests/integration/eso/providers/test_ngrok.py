"""providers/ngrok.md, row by row, against a server that speaks ngrok's API."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ReferenceNotFoundError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, RemoteRef, ValidationResult
from eso.providers.ngrok.provider import NgrokProvider
from eso.providers.ngrok.spec import NgrokSpec
from tests.support.providerbench import ProviderBench, bench, entry, source, told
from tests.support.vendors.ngrok import KEY, Ngrok
from tests.support.vendors.tokenserver import serving

REF = {"name": "ngrok", "key": "key"}
AUTH = {"apiKey": {"secretRef": REF}}


class Case:
    def __init__(self, ngrok: Ngrok, stores: ProviderBench) -> None:
        self.ngrok = ngrok
        self.stores = stores
        self.prod = ngrok.vault("prod")
        self.other = ngrok.vault("other")

    def lend(self, **more: Any) -> Any:
        options = {name: more.pop(name) for name in ("cluster", "consumer") if name in more}
        spec = {"apiUrl": self.ngrok.url, "auth": AUTH, "vault": {"name": "prod"}, **more}
        return self.stores.lend(spec, **options)

    def counted(self, call: str, status: str = "success") -> float:
        return self.stores.counted("Ngrok/Vaults", call, status)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    ngrok = Ngrok()
    async with serving(ngrok), bench(NgrokProvider(patience=5.0)) as stores:
        await stores.secret("ngrok", key=KEY, wrong="canary-wrong")
        yield Case(ngrok, stores)


def options(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec}


def paths(ngrok: Ngrok) -> list[str]:
    return [each.split("?")[0] for each in ngrok.seen]


# 1. Authentication and the vault


async def test_vault_is_looked_up_with_the_key(case: Case) -> None:
    async with case.lend():
        pass
    assert paths(case.ngrok) == ["GET /vaults"]
    assert case.ngrok.filters == ['obj.name == "prod"']


async def test_vault_that_is_unknown(case: Case) -> None:
    with pytest.raises(InvalidRequestError, match='vault "none" not found'):
        async with case.lend(vault={"name": "none"}):
            pass


async def test_name_with_quotes(case: Case) -> None:
    case.ngrok.vault('a "b" \\ <c>')
    async with case.lend(vault={"name": 'a "b" \\ <c>'}):
        pass
    assert case.ngrok.filters == ['obj.name == "a \\"b\\" \\\\ <c>"']


async def test_key_that_is_refused(case: Case) -> None:
    with pytest.raises(AccessDeniedError, match="credentials") as caught:
        async with case.lend(auth={"apiKey": {"secretRef": {**REF, "key": "wrong"}}}):
            pass
    assert "canary" not in told(caught.value)
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend(auth={"apiKey": {"secretRef": {**REF, "key": "none"}}}):
            pass


async def test_cluster_store(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match="cluster scope requires namespace"):
        async with case.lend(cluster=True):
            pass
    async with case.lend(cluster=True, consumer="other", auth={"apiKey": {"secretRef": {**REF, "namespace": "app"}}}):
        assert case.counted("ListVaults") == 1


@pytest.mark.parametrize("host", ["", "https://api.ngrok.example"])
@pytest.mark.parametrize("honours", [True, False])
async def test_pages(case: Case, honours: bool, host: str) -> None:
    case.ngrok.honours_filters, case.ngrok.next_host = honours, host
    for number in range(5):
        case.ngrok.vault(f"v{number}")
        case.ngrok.secret(case.other, f"s{number}")
    last = case.ngrok.vault("last")
    case.ngrok.secret(last, "wanted")
    async with case.lend(vault={"name": "last"}) as client:
        assert await client.secret_exists(PushRemoteRef("wanted"))
        assert not await client.secret_exists(PushRemoteRef("s1"))
    if not honours:
        assert paths(case.ngrok).count("GET /vaults") == 4
        assert len(set(case.ngrok.filters)) == 3  # next pages keep the filter


# 2. and 3. Reading

READS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "get": lambda client: client.get_secret(RemoteRef("x")),
    "extract": lambda client: client.get_secret_map(RemoteRef("x")),
    "find": lambda client: client.get_all_secrets(FindRef(name_regexp=".")),
}


@pytest.mark.parametrize("read", READS)
async def test_reading_is_refused(case: Case, read: str) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="write-only"):
            await READS[read](client)


# 4. Push


async def test_push_makes_a_secret(case: Case) -> None:
    case.ngrok.secret(case.other, "new")  # of another vault
    async with case.lend() as client:
        await client.push_secret(source(k="canary-new"), entry("new", "k", "ignored"))
    (made,) = [each for each in case.ngrok.secrets.values() if each["vault_id"] == case.prod]
    digest = hashlib.sha256(b"canary-new").hexdigest()
    assert made == {
        "vault_id": case.prod,
        "name": "new",
        "value": "canary-new",
        "metadata": f'{{"_sha256":"{digest}"}}',
        "description": "Managed by External Secrets Operator",
    }
    assert paths(case.ngrok)[1:] == [f"GET /vaults/{case.prod}", "GET /vault_secrets", "POST /vault_secrets"]
    assert case.ngrok.filters[-1] == 'obj.name == "new"'
    assert case.counted("CreateSecret") == 1


async def test_push_changes_a_secret_each_time(case: Case) -> None:
    identity = case.ngrok.secret(case.prod, "db")
    async with case.lend() as client:
        for _ in range(2):
            await client.push_secret(source(k="new"), entry("db", "k"))
    assert case.ngrok.named("db")["value"] == "new"
    assert paths(case.ngrok).count(f"PATCH /vault_secrets/{identity}") == 2
    assert case.counted("UpdateSecret") == 2


async def test_push_of_the_whole_secret(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(b=b"\xff", a="1"), entry("all"))
    assert case.ngrok.named("all")["value"] == '{"a":"MQ==","b":"/w=="}'


@pytest.mark.parametrize(
    ("spec", "description", "metadata"),
    [
        ({"description": "mine"}, "mine", {}),
        ({"description": ""}, "Managed by External Secrets Operator", {}),
        ({"metadata": {"team": "db", "a": "<b>"}}, "Managed by External Secrets Operator", {"a": "<b>", "team": "db"}),
        ({"metadata": {"_sha256": "x"}, "Description": "mine"}, "mine", {}),
    ],
)
async def test_metadata(case: Case, spec: dict[str, Any], description: str, metadata: dict[str, str]) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry("new", "k", "", options(**spec)))
    made = case.ngrok.named("new")
    assert made["description"] == description
    assert json.loads(made["metadata"]) == {**metadata, "_sha256": hashlib.sha256(b"v").hexdigest()}


@pytest.mark.parametrize(
    ("key", "metadata", "kind", "message"),
    [
        ("none", None, ProviderError, "secret key none does not exist"),
        ("binary", None, InvalidRequestError, "binary cannot be pushed to ngrok: it is not UTF-8"),
        ("k", options(tags=[]), InvalidSpecError, r'unknown field "spec.tags"'),
        ("k", {"kind": "x"}, InvalidSpecError, "unexpected apiVersion"),
    ],
)
async def test_push_that_is_refused(case: Case, key: str, metadata: Any, kind: type[Exception], message: str) -> None:
    async with case.lend() as client:
        with pytest.raises(kind, match=message):
            await client.push_secret(source(k="v", binary=b"\xff"), entry("new", key, "", metadata))
    assert case.ngrok.secrets == {}


@pytest.mark.parametrize("change", ["made anew", "renamed"])
async def test_vault_that_is_another_now(case: Case, change: str) -> None:
    async with case.lend() as client:
        if change == "made anew":
            del case.ngrok.vaults[case.prod]
        else:
            case.ngrok.vaults[case.prod] = "old"
        made = case.ngrok.vault("prod")
        for name in ("a", "b"):
            await client.push_secret(source(k="v"), entry(name, "k"))
        assert {each["vault_id"] for each in case.ngrok.secrets.values()} == {made}
        assert case.counted("ListVaults") == 2  # the new id is remembered


async def test_vault_that_is_gone(case: Case) -> None:
    case.ngrok.secret(case.other, "db")
    async with case.lend() as client:
        del case.ngrok.vaults[case.prod]
        with pytest.raises(InvalidRequestError, match="vault prod of ngrok does not exist") as caught:
            await client.push_secret(source(k="v"), entry("db", "k"))
        assert not isinstance(caught.value, NoSecretError)
        await client.delete_secret(PushRemoteRef("db"))
        assert not await client.secret_exists(PushRemoteRef("db"))
    assert len(case.ngrok.secrets) == 1
    with pytest.raises(InvalidRequestError, match="not found"):
        async with case.lend():
            pass


async def test_delete(case: Case) -> None:
    case.ngrok.secret(case.prod, "db")
    kept = case.ngrok.secret(case.other, "db")
    async with case.lend() as client:
        for _ in range(2):  # absent is success
            await client.delete_secret(PushRemoteRef("db", "ignored"))
    assert set(case.ngrok.secrets) == {kept}
    assert case.counted("DeleteSecret") == 1


async def test_what_the_answer_to_a_change_says_does_not_matter(case: Case) -> None:
    case.ngrok.terse = True
    async with case.lend() as client:
        for _ in ("made", "changed"):
            await client.push_secret(source(k="canary-v"), entry("db", "k"))
        assert case.ngrok.named("db")["value"] == "canary-v"
        await client.delete_secret(PushRemoteRef("db"))
    assert case.ngrok.secrets == {}
    assert [each.split(" ")[0] for each in case.ngrok.seen if not each.startswith("GET")] == ["POST", "PATCH", "DELETE"]


async def test_secret_that_is_deleted_meanwhile(case: Case) -> None:
    case.ngrok.hidden.add(case.ngrok.secret(case.prod, "db"))
    async with case.lend() as client:
        await client.delete_secret(PushRemoteRef("db"))
        case.ngrok.secrets.popitem()
        case.ngrok.hidden.add(case.ngrok.secret(case.prod, "gone", "x"))
        with pytest.raises(InvalidRequestError, match="409"):  # made again, which this server refuses
            await client.push_secret(source(k="v"), entry("gone", "k"))
    assert paths(case.ngrok)[-1] == "POST /vault_secrets"


async def test_existence(case: Case) -> None:
    case.ngrok.secret(case.prod, "db")
    case.ngrok.secret(case.other, "else")
    async with case.lend() as client:
        assert await client.secret_exists(PushRemoteRef("db"))
        assert not await client.secret_exists(PushRemoteRef("else"))


async def test_pushes_of_one_secret_at_the_same_time(case: Case) -> None:
    async with case.lend() as client, asyncio.TaskGroup() as group:
        for value in ("1", "2", "3"):
            group.create_task(client.push_secret(source(k=value), entry("db", "k")))
    assert case.counted("CreateSecret") == 1
    assert case.counted("UpdateSecret") == 2


# 5. Store


async def test_store(case: Case) -> None:
    assert case.stores.provider.capabilities is Capabilities.WRITE_ONLY
    assert case.stores.check({"auth": AUTH, "vault": {"name": "prod"}}) == []
    assert case.stores.check({"apiUrl": "http://localhost:8080/x", "auth": AUTH, "vault": {"name": "prod"}}) == []
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.ngrok.seen[-1] == "GET /vault_secrets"


@pytest.mark.parametrize(
    ("change", "cluster", "message"),
    [
        ({"apiUrl": "ngrok"}, False, "invalid API URL: spec.provider.ngrok.apiUrl"),
        ({"apiUrl": "https://a:b"}, False, "invalid API URL"),
        ({"auth": {}}, False, "auth APIKey is required"),
        ({"auth": {"apiKey": {}}}, False, "auth APIKey is required"),
        ({"vault": {"name": ""}}, False, "vault name is required"),
        ({"auth": {"apiKey": {"secretRef": {"key": "x"}}}}, False, r"missing: .*apiKey.secretRef.name"),
        ({"auth": {"apiKey": {"secretRef": {"name": "x"}}}}, False, r"missing: .*apiKey.secretRef.key"),
        ({"auth": {"apiKey": {"secretRef": {**REF, "namespace": "other"}}}}, False, "should either be empty or match"),
        ({}, True, "cluster scope requires namespace"),
    ],
)
def test_store_that_is_refused(change: dict[str, Any], cluster: bool, message: str) -> None:
    spec = NgrokSpec.model_validate({"auth": AUTH, "vault": {"name": "prod"}, **change})
    kind, namespace = ("ClusterSecretStore", "") if cluster else ("SecretStore", "app")
    with pytest.raises(InvalidSpecError, match=message):
        NgrokProvider().validate_store(spec, store_kind=kind, store_namespace=namespace)


def test_default_address() -> None:
    assert NgrokSpec.model_validate({"auth": AUTH, "vault": {"name": "x"}}).api_url == "https://api.ngrok.com"


# 6. API

ATTEMPTS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "push": lambda client: client.push_secret(source(k="canary-v"), entry("db", "k")),
    "delete": lambda client: client.delete_secret(PushRemoteRef("db")),
    "exists": lambda client: client.secret_exists(PushRemoteRef("db")),
    "validate": lambda client: client.validate(),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (403, {}, AccessDeniedError),
        (429, {"Retry-After": "7"}, ThrottledError),
        (500, {}, UnavailableError),
        (400, {}, InvalidRequestError),
        (404, {}, InvalidRequestError),
        (307, {"Location": "https://elsewhere.example/canary"}, InvalidRequestError),
        (200, {}, ProviderError),
    ],
)
async def test_failures(
    case: Case,
    attempt: str,
    status: int,
    headers: dict[str, str],
    kind: type[ProviderError],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with case.lend() as client:
        case.ngrok.fault = (status, headers, b'["canary"]')
        with pytest.raises(kind) as caught:
            await ATTEMPTS[attempt](client)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value) + caplog.text


async def test_silence() -> None:
    ngrok = Ngrok(delay=0.2)
    async with serving(ngrok), bench(NgrokProvider(patience=0.05)) as stores:
        await stores.secret("ngrok", key=KEY)
        with pytest.raises(UnavailableError, match="did not answer in time"):
            async with stores.lend({"apiUrl": ngrok.url, "auth": AUTH, "vault": {"name": "prod"}}):
                pass
