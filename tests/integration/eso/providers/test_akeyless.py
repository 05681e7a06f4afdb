"""providers/akeyless.md, row by row, against a server that speaks Akeyless's API. Section 1 is in test_akeyless_signin.py."""

from __future__ import annotations

import asyncio
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
    ThrottledError,
    UnavailableError,
)
from eso.providers.akeyless.provider import AkeylessProvider
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, ValidationResult
from eso.values import reveal_all
from tests.support.keypairs import certificate_pem
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.akeyless import ACCESS_KEY, Akeyless, Entry
from tests.support.vendors.tokenserver import serving

LABEL = "AKEYLESSLESS/SecretsManager"
TAG = "k8s-external-secrets"
DOCUMENT = '{"a":"x","n":{"k":1},"dot.ted":"y","dot":{"ted":"z","only":"w"},"null":null,"big":12345678901}'
ID, KIND, PARAM = ({"name": "akeyless", "key": key} for key in ("id", "type", "param"))
REFS = {"accessID": ID, "accessType": KIND, "accessTypeParam": PARAM}


def items() -> dict[str, Entry]:
    return {
        "/app/db": Entry("STATIC_SECRET", ["old", "canary-password"], ["team-a"]),
        "/app/doc": Entry("STATIC_SECRET", [DOCUMENT], ["team-b"]),
        "/app/empty": Entry("STATIC_SECRET", [""], ["team-b"]),
        "/app/dynamic": Entry("DYNAMIC_SECRET", [{"user": "<tmp>", "password": "canary", "id": 3, "a&b": True}]),
        "/app/rotated": Entry("ROTATED_SECRET", [{"value": {"payload": "canary-rotated", "username": "u"}}]),
        "/app/target": Entry("ROTATED_SECRET", [{"value": {"target_value": {"b": "2", "a": "1"}}}]),
        "/app/user": Entry("ROTATED_SECRET", [{"value": {"username": "u", "password": "p"}}]),
        "/app/whole": Entry("ROTATED_SECRET", [{"z": 1, "y": "<"}]),
        "/app/odd": Entry("ROTATED_SECRET", [{"value": "canary"}]),
        "/app/cert": Entry("CERTIFICATE", [{"private_key_pem": "canary-key", "certificate_pem": "certificate"}]),
        "/app/key": Entry("AES256GCM", [""]),
        "/other/db": Entry("STATIC_SECRET", ["elsewhere"], ["team-a"]),
    }


class Case:
    def __init__(self, akeyless: Akeyless, stores: ProviderBench) -> None:
        self.akeyless = akeyless
        self.stores = stores

    def lend(self, **more: Any) -> Any:
        url = f"{self.akeyless.url}{self.akeyless.prefix}"
        return self.stores.lend({"akeylessGWApiURL": url, "authSecretRef": {"secretRef": REFS}, **more})

    def text(self, name: str) -> str:
        return str(self.akeyless.items[name].versions[-1])


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    akeyless = Akeyless(items=items())
    async with serving(akeyless), bench(AkeylessProvider()) as stores:
        await stores.secret("akeyless", id="p-1", type="api_key", param=ACCESS_KEY)
        yield Case(akeyless, stores)


async def found(client: Any, **ref: Any) -> dict[str, bytes]:
    return reveal_all(await client.get_all_secrets(FindRef(**ref)))


# 2. remoteRef


VALUES: list[tuple[str, dict[str, Any], str]] = [
    ("/app/db", {}, "canary-password"),
    ("/app/db", {"version": "1"}, "old"),
    ("/app/db", {"version": "latest"}, "canary-password"),
    ("/app/db", {"version": "99999999999"}, "canary-password"),
    ("/app/db", {"metadata_policy": "Fetch"}, "canary-password"),
    ("/app/rotated", {"version": "1"}, "canary-rotated"),
    ("/app/target", {}, '{"a":"1","b":"2"}'),
    ("/app/user", {}, '{"password":"p","username":"u"}'),
    ("/app/whole", {}, '{"y":"\\u003c","z":1}'),
    ("/app/dynamic", {}, '{"a\\u0026b":true,"id":3,"password":"canary","user":"\\u003ctmp\\u003e"}'),
    ("/app/cert", {}, '{"certificate_pem":"certificate","private_key_pem":"canary-key"}'),
    ("/app/doc", {"property": "dot.ted"}, "y"),
    ("/app/doc", {"property": "dot.only"}, "w"),
    ("/app/doc", {"property": "n"}, '{"k":1}'),
    ("/app/doc", {"property": "null"}, ""),
    ("/app/dynamic", {"property": "user"}, "<tmp>"),
]


