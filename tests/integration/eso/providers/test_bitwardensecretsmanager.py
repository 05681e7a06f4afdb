"""providers/bitwarden.md, row by row, against a server that answers as bitwarden-sdk-server does."""

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
    ReferenceNotFoundError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, Maintenance, PushRemoteRef, ValidationResult
from eso.providers.bitwardensecretsmanager.provider import BitwardenSecretsManagerProvider
from eso.values import reveal_all
from tests.support.keypairs import key_pair
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.bitwardensecretsmanager import ORGANIZATION, OTHER, PROJECT, TOKEN, SdkServer, identity
from tests.support.vendors.tokenserver import serving

REF = {"name": "bitwarden", "key": "token"}
GONE = identity(999)


class Case:
    def __init__(self, server: SdkServer, stores: ProviderBench) -> None:
        self.server = server
        self.stores = stores

    def spec(self, **more: Any) -> dict[str, Any]:
        auth = {"secretRef": {"credentials": more.pop("ref", REF)}}
        url = {"bitwardenServerSDKURL": self.server.url}
        return {"auth": auth, "organizationID": ORGANIZATION, "projectID": PROJECT, **url, **more}

    def lend(self, *, cluster: bool = False, consumer: str = "app", **more: Any) -> Any:
        return self.stores.lend(self.spec(**more), cluster=cluster, consumer=consumer)

    def sent(self, method: str) -> list[str]:
        return [each for each in self.server.seen if each.startswith(method)]


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    server = SdkServer()
    async with serving(server), bench(BitwardenSecretsManagerProvider()) as stores:
        await stores.secret("bitwarden", token=TOKEN, wrong="canary-wrong", broken=f"{TOKEN}\n")
        yield Case(server, stores)


# 1. Authentication


async def test_every_request_carries_the_token_and_the_clouds(case: Case) -> None:
    one = case.server.add("db", "canary-value")
    clouds = {"apiURL": "https://api.example.com/", "identityURL": "https://id.example.com"}
    async with case.lend(**clouds, bitwardenServerSDKURL=f"{case.server.url}/") as client:
        assert await value(client, one) == "canary-value"
        assert await value(client, "db") == "canary-value"
    assert set(case.server.clouds) == {("https://api.example.com", "https://id.example.com")}
    assert case.server.seen[0] == "GET /rest/api/1/secret"
    assert case.server.bodies[:2] == [{"id": one}, {"organizationID": ORGANIZATION}]


async def test_without_clouds_and_without_ca(case: Case) -> None:
    one = case.server.add("db", "v")
    async with case.lend() as client:
        assert await value(client, one) == "v"
    assert case.server.clouds == [("", "")]


@pytest.mark.parametrize(
    ("ref", "error"),
    [
        ({"name": "bitwarden", "key": "broken"}, InvalidSpecError),
        ({"name": "none", "key": "token"}, ReferenceNotFoundError),
        ({"name": "bitwarden", "key": "none"}, ReferenceNotFoundError),
    ],
)
async def test_tokens_that_cannot_be_used(case: Case, ref: dict[str, str], error: type[EsoError]) -> None:
    with pytest.raises(error) as caught:
        async with case.lend(ref=ref):
            pass
    assert "canary" not in told(caught.value)


async def test_a_wrong_token(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend(ref={"name": "bitwarden", "key": "wrong"}) as client:
        assert await client.validate() is ValidationResult.READY
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, identity(1))
    assert "canary" not in told(caught.value) + caplog.text


async def test_references_of_cluster_stores(case: Case) -> None:
    case.server.add("db", "v")
    async with case.lend(cluster=True, consumer="other", ref={**REF, "namespace": "app"}) as client:
        assert await value(client, "db") == "v"
    with pytest.raises(InvalidSpecError, match="namespace"):  # there is no stub while it is validated
        async with case.lend(cluster=True, consumer=""):
            pass


# 2. remoteRef


