"""providers/secretserver.md, row by row, against a server that speaks Secret Server's and the Platform's API."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ReferenceNotFoundError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, RemoteRef, ValidationResult
from eso.providers.secretserver.provider import SecretServerProvider
from tests.support.gate import Gate
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.secretserver import PASSWORD, SecretServer, item, secret
from tests.support.vendors.tokenserver import serving

LOGIN = {
    "username": {"secretRef": {"name": "delinea", "key": "user"}},
    "password": {"secretRef": {"name": "delinea", "key": "password"}},
}
TEMPLATES = {
    100: [
        {"secretTemplateFieldId": 11, "fieldSlugName": "username", "name": "User Name"},
        {"secretTemplateFieldId": 12, "fieldSlugName": "password", "name": "Password", "isPassword": True},
    ],
    200: [
        {"secretTemplateFieldId": 21, "fieldSlugName": "host", "name": "Host", "isRequired": True},
        {"secretTemplateFieldId": 22, "fieldSlugName": "password", "name": "Password"},
    ],
    300: [{"secretTemplateFieldId": 31, "fieldSlugName": "key", "name": "Private Key", "isFile": True}],
    400: [],
}


def stored() -> dict[int, dict[str, Any]]:
    document = '{"user":"ann","n":{"k":1},"list":["<a>"],"password":"canary-doc"}'
    login = (item("username", "ann", name="User Name", number=11), item("password", "canary-pw", number=12))
    return {
        7: secret("doc", item("data", document, number=1), item("user", "shadowed", number=2)),
        8: secret("login", *login),
        9: secret("twin", item("password", "first"), folder=1),
        10: secret("twin", item("password", "second"), folder=2),
        11: secret("keys", item("note", "n"), item("private-key", "", name="Private Key", file=b"canary-\xffkey")),
        12: secret("77", item("password", "numeric name")),
        13: secret("empty"),
        14: secret("folderId:x/y", item("password", "malformed")),
        15: secret("odd", item("", "v1", name="Only Name"), item("", "v2", name=" ", number=5)),
        16: secret("number", item("password", "123", number=3)),
    }


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Case:
    def __init__(self, server: SecretServer, stores: ProviderBench, clock: Clock) -> None:
        self.server = server
        self.stores = stores
        self.clock = clock

    def lend(self, **spec: Any) -> Any:
        options = {name: spec.pop(name) for name in ("cluster", "consumer", "uid") if name in spec}
        return self.stores.lend({"serverURL": self.server.url, **LOGIN, **spec}, **options)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    server = SecretServer(secrets=stored(), templates=dict(TEMPLATES))
    clock = Clock()
    async with serving(server), bench(SecretServerProvider(clock)) as stores:
        await stores.secret("delinea", user="reader", password=PASSWORD, wrong="canary-wrong", token="canary-given")
        yield Case(server, stores, clock)


def metadata(folder: int = 0, template: int = 0, **more: Any) -> dict[str, Any]:
    ids = {name: number for name, number in (("folderId", folder), ("secretTemplateId", template)) if number}
    return {
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1",
        "kind": "PushSecretMetadata",
        "spec": {**ids, **more},
    }


# 1. Auth


async def test_secret_server(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, "8", "password") == "canary-pw"
        assert await value(client, "login", "password") == "canary-pw"
    assert case.server.seen[:3] == ["GET /api/v1/healthcheck", "POST /oauth2/token", "GET /api/v1/secrets/8"]
    assert case.server.forms == [{"grant_type": "password", "username": "reader", "password": PASSWORD}]


async def test_domain_and_direct_values(case: Case) -> None:
    direct = {"username": {"value": "reader"}, "password": {"value": PASSWORD}}
    async with case.lend(domain="corp", **direct) as client:
        assert await value(client, "8", "password") == "canary-pw"
    assert case.server.forms[0]["domain"] == "corp"


async def test_platform(case: Case) -> None:
    case.server.platform = True
    async with case.lend() as client:
        assert await value(client, "8", "password") == "canary-pw"
    assert case.server.seen == [
        "GET /api/v1/healthcheck",
        "GET /health",
        "POST /identity/api/oauth2/token/xpmplatform",
        "GET /vaultbroker/api/vaults",
        "GET /vault/api/v1/secrets/8",
    ]
    wanted = {
        "client_id": "reader",
        "client_secret": PASSWORD,
        "grant_type": "client_credentials",
        "scope": "xpmheadless",
    }
    assert case.server.forms == [wanted]


@pytest.mark.parametrize(("health", "well"), [('{"healthy": true}', True), ("Status: Healthy", True), ("", False)])
async def test_what_is_healthy(case: Case, health: str, well: bool) -> None:
    case.server.health = health
    async with case.lend() as client:
        if well:
            assert await value(client, "8", "password") == "canary-pw"
            return
        with pytest.raises(ProviderError, match="healthy"):
            await value(client, "8", "password")


@pytest.mark.parametrize("body", ['{"healthy": false}', '{"healthy": "Healthy"}', '"Healthy"', "canary-sick"])
async def test_what_is_not_healthy(case: Case, body: str) -> None:
    case.server.health = body
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="serverURL") as caught:
            await value(client, "8")
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)
    assert case.server.forms == []


@pytest.mark.parametrize(
    "vaults",
    [
        [],
        [{"isDefault": True, "isActive": False, "connection": {"url": "http://127.0.0.1:1"}}],
        [{"isDefault": False, "isActive": True, "connection": {"url": "http://127.0.0.1:1"}}],
        [{"isDefault": True, "isActive": True, "connection": None}, "canary"],
        [{"isDefault": True, "isActive": True, "connection": {"url": "ftp://canary"}}],
    ],
)
async def test_a_platform_without_a_default_vault(case: Case, vaults: list[Any]) -> None:
    case.server.platform, case.server.vaults = True, vaults
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="vault") as caught:
            await value(client, "8")
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)


async def test_a_vault_without_tls_gets_no_token_where_the_platform_has_tls(case: Case) -> None:
    case.server.platform = True
    async with Gate(case.server.url) as gate:
        bundle = base64.b64encode(gate.ca).decode()
        async with case.lend(serverURL=gate.url, caBundle=bundle) as client:
            with pytest.raises(ProviderError, match="https"):
                await value(client, "8")
    assert not any("/vault/" in path for path in case.server.seen)


async def test_a_given_token_is_used_directly_and_wins(case: Case) -> None:
    async with case.lend(token={"secretRef": {"name": "delinea", "key": "token"}}) as client:
        assert await value(client, "8", "password") == "canary-pw"
        case.server.tokens.clear()
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "login", "password")
    assert case.server.forms == []
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize("platform", [False, True])
async def test_a_wrong_password(case: Case, platform: bool) -> None:
    case.server.platform = platform
    wrong = {"secretRef": {"name": "delinea", "key": "wrong"}}
    async with case.lend(password=wrong) as client:
        with pytest.raises(AccessDeniedError, match="credentials") as caught:
            await value(client, "8")
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(("lifetime", "kept"), [(1200, 1079), (10, 8), (None, 599)])
async def test_tokens_are_used_until_they_end(case: Case, lifetime: int | None, kept: float) -> None:
    case.server.lifetime = lifetime
    async with case.lend() as client:
        await value(client, "7")
        case.clock.now += kept
        await value(client, "8")
        assert len(case.server.forms) == 1
        case.clock.now += 2
        await value(client, "9")
        assert len(case.server.forms) == 2


async def test_a_refused_token_is_replaced_once(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "7")
        case.server.tokens.clear()
        assert await value(client, "8", "password") == "canary-pw"
        case.server.tokens.clear()
        case.server.password = "another"
        with pytest.raises(AccessDeniedError):
            await value(client, "9")


async def test_a_missing_reference(case: Case) -> None:
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend(password={"secretRef": {"name": "none", "key": "x"}}) as client:
            await client.validate()


async def test_a_cluster_store_needs_namespaces(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match="namespaces must be explicitly set"):
        async with case.lend(cluster=True, consumer="other") as client:
            await client.validate()
    named = {field: {"secretRef": {**ref["secretRef"], "namespace": "app"}} for field, ref in LOGIN.items()}
    async with case.lend(cluster=True, consumer="other", **named) as client:
        assert await value(client, "8", "password") == "canary-pw"


async def test_over_tls_with_a_bundle(case: Case) -> None:
    async with Gate(case.server.url) as gate:
        async with case.lend(serverURL=gate.url, caBundle=base64.b64encode(gate.ca).decode()) as client:
            assert await value(client, "8", "password") == "canary-pw"
        async with case.lend(serverURL=gate.url) as client:
            with pytest.raises(UnavailableError, match="caBundle"):
                await value(client, "8")


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "property", "wanted"),
    [
        ("8", "password", "canary-pw"),
        ("login", "User Name", "ann"),
        ("LOGIN", "username", "ann"),
        ("/Apps/Sub/twin", "password", "second"),
        ("twin", "password", "first"),
        ("folderId:2/twin", "password", "second"),
        ("folderId:x/y", "password", "malformed"),
        ("77", "password", "numeric name"),
        ("7", "n.k", "1"),
        ("7", "n", '{"k":1}'),
        ("7", "user", "ann"),  # the JSON of the first field comes before the field
        ("7", "data", '{"user":"ann","n":{"k":1},"list":["<a>"],"password":"canary-doc"}'),
        ("16", "password", "123"),
    ],
)
async def test_reading(case: Case, key: str, property: str, wanted: str) -> None:
    async with case.lend() as client:
        assert await value(client, key, property, metadata_policy="Fetch") == wanted


async def test_the_whole_secret(case: Case) -> None:
    async with case.lend() as client:
        text = await value(client, "7")
    whole = json.loads(text)
    assert list(whole)[:5] == ["Name", "FolderID", "ID", "SiteID", "SecretTemplateID"]
    assert list(whole)[-1] == "Items"
    assert "SecretPolicyID" not in whole and "secretTemplateName" not in whole
    assert whole["Name"] == "doc" and whole["ID"] == 7 and whole["Active"] is True
    assert whole["Items"][1] == {
        "ItemID": 2,
        "FieldID": 2,
        "FileAttachmentID": 0,
        "FieldName": "User",
        "Slug": "user",
        "FieldDescription": "",
        "Filename": "",
        "ItemValue": "shadowed",
        "IsFile": False,
        "IsNotes": False,
        "IsPassword": False,
    }
    assert "\\u003ca\\u003e" in text and "<a>" not in text and ", " not in text


async def test_attachments_are_the_values_of_their_fields(case: Case) -> None:
    async with case.lend() as client:
        found = await client.get_secret(RemoteRef("keys", "private-key"))
        assert found.reveal() == b"canary-\xffkey"
        assert json.loads(await value(client, "keys"))["Items"][1]["ItemValue"] == "canary-\ufffdkey"


async def test_no_such_property(case: Case) -> None:
    async with case.lend() as client:
        for key in ("7", "login", "16"):
            with pytest.raises(NoSecretError) as caught:
                await value(client, key, "none")
            assert "canary" not in told(caught.value)


@pytest.mark.parametrize("key", ["999", "none", "/Apps/none", "folderId:2/login", "folderId:0/login", "folderId:2/"])
async def test_a_missing_secret_is_a_plain_error(case: Case, key: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="was not found") as caught:
            await value(client, key)
    assert not isinstance(caught.value, NoSecretError)


async def test_reads_that_are_refused(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidSpecError, match="version"):
            await value(client, "7", version="1")
        for reading in (value, mapped):
            with pytest.raises(ProviderError, match="no fields"):
                await reading(client, "13")


# 3. dataFrom


@pytest.mark.parametrize(
    ("key", "property", "wanted"),
    [
        ("7", "", {"user": "ann", "n": '{"k":1}', "list": '["\\u003ca\\u003e"]', "password": "canary-doc"}),
        ("7", "n", {"k": "1"}),
        ("7", "user", {"user": "ann"}),
        ("8", "", {"username": "ann", "password": "canary-pw"}),
        ("8", "password", {"password": "canary-pw"}),
        ("15", "", {"Only Name": "v1", " ": "v2"}),
        ("16", "", {"password": "123"}),
    ],
)
async def test_extract(case: Case, key: str, property: str, wanted: dict[str, str]) -> None:
    async with case.lend() as client:
        assert await mapped(client, key, property) == wanted


async def test_extract_labels_fields_by_id_at_last(case: Case) -> None:
    nameless = {**item("", "v", number=5), "fieldName": ""}
    case.server.secrets[20] = secret("a", nameless)
    case.server.secrets[21] = secret("b", {**nameless, "fieldId": 0})
    async with case.lend() as client:
        assert await mapped(client, "20") == {"5": "v"}
        with pytest.raises(ProviderError, match="without slug"):
            await mapped(client, "21")


async def test_find_is_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.get_all_secrets(FindRef(name_regexp="."))


# 4. Push


async def test_push_changes_a_field(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="new"), entry("login", "k", "password"))
        assert case.server.secrets[8]["items"][1]["itemValue"] == "new"
        await client.push_secret(source(k="bob"), entry("/Apps/login", "k", "User Name"))
        assert [one["itemValue"] for one in case.server.secrets[8]["items"]] == ["bob", "new"]
        await client.push_secret(source(k="first"), entry("8", "k"))
        assert [one["itemValue"] for one in case.server.secrets[8]["items"]] == ["first", "new"]
        writes = len(case.server.written)
        await client.push_secret(source(k="first"), entry("8", "k"))
    assert len(case.server.written) == writes == 3
    assert case.server.written[0]["ID"] == 8 and case.server.written[0]["Items"][0]["ItemValue"] == "ann"


async def test_push_a_whole_secret(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(b="<2>", a="1"), entry("login"))
    assert case.server.secrets[8]["items"][0]["itemValue"] == '{"a":"1","b":"<2>"}'


async def test_push_into_a_folder(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="x"), entry("folderId:2/twin", "k"))
        assert case.server.secrets[10]["items"][0]["itemValue"] == "x"
        await client.push_secret(source(k="y"), entry("twin", "k", metadata=metadata(1)))
        assert case.server.secrets[9]["items"][0]["itemValue"] == "y"
        # The folder of the key wins.
        await client.push_secret(source(k="z"), entry("folderId:2/twin", "k", metadata=metadata(1)))
    assert case.server.secrets[10]["items"][0]["itemValue"] == "z"


async def test_push_keeps_attachments(case: Case) -> None:
    case.server.secrets[11]["items"][1]["file"] = b"pem"
    async with case.lend() as client:
        await client.push_secret(source(k="n2"), entry("keys", "k", "note"))
        await client.push_secret(source(k="pem2"), entry("keys", "k", "private-key"))
    first, uploaded, _, changed = case.server.written
    assert [one["Slug"] for one in first["Items"]] == ["note"]
    assert (uploaded, changed) == ("file file.pem pem", "file file.pem pem2")


@pytest.mark.parametrize(
    ("key", "property", "meta", "name", "folder", "values"),
    [
        ("new", "password", metadata(2, 100), "new", 2, ["", "v"]),
        ("new", "User Name", metadata(2, 100), "new", 2, ["v", ""]),
        ("new", "", metadata(2, 100), "new", 2, ["v", ""]),
        ("/Other/Place/new", "", metadata(1, 100), "new", 1, ["v", ""]),
        ("a/b", "", metadata(1, 100), "b", 1, ["v", ""]),
        ("folderId:2/new", "", metadata(1, 100), "new", 2, ["v", ""]),
        ("4711", "", metadata(1, 100), "4711", 1, ["v", ""]),
    ],
)
async def test_push_creates(
    case: Case, key: str, property: str, meta: Any, name: str, folder: int, values: list[str]
) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry(key, "k", property, meta))
        made = case.server.secrets[max(case.server.secrets)]
        assert (made["name"], made["folderId"], made["secretTemplateId"]) == (name, folder, 100)
        assert [one["itemValue"] for one in made["items"]] == values
        known = len(case.server.secrets)
        await client.push_secret(source(k="v"), entry(key, "k", property, meta))
    assert len(case.server.secrets) == known
    assert len(case.server.written) == 1


async def test_push_creates_a_file(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="pem"), entry("new", "k", "", metadata(1, 300)))
    assert case.server.written[0]["Items"] == []
    assert case.server.written[1] == "file File.txt pem"


@pytest.mark.parametrize(
    ("key", "property", "meta", "text"),
    [
        ("", "", None, "remote key"),
        ("new", "", None, "must be provided"),
        ("new", "", metadata(1), "must be provided"),
        ("new", "", metadata(0, 100), "must be provided"),
        ("new", "", metadata(1, 100, other=1), "unknown field"),
        ("new", "", {"spec": {}}, "apiVersion"),
        ("new", "none", metadata(1, 100), "not found in secret template"),
        ("new", "", metadata(1, 400), "no fields"),
        ("new", "", metadata(1, 999), "secretTemplateId"),
        ("new", "password", metadata(1, 200), "400"),  # another field is mandatory
        ("login", "none", None, "field none not found in secret"),
        ("empty", "", None, "no fields to update"),
        ("new/", "", metadata(1, 100), "trailing slash"),
        ("folderId:1/a/b", "", metadata(1, 100), "path separators"),
        ("twin", "", None, "multiple secrets"),
    ],
)
async def test_pushes_that_are_refused(case: Case, key: str, property: str, meta: Any, text: str) -> None:
    before = json.dumps([found["name"] for found in case.server.secrets.values()])
    async with case.lend() as client:
        with pytest.raises(EsoError, match=text) as caught:
            await client.push_secret(source(k="canary-value"), entry(key, "k", property, meta))
    assert "canary" not in told(caught.value)
    assert json.dumps([found["name"] for found in case.server.secrets.values()]) == before


async def test_values_must_be_text(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="UTF-8"):
            await client.push_secret(source(k=b"\xff"), entry("login", "k"))


async def test_exists_and_delete(case: Case) -> None:
    async with case.lend() as client:
        for key in ("8", "doc", "/Apps/Sub/twin", "folderId:1/twin", "77"):
            assert await client.secret_exists(PushRemoteRef(key, "no matter")) is True
            await client.delete_secret(PushRemoteRef(key))
            assert await client.secret_exists(PushRemoteRef(key)) is False
            await client.delete_secret(PushRemoteRef(key))
    assert not {7, 8, 9, 10, 12} & set(case.server.secrets)


async def test_a_name_of_several_is_neither_deleted_nor_seen(case: Case) -> None:
    async with case.lend() as client:
        for call in (client.delete_secret, client.secret_exists):
            with pytest.raises(InvalidRequestError, match="multiple secrets"):
                await call(PushRemoteRef("twin"))
    assert {9, 10} <= set(case.server.secrets)


async def test_a_hit_that_is_gone_meanwhile(case: Case) -> None:
    case.server.ghosts = {1: "login", 2: "ghost"}
    async with case.lend() as client:
        assert await value(client, "login", "password") == "canary-pw"
        assert await client.secret_exists(PushRemoteRef("ghost")) is False
        await client.delete_secret(PushRemoteRef("ghost"))
        with pytest.raises(ProviderError, match="was not found"):
            await value(client, "ghost")


@pytest.mark.parametrize("status", [400, 401, 403, 500])
async def test_errors_that_mention_not_found_are_not_that(case: Case, status: int) -> None:
    async with case.lend(token={"value": "canary-given"}) as client:
        case.server.fault = (status, {}, b'{"message": "404 not found"}')
        for call in (client.delete_secret, client.secret_exists):
            with pytest.raises(ProviderError) as caught:
                await call(PushRemoteRef("8"))
            assert not isinstance(caught.value, NoSecretError)


async def test_a_server_without_the_api_knows_nothing_of_secrets(case: Case) -> None:
    async with case.lend(token={"value": "canary-given"}, serverURL=f"{case.server.url}/elsewhere") as client:
        for key in ("login", "folderId:1/login"):
            with pytest.raises(InvalidRequestError, match="serverURL"):
                await client.secret_exists(PushRemoteRef(key))


# 5. Store


async def test_validate(case: Case) -> None:
    assert SecretServerProvider.capabilities is Capabilities.READ_WRITE
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
        assert "searchText=__external" in case.server.seen[-1]
        case.server.fault = (500, {}, b"canary")
        with pytest.raises(UnavailableError):
            await client.validate()


REF = {"secretRef": {"name": "a", "key": "k"}}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"username": None}, "username must not be empty"),
        ({"password": None}, "password must be set"),
        ({"serverURL": "", "username": None}, "serverURL must be set"),
        ({"serverURL": "delinea.example.com"}, "serverURL must be a URL"),
        ({"serverURL": "https://[::1", "token": REF}, "serverURL must be a URL"),
        ({"username": {}}, "must specify either secret reference or direct value"),
        ({"username": {**REF, "value": "x"}}, "cannot specify both secret reference and value"),
        ({"password": {"secretRef": {"key": "k"}}}, "must specify a secret name"),
        ({"password": {"secretRef": {"name": "a"}}}, "must specify a secret key"),
        ({"token": {"secretRef": {"name": "a"}}}, "must specify a secret key"),
        ({"token": {"secretRef": {"name": "a", "key": "k", "namespace": "x"}}}, "namespace"),
        ({"caProvider": {"type": "Secret", "name": "a", "key": "k", "namespace": "x"}}, "namespace"),
    ],
)
async def test_static_checks(case: Case, change: dict[str, Any], text: str) -> None:
    spec = {"serverURL": "https://delinea.example.com", "username": REF, "password": REF}
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check({**spec, **change})
    assert case.stores.check(spec) == []
    assert case.stores.check(spec, cluster=True) == []  # refused when the client is made
    assert case.stores.check({"serverURL": "https://x", "token": REF}) == []
    assert case.stores.check({"serverURL": "https://x", "token": REF, "username": {}, "password": {}}) == []


# 6. API


async def test_a_search_looks_at_thirty_hits(case: Case) -> None:
    many = {100 + i: secret("same", item("password", str(i)), folder=1) for i in range(30)}
    case.server.secrets = {**many, 200: secret("same", item("password", "last"), folder=2)}
    async with case.lend() as client:
        assert await value(client, "folderId:1/same", "password") == "0"
        with pytest.raises(ProviderError, match="was not found"):
            await value(client, "folderId:2/same", "password")


async def test_search_requests_and_metrics(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "login", "password")
        await client.push_secret(source(k="v"), entry("new", "k", "", metadata(1, 100)))
        await client.push_secret(source(k="w"), entry("new", "k"))
        await client.delete_secret(PushRemoteRef("new"))
        await value(client, "keys", "note")
    query = (
        "paging.filter.searchText=login&paging.filter.searchField=Name&paging.filter.doNotCalculateTotal=true"
        "&paging.take=30&paging.skip=0&paging.filter.isExactMatch=true"
    )
    assert f"GET /api/v1/secrets?{query}" in case.server.seen
    for call in (
        "HealthCheck",
        "GetToken",
        "SearchSecrets",
        "GetSecret",
        "GetSecretField",
        "GetSecretTemplate",
        "CreateSecret",
        "UpdateSecret",
        "DeleteSecret",
    ):
        assert case.stores.counted("Delinea/SecretServer", call) >= 1, call


async def test_names_cannot_add_to_the_query(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="was not found"):
            await value(client, "x&paging.filter.searchText=login")
        with pytest.raises(ProviderError, match="was not found"):
            await value(client, "/x&secretPath=/Apps/login")


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, AccessDeniedError), (429, ThrottledError), (503, UnavailableError), (400, InvalidRequestError)],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        await value(client, "7")
        case.server.fault = (status, {"Retry-After": "9"}, b"canary-body")
        for key in ("8", "login", "/Apps/login", "folderId:1/login"):
            with pytest.raises(error) as caught:
                await value(client, key, "password")
            assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("status", "error"), [(403, AccessDeniedError), (429, ThrottledError), (503, UnavailableError)]
)
async def test_failures_of_the_sign_in(case: Case, status: int, error: type[EsoError]) -> None:
    case.server.fault = (status, {"Retry-After": "9"}, b"canary-body")
    async with case.lend() as client:
        with pytest.raises(error) as caught:
            await value(client, "8")
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize(
    "body",
    [b"canary", b"[]", b"{}", b'{"id": "canary"}', b'{"id": 8, "items": "canary"}', b'{"id": 8, "items": ["canary"]}'],
)
async def test_malformed_answers(case: Case, body: bytes) -> None:
    async with case.lend(token={"value": "canary-given"}) as client:
        case.server.fault = (200, {}, body)
        for key in ("8", "login"):
            with pytest.raises(ProviderError) as caught:
                await value(client, key)
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)