async def test_values(case: Case) -> None:
    async with case.lend() as client:
        for key, more, wanted in VALUES:
            assert await value(client, key, **more) == wanted, (key, more)


MISSING: list[tuple[str, str, type[EsoError], str]] = [
    ("/app/none", "", InvalidRequestError, "item /app/none does not exist"),
    ("/app/empty", "", ProviderError, "found no value string : /app/empty"),
    ("/app/empty", "a", ProviderError, "key a does not exist in value /app/empty"),
    ("/app/doc", "none", ProviderError, "key none does not exist in value /app/doc"),
    ("/app/key", "", InvalidRequestError, "invalid item type"),
    ("/app/odd", "", ProviderError, "not an object"),
]


async def test_values_that_are_missing(case: Case) -> None:
    async with case.lend() as client:
        for key, property, error, text in MISSING:
            with pytest.raises(error, match=text) as caught:
                await value(client, key, property)
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)


async def test_ignore_cache_goes_to_static_rotated_and_certificate_reads(case: Case) -> None:
    async with case.lend(ignoreCache=True) as client:
        for key in ("/app/db", "/app/rotated", "/app/cert", "/app/dynamic"):
            await value(client, key)
    marked = {name for name, sent in case.akeyless.asked if sent.get("ignore-cache") == "true"}
    assert marked == {"get-secret-value", "get-rotated-secret-value", "get-certificate-value"}
    async with case.lend() as client:
        await value(client, "/app/db")
    assert "ignore-cache" not in case.akeyless.sent("get-secret-value")[-1]


# 3. extract and find


async def test_extract(case: Case) -> None:
    async with case.lend() as client:
        wanted = {"a": "x", "n": '{"k":1}', "dot.ted": "y", "dot": '{"ted":"z","only":"w"}', "null": ""}
        assert await mapped(client, "/app/doc") == {**wanted, "big": "12345678901"}
        assert await mapped(client, "/app/doc", "n") == {"k": "1"}
        with pytest.raises(ProviderError) as caught:
            await mapped(client, "/app/db")
    assert "canary" not in told(caught.value)


FINDS: list[tuple[dict[str, Any], set[str]]] = [
    ({"name_regexp": "db$"}, {"/app/db", "/other/db"}),
    ({"name_regexp": "db$", "path": "app"}, {"/app/db"}),
    ({"name_regexp": "^/app/(db|empty)", "path": "/app/"}, {"/app/db"}),
    ({"name_regexp": "none"}, set()),
    ({"name_regexp": "db$", "path": "pp"}, set()),
    ({"name_regexp": "key|cert"}, set()),  # neither keys nor certificates are listed
    ({"name_regexp": "rotated|dynamic"}, {"/app/rotated", "/app/dynamic"}),
    ({"tags": {"any": "team-a"}}, {"/app/db", "/other/db"}),
    ({"tags": {"x": "team-a", "y": "team-b"}, "path": "app"}, {"/app/db", "/app/doc"}),
    ({"tags": {"x": "team-a"}, "name_regexp": "doc"}, {"/app/doc"}),
    ({"tags": {"team-a": "none"}}, set()),
]


async def test_find(case: Case) -> None:
    async with case.lend() as client:
        for ref, names in FINDS:
            case.akeyless.asked.clear()
            assert set(await found(client, **ref)) == names, ref
            for sent in case.akeyless.sent("list-items"):
                assert sent["type"] == ["static-secret", "dynamic-secret", "rotated-secret"]
                assert sent["filter"] == ("" if "path" not in ref else f"/{ref['path'].strip('/')}/")


async def test_find_values_and_pages(case: Case) -> None:
    case.akeyless.items = {f"/many/{number}": Entry("STATIC_SECRET", [f"v{number}"]) for number in range(7)}
    case.akeyless.page = 3
    async with case.lend() as client:
        wanted = {f"/many/{number}": f"v{number}".encode() for number in range(7)}
        assert await found(client, name_regexp="many") == wanted
    assert case.stores.counted(LABEL, "ListItems") == 3
    assert case.stores.counted(LABEL, "GetSecretValue") == 7