async def test_by_id_whatever_the_project(case: Case) -> None:
    one = case.server.add("db", "canary-value", project=OTHER)
    async with case.lend() as client:
        for key in (one, one.upper()):
            case.server.secrets[key] = case.server.secrets[one]
            assert await value(client, key, "no-property", version="7") == "canary-value"
    assert case.stores.counted("Bitwarden/SecretsManager", "GetSecret") == 2
    assert case.sent("GET /rest/api/1/secrets") == []


async def test_by_name_in_the_project(case: Case) -> None:
    case.server.add("db", "elsewhere", project=OTHER)
    case.server.add("db", "nowhere", project=None)
    case.server.add("db", "here")
    case.server.add("db2", "not the name")
    async with case.lend() as client:
        assert await value(client, "db") == "here"
    assert case.stores.counted("Bitwarden/SecretsManager", "ListSecrets") == 1


async def test_a_name_that_several_have(case: Case) -> None:
    case.server.add("db", "canary-one")
    case.server.add("db", "canary-two", note="other")
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match=f"more than one secret found for project {PROJECT} with key db"):
            await value(client, "db")


@pytest.mark.parametrize("key", ["none", GONE, "11111111-2222"])
async def test_what_is_not_there_is_never_no_secret(case: Case, key: str) -> None:
    case.server.add("none", "v", project=OTHER)
    async with case.lend() as client:
        for call in (value(client, key), mapped(client, key)):
            with pytest.raises(InvalidRequestError) as caught:
                await call
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)


# 3. extract and find


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("a: yes\nb: 1\nc: 1.5\nd: true\ne:\n", {"a": "yes", "b": "1", "c": "1.5", "d": "true", "e": "<nil>"}),
        ("l: [a, b]\nm: [1, {x: y}]", {"l": "[a b]", "m": "[1 map[x:y]]"}),
        ("n:\n  x: 1\n  y: [a]\n", {"n": 'x: 1\n"y":\n    - a'}),
        ("n: {deep: {k: v}}\nt: |\n  two\n  lines\n", {"n": "deep:\n    k: v", "t": "two\nlines\n"}),
        ('{"a":"x","n":{"k":1},"t":false,"l":["a","b"]}', {"a": "x", "n": "k: 1", "t": "false", "l": "[a b]"}),
        (
            'n: {f: 1.5, i: -.inf, t: 2026-01-02T03:04:05.5Z, z: ~, b: false, q: "off", e: [], s: "1", m: {1: x}}',
            {
                "n": 'b: false\ne: []\nf: 1.5\ni: -.inf\nm:\n    1: x\nq: "off"\ns: "1"\nt: 2026-01-02T03:04:05.5Z\nz: null'
            },
        ),
        ("day: 2026-01-02\n1: one\nbig: 10000000000", {"day": "2026-01-02 00:00:00 +0000 UTC", "1": "one"}),
        ("b: !!binary aGk=\nu: &u {x: 1}\nv: {<<: *u, w: 2}", {"b": "hi", "u": "x: 1", "v": "w: 2\nx: 1"}),
        # not YAML, but JSON: keys that come twice, tabs
        ('{"a":"x","a":"y","n":{"k": 1}}', {"a": "y", "n": '{"k": 1}'}),
        ("", {}),
    ],
)
async def test_extract(case: Case, content: str, wanted: dict[str, str]) -> None:
    case.server.add("doc", content)
    async with case.lend() as client:
        found = await mapped(client, "doc", "no-property")
    assert {key: found[key] for key in wanted} == wanted
    assert found.keys() - wanted.keys() <= {"big"}


@pytest.mark.parametrize("content", ["canary", "[canary]", "canary: [", "7", "&a {x: *a}"])
async def test_extract_of_something_else(case: Case, content: str) -> None:
    case.server.add("doc", content)
    async with case.lend() as client:
        with pytest.raises(ProviderError) as caught:
            await mapped(client, "doc")
    assert "canary" not in told(caught.value)


async def test_a_document_of_aliases_ends(case: Case) -> None:
    levels = "\n".join(f"l{at}: &l{at} [{', '.join([f'*l{at - 1}'] * 9)}]" for at in range(1, 9))
    case.server.add("bomb", f"l0: &l0 [x]\n{levels}\n")
    async with case.lend() as client:
        with pytest.raises(ProviderError):
            await mapped(client, "bomb")


async def test_find_gives_everything_whatever_it_asks_for(case: Case) -> None:
    ids = [case.server.add("a", "1"), case.server.add("b", "2", project=OTHER), case.server.add("c", "3", project=None)]
    async with case.lend() as client:
        for ref in (FindRef(name_regexp="^a$"), FindRef(path="x", tags={"t": "v"})):
            found = reveal_all(await client.get_all_secrets(ref))
            assert found == dict(zip(ids, (b"1", b"2", b"3"), strict=True))


# 4. PushSecret


async def test_push_creates_in_the_project(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(
            source(k="canary-value"), entry("db", "k", "no-property", {"note": "from the cluster"})
        )
        assert await value(client, "db") == "canary-value"
    assert case.server.bodies[1] == {
        "key": "db",
        "note": "from the cluster",
        "organizationId": ORGANIZATION,
        "projectIds": [PROJECT],
        "value": "canary-value",
    }


async def test_push_of_a_whole_secret(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(b="<2>", a="1"), entry("all"))
        assert await value(client, "all") == '{"a":"1","b":"<2>"}'


@pytest.mark.parametrize("metadata", [{"note": "n"}, {"apiVersion": "x", "spec": {"note": "n"}}])
async def test_notes_are_looked_for_anywhere(case: Case, metadata: Any) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry("db", "k", metadata=metadata))
    assert [each["note"] for each in case.server.secrets.values()] == ["n"]


async def test_push_of_the_same_again_writes_nothing(case: Case) -> None:
    case.server.add("db", "v", note="n")
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry("db", "k", metadata={"note": "n"}))
    assert case.sent("P") == []


async def test_push_updates_the_one_with_this_note_and_project(case: Case) -> None:
    case.server.add("db", "old", note="n", project=OTHER)
    case.server.add("db", "old")
    one = case.server.add("db", "old", note="n")
    async with case.lend() as client:
        await client.push_secret(source(k="new"), entry("db", "k", metadata={"note": "n"}))
    assert [each["value"] for each in case.server.secrets.values()] == ["old", "old", "new"]
    assert case.server.bodies[-1]["id"] == one
    assert case.sent("P") == ["PUT /rest/api/1/secret"]


async def test_push_beside_one_with_another_note(case: Case) -> None:
    case.server.add("db", "v", note="by hand")
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry("db", "k"))
    assert [each["note"] for each in case.server.secrets.values()] == ["by hand", ""]


async def test_pushes_at_once_make_one_secret(case: Case) -> None:
    async with case.lend() as client:
        await asyncio.gather(*(client.push_secret(source(k="v"), entry("db", "k")) for _ in range(4)))
    assert case.sent("P") == ["POST /rest/api/1/secret"]


@pytest.mark.parametrize(
    ("data", "remote", "key", "metadata", "text"),
    [
        ({"k": "v"}, "", "k", None, "remote key must be defined"),
        ({"k": "v"}, "db", "none", None, "none"),
        ({"k": b"\xff"}, "db", "k", None, "UTF-8"),
        ({"k": "v"}, "db", "k", "text", "failed to parse JSON raw data"),
    ],
)
async def test_pushes_that_are_refused(
    case: Case, data: dict[str, Any], remote: str, key: str, metadata: Any, text: str
) -> None:
    async with case.lend() as client:
        with pytest.raises(EsoError, match=text):
            await client.push_secret(source(**data), entry(remote, key, metadata=metadata))
    assert case.server.secrets == {}