@pytest.mark.parametrize(
    ("ref", "error"),
    [
        ({}, InvalidRequestError),
        ({"tags": {}}, InvalidRequestError),
        ({"path": "app"}, InvalidRequestError),
        ({"name_regexp": "("}, InvalidSpecError),
        ({"name_regexp": "odd"}, ProviderError),
    ],
)
async def test_find_that_fails(case: Case, ref: dict[str, Any], error: type[EsoError]) -> None:
    async with case.lend() as client:
        with pytest.raises(error):
            await found(client, **ref)


# 4. PushSecret


async def test_push_of_the_whole_secret_makes_an_item_with_the_tag(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(b="<2>", a="1"), entry("/new/item", "ignored"))
        assert case.akeyless.items["/new/item"].tags == [TAG]
        assert case.text("/new/item") == '{"a":"1","b":"\\u003c2\\u003e"}'
        await client.push_secret(source(b="<2>", a="1"), entry("/new/item"))  # unchanged: nothing is written
        await client.push_secret(source(c="3"), entry("/new/item"))
        assert case.text("/new/item") == '{"a":"1","b":"\\u003c2\\u003e","c":"3"}'
    assert [case.stores.counted(LABEL, call) for call in ("CreateSecret", "UpdateSecretVal")] == [1, 1]


async def test_push_of_a_property(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="v", other="x"), entry("/new/item", "k", "dotted.name"))
        assert case.text("/new/item") == '{"dotted.name":"v"}'
        await client.push_secret(source(k="v"), entry("/app/doc", "k", "a"))  # no check of ownership
        wanted = '{"a":"v","big":12345678901,"dot":{"only":"w","ted":"z"},"dot.ted":"y","n":{"k":1},"null":null}'
        assert case.text("/app/doc") == wanted
        await client.push_secret(source(x="1"), entry("/new/item", "", "whole"))
        assert case.text("/new/item") == '{"dotted.name":"v","whole":"{\\"x\\":\\"1\\"}"}'


async def test_pushes_of_properties_do_not_undo_each_other(case: Case) -> None:
    async with case.lend() as client, asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(client.push_secret(source(k="v"), entry("/new/item", "k", f"p{number}")))
    assert case.text("/new/item") == '{"p0":"v","p1":"v","p2":"v","p3":"v","p4":"v"}'


@pytest.mark.parametrize("key", ["/app/db", "/app/empty"])
async def test_push_onto_what_is_no_object(case: Case, key: str) -> None:
    async with case.lend() as client:
        for property in ("", "p"):
            with pytest.raises(InvalidRequestError, match="JSON object") as caught:
                await client.push_secret(source(k="canary"), entry(key, "k", property))
            assert "canary" not in told(caught.value)
        with pytest.raises(InvalidRequestError, match="UTF-8"):
            await client.push_secret(source(k=b"\xff"), entry("/new", "k", "p"))
    assert case.stores.counted(LABEL, "UpdateSecretVal") == 0


async def test_exists(case: Case) -> None:
    async with case.lend() as client:
        for remote, wanted in (
            (PushRemoteRef("/app/db"), True),
            (PushRemoteRef("/app/none"), False),
            (PushRemoteRef("/app/none", "p"), False),
            (PushRemoteRef("/app/doc", "a"), True),
            (PushRemoteRef("/app/doc", "dot.ted"), True),
            (PushRemoteRef("/app/doc", "dot.only"), False),  # only at the top
        ):
            assert await client.secret_exists(remote) is wanted
        for key, error in (("/app/db", "JSON object"), ("/app/key", "invalid item type")):
            with pytest.raises(InvalidRequestError, match=error) as caught:
                await client.secret_exists(PushRemoteRef(key, "p"))
            assert "canary" not in told(caught.value)