async def test_exists(case: Case) -> None:
    one = case.server.add("db", "v")
    case.server.add("elsewhere", "v", project=OTHER)
    async with case.lend() as client:
        assert await client.secret_exists(PushRemoteRef(one, "no-property"))
        assert await client.secret_exists(PushRemoteRef("db"))
        assert not await client.secret_exists(PushRemoteRef("elsewhere"))
        assert not await client.secret_exists(PushRemoteRef("none"))
        with pytest.raises(InvalidRequestError):  # an id that cannot be fetched
            await client.secret_exists(PushRemoteRef(GONE))


async def test_delete(case: Case) -> None:
    ids = [case.server.add("a", "v"), case.server.add("b", "v"), case.server.add("a", "v", project=OTHER)]
    async with case.lend() as client:
        await client.delete_secret(PushRemoteRef("a"))
        assert case.server.bodies[-1] == {"ids": [ids[0]]}
        await client.delete_secret(PushRemoteRef(ids[1]))
        assert list(case.server.secrets) == [ids[2]]
        for remote in ("a", GONE):
            with pytest.raises(ProviderError) as caught:
                await client.delete_secret(PushRemoteRef(remote))
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)


async def test_what_bitwarden_could_not_delete(case: Case) -> None:
    one = case.server.add("db", "v")
    case.server.locked.add(one)
    async with case.lend() as client:
        with pytest.raises(ProviderError, match=f"one or more errors deleting secrets: {one}") as caught:
            await client.delete_secret(PushRemoteRef("db"))
    assert "canary" not in told(caught.value)


# 5. Capabilities and validation


async def test_static_checks(case: Case) -> None:
    assert BitwardenSecretsManagerProvider.capabilities is Capabilities.READ_WRITE
    assert BitwardenSecretsManagerProvider.maintenance is Maintenance.MAINTAINED
    with pytest.raises(InvalidSpecError, match="bitwardenServerSDKURL not configured"):
        case.stores.check(case.spec(bitwardenServerSDKURL=None))
    (warning,) = case.stores.check(case.spec())
    assert "Neither CA nor CA bundle is configured" in warning
    certificate = key_pair()[0].decode()
    assert case.stores.check(case.spec(caBundle=certificate)) == []
    provided = {"type": "Secret", "name": "ca", "key": "ca.crt"}
    assert case.stores.check(case.spec(caProvider=provided, ref={**REF, "namespace": "x"}), cluster=True) == []


async def test_validation_asks_nobody(case: Case) -> None:
    case.server.fault = (500, {}, b"")
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.server.seen == []


async def test_a_ca_that_is_none(case: Case) -> None:
    with pytest.raises(InvalidSpecError):
        async with case.lend(caBundle="canary"):
            pass


# 6. Remote calls


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (201, InvalidRequestError),
        (302, InvalidRequestError),
        (400, InvalidRequestError),
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    case.server.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b"canary-body")
    async with case.lend() as client:
        for call in (
            value(client, identity(1)),
            client.get_all_secrets(FindRef()),
            client.push_secret(source(k="canary-value"), entry("db", "k")),
            client.delete_secret(PushRemoteRef(identity(1))),
        ):
            with pytest.raises(error) as caught:
                await call
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("key", "body"),
    [
        *((identity(1), body) for body in (b"canary", b'["canary"]', b'{"value":"canary"}', b'{"data":"canary"}')),
        (identity(1), b'{"id":"x","value":{"canary":1}}'),
        *(("db", body) for body in (b'{"data":"canary"}', b'{"data":["canary"]}', b'{"data":[{"key":"canary"}]}')),
    ],
)
async def test_malformed_answers(case: Case, key: str, body: bytes) -> None:
    case.server.fault = (200, {}, body)
    async with case.lend() as client:
        with pytest.raises(ProviderError) as caught:
            await value(client, key)
        assert "canary" not in told(caught.value)