async def test_delete(case: Case) -> None:
    case.akeyless.items["/mine"] = Entry("STATIC_SECRET", ['{"a":"1","b":"2"}'], ["x", TAG])
    async with case.lend() as client:
        await client.delete_secret(PushRemoteRef("/mine", "none"))
        assert case.text("/mine") == '{"a":"1","b":"2"}'
        await client.delete_secret(PushRemoteRef("/mine", "a"))
        assert case.text("/mine") == '{"b":"2"}'
        await client.delete_secret(PushRemoteRef("/mine", "b"))
        assert "/mine" not in case.akeyless.items
        with pytest.raises(InvalidRequestError, match="does not exist"):
            await client.delete_secret(PushRemoteRef("/mine"))
        case.akeyless.items["/mine"] = Entry("STATIC_SECRET", ["text"], [TAG])
        with pytest.raises(InvalidRequestError, match="JSON object"):
            await client.delete_secret(PushRemoteRef("/mine", "a"))
        await client.delete_secret(PushRemoteRef("/mine"))
        await client.delete_secret(PushRemoteRef("/app/db"))  # somebody else's
        await client.delete_secret(PushRemoteRef("/app/doc", "a"))
    assert case.akeyless.items == items()
    assert case.stores.counted(LABEL, "DeleteItem") == 2


# 5. Validation


async def test_validation_connects_and_does_not_sign_in(case: Case) -> None:
    assert AkeylessProvider.capabilities is Capabilities.READ_WRITE
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.akeyless.seen == []
    async with case.lend(akeylessGWApiURL="http://127.0.0.1:1/v2") as client:
        with pytest.raises(UnavailableError, match="cannot connect to the"):
            await client.validate()


# 6. Remote calls


@pytest.mark.parametrize(
    ("prefix", "url", "first"),
    [
        ("/v2", "", "POST /"),  # nobody knows commands there: /v2 is added to the host
        ("/v2", "/some/path/", "POST /some/path"),
        ("/v2", "/v2", "POST /v2/auth"),
        ("/v2", "/v2/", "POST /v2/auth"),
        ("", "", "POST /"),  # "unknown command": this is the API already
    ],
)
async def test_the_url_of_the_gateway(case: Case, prefix: str, url: str, first: str) -> None:
    case.akeyless.prefix = prefix
    async with case.lend(akeylessGWApiURL=case.akeyless.url + url) as client:
        assert await value(client, "/app/db") == "canary-password"
        assert await value(client, "/other/db") == "elsewhere"
    assert case.akeyless.seen[0] == first
    assert case.akeyless.seen.count(first) == 1
    assert case.akeyless.seen[-1] == f"POST {prefix}/get-secret-value"


async def test_an_outage_says_nothing_about_the_url(case: Case) -> None:
    async with case.lend(akeylessGWApiURL=case.akeyless.url) as client:
        case.akeyless.prefix, case.akeyless.fault = "", (503, {}, b"canary")
        with pytest.raises(UnavailableError):
            await value(client, "/app/db")
        case.akeyless.fault = None
        assert await value(client, "/other/db") == "elsewhere"


async def test_calls_are_counted(case: Case) -> None:
    async with case.lend() as client:
        for key in ("/app/db", "/app/rotated", "/app/cert", "/app/dynamic"):
            await value(client, key)
        await found(client, name_regexp="none")
    reads = ("GetSecretValue", "GetRotatedSecretValue", "GetCertificateValue", "GetDynamicSecretsValue")
    assert [case.stores.counted(LABEL, call) for call in (*reads, "Auth", "ListItems")] == [1] * 6
    assert case.stores.counted(LABEL, "DescribeItem") == 4


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, InvalidRequestError),
        (400, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
        (302, InvalidRequestError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend() as client:
        await value(client, "/app/db")
        case.akeyless.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b"canary-body")
        for call in (
            value(client, "/app/doc"),
            found(client, name_regexp="db"),
            client.delete_secret(PushRemoteRef("/x")),
        ):
            with pytest.raises(error) as caught:
                await call
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value) + caplog.text


async def test_malformed_answers(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "/app/db")
        for body in (b"canary", b'["canary"]', b'{"items": "canary"}', b'{"items": [{"canary": 1}]}'):
            case.akeyless.fault = (200, {}, body)
            for call in (found(client, name_regexp="db"), value(client, "/app/doc")):
                with pytest.raises(ProviderError) as caught:
                    await call
                assert "canary" not in told(caught.value)
    case.akeyless.fault = (200, {}, b'{"canary": 1}')
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="no token") as denied:
            await value(client, "/app/db")
    assert "canary" not in told(denied.value)


async def test_a_ca_bundle_must_hold_a_certificate(case: Case) -> None:
    async with case.lend(caBundle=certificate_pem().decode()) as client:
        assert await value(client, "/app/db") == "canary-password"
    with pytest.raises(EsoError):
        async with case.lend(caBundle="bm9uZQ=="):
            pass
