"""providers/onepassword.md, row by row, against a server that speaks the Connect API."""

from __future__ import annotations

import asyncio
import copy
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
from eso.providers.onepassword.provider import OnePasswordProvider
from eso.values import reveal_all
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.onepassword import Connect, identity
from tests.support.vendors.tokenserver import serving

TOKEN = {"name": "connect", "key": "token"}
LABEL = "1Password/Connect"


class Case:
    def __init__(self, connect: Connect, stores: ProviderBench) -> None:
        self.connect = connect
        self.stores = stores
        self.prod = connect.vault("prod")
        self.shared = connect.vault("shared")

    def spec(self, **more: Any) -> dict[str, Any]:
        auth = {"secretRef": {"connectTokenSecretRef": more.pop("token", TOKEN)}}
        return {"connectHost": self.connect.url, "vaults": {"shared": 2, "prod": 1}, "auth": auth, **more}

    def lend(self, *, cluster: bool = False, **more: Any) -> Any:
        return self.stores.lend(self.spec(**more), cluster=cluster)

    def paths(self, method: str) -> list[str]:
        return [line for line in self.connect.seen if line.startswith(method)]


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    connect = Connect()
    async with serving(connect), bench(OnePasswordProvider(pause=0.01)) as stores:
        await stores.secret("connect", token="canary-token", wrong="canary-wrong")
        yield Case(connect, stores)


async def found(client: Any, **ref: Any) -> dict[str, str]:
    return {key: text.decode() for key, text in reveal_all(await client.get_all_secrets(FindRef(**ref))).items()}


async def refused(client: Any, *ref: Any, **more: Any) -> EsoError:
    with pytest.raises(ProviderError) as caught:
        await value(client, *ref, **more)
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)
    return caught.value


# 1. Authentication


async def test_the_token_is_a_bearer_and_the_agent_is_named(case: Case) -> None:
    case.connect.item(case.prod, "db", ("password", "canary-pw"))
    async with case.lend() as client:
        assert await value(client, "db") == "canary-pw"
    assert case.connect.agents == {"external-secrets"}
    assert case.connect.seen[:2] == [
        "GET /v1/vaults?filter=title+eq+%22prod%22",
        f"GET /v1/vaults/{case.prod}/items?filter=title+eq+%22db%22",
    ]
    assert case.stores.counted(LABEL, "GetItem") == 1


async def test_a_wrong_or_missing_token(case: Case) -> None:
    async with case.lend(token={"name": "connect", "key": "wrong"}) as client:
        assert isinstance(await refused(client, "db"), AccessDeniedError)
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend(token={"name": "nowhere", "key": "token"}):
            pass


async def test_vaults_are_searched_in_the_order_of_their_numbers(case: Case) -> None:
    case.connect.item(case.prod, "db", ("password", "first"))
    case.connect.item(case.shared, "db", ("password", "second"))
    async with case.lend() as client:
        assert await value(client, "db") == "first"
    async with case.lend(vaults={"shared": 1, "prod": 2}) as client:
        assert await value(client, "db") == "second"


# 2. remoteRef


async def test_a_vault_by_id_is_fetched_directly(case: Case) -> None:
    case.connect.item(case.shared, "db", ("password", "second"))
    async with case.lend(vaults={case.shared: 1}) as client:
        assert await value(client, "db") == "second"
    assert case.connect.seen[0] == f"GET /v1/vaults/{case.shared}"


@pytest.mark.parametrize("name", ["nowhere", identity(9), "twice"])
async def test_a_vault_that_is_missing_or_ambiguous_says_nothing_about_secrets(case: Case, name: str) -> None:
    case.connect.vault("twice")
    case.connect.vault("twice")
    async with case.lend(vaults={name: 1}) as client:
        assert isinstance(await refused(client, "db"), InvalidRequestError)


async def test_version_is_refused_and_metadata_policy_is_ignored(case: Case) -> None:
    case.connect.item(case.prod, "db", ("password", "x"))
    async with case.lend() as client:
        assert "version" in str(await refused(client, "db", version="1"))
        with pytest.raises(InvalidRequestError, match="version"):
            await mapped(client, "db", version="1")
        assert await value(client, "db", metadata_policy="Fetch") == "x"


async def test_several_items_of_one_title_in_a_vault(case: Case) -> None:
    for _ in range(2):
        case.connect.item(case.prod, "db", ("password", "x"))
    async with case.lend() as client:
        assert "2 items" in str(await refused(client, "db"))


async def test_an_item_by_id_in_any_vault_or_by_a_title_that_looks_like_one(case: Case) -> None:
    first = case.connect.item(case.prod, "a", ("password", "first"))
    second = case.connect.item(case.shared, "b", ("password", "second"))
    case.connect.item(case.shared, identity(7), ("password", "third"))
    async with case.lend() as client:
        assert await value(client, first) == "first"
        assert await value(client, second) == "second"
        assert await value(client, identity(7)) == "third"


async def test_an_item_that_is_nowhere_is_a_plain_error(case: Case) -> None:
    async with case.lend() as client:
        assert "key not found" in str(await refused(client, "none"))
        assert "key not found" in str(await refused(client, identity(8)))


async def test_titles_with_quotes_stay_titles(case: Case) -> None:
    title = 'a" or title eq "db\\'
    case.connect.item(case.prod, title, ("password", "x"))
    async with case.lend() as client:
        assert await value(client, title) == "x"


@pytest.mark.parametrize(
    ("prop", "expected"),
    [("", "pw"), ("user", "ann"), ("field/user", "ann"), ("field/", "pw"), ("file/b.txt", "two"), ("file/", "one")],
)
async def test_property_of_an_item(case: Case, prop: str, expected: str) -> None:
    item = case.connect.item(case.prod, "db", ("password", "pw"), ("user", "ann"))
    case.connect.file(case.prod, item, "a.txt", b"one")
    case.connect.file(case.prod, item, "b.txt", b"two")
    async with case.lend() as client:
        assert await value(client, "db", prop) == expected


@pytest.mark.parametrize(
    ("prop", "expected"), [("", "one"), ("b.txt", "two"), ("file/b.txt", "two"), ("field/notes", "n")]
)
async def test_property_of_a_document(case: Case, prop: str, expected: str) -> None:
    item = case.connect.item(case.prod, "doc", ("notes", "n"), category="DOCUMENT")
    case.connect.file(case.prod, item, "a.txt", b"one")
    case.connect.file(case.prod, item, "b.txt", b"two")
    async with case.lend() as client:
        assert await value(client, "doc", prop) == expected


async def test_property_that_does_not_exist_or_is_there_twice(case: Case) -> None:
    case.connect.item(case.prod, "db", ("user", "canary"), ("user", "canary"))
    case.connect.item(case.prod, "doc", category="DOCUMENT")
    async with case.lend() as client:
        assert "no field labelled password" in str(await refused(client, "db"))
        assert "more than one" in str(await refused(client, "db", "user"))
        assert "no file" in str(await refused(client, "db", "file/x"))
        assert "no file" in str(await refused(client, "doc"))


async def test_bytes_of_a_file_are_kept_and_its_path_stays_on_the_server(case: Case) -> None:
    item = case.connect.item(case.prod, "doc", category="DOCUMENT")
    case.connect.file(case.prod, item, "a", b"\xff\0\r\n")
    async with case.lend() as client:
        from_file = await client.get_secret_map(RemoteRef("doc"))
        assert reveal_all(from_file) == {"a": b"\xff\0\r\n"}
    for path in ("https://evil.example/v1", "//evil/x", "/v1/vaults/a/items/b/files/../../../content", ""):
        case.connect.items[case.prod][item]["files"][0]["content_path"] = path
        async with case.lend() as client:
            assert "content_path" in str(await refused(client, "doc"))


# 3. dataFrom


async def test_extract_fields(case: Case) -> None:
    item = case.connect.item(case.prod, "db", ("password", "pw"), ("user", "ann"), ("empty", ""))
    case.connect.file(case.prod, item, "a.txt", b"one")
    async with case.lend() as client:
        assert await mapped(client, "db") == {"password": "pw", "user": "ann", "empty": ""}
        assert await mapped(client, "db", "user") == {"user": "ann"}
        assert await mapped(client, "db", "unknown") == {}
        assert await mapped(client, "db", "file/") == {"a.txt": "one"}


async def test_extract_files_of_a_document(case: Case) -> None:
    item = case.connect.item(case.prod, "doc", ("notes", "n"), category="DOCUMENT")
    case.connect.file(case.prod, item, "a.txt", b"one")
    case.connect.file(case.prod, item, "b.txt", b"two")
    async with case.lend() as client:
        assert await mapped(client, "doc") == {"a.txt": "one", "b.txt": "two"}
        assert await mapped(client, "doc", "b.txt") == {"b.txt": "two"}
        assert await mapped(client, "doc", "field/notes") == {"notes": "n"}


async def test_extract_with_a_label_that_is_there_twice(case: Case) -> None:
    case.connect.item(case.prod, "db", ("a", "canary"), ("a", "canary"), ("b", "x"))
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="more than one") as caught:
            await mapped(client, "db")
        assert "canary" not in told(caught.value)
        assert await mapped(client, "db", "b") == {"b": "x"}


async def filled(case: Case) -> None:
    one = case.connect.item(case.prod, "one", ("user", "first"), ("password", "pw"), tags=["a", "b"])
    case.connect.file(case.prod, one, "listed.txt", b"file", listed=True)
    case.connect.file(case.prod, one, "unlisted.txt", b"file")
    case.connect.item(case.prod, "two", ("port", "1"), tags=["a"])
    case.connect.item(case.shared, "one", ("user", "second"), ("extra", "e"), tags=["a", "b"])


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ({}, {"user": "first", "password": "pw", "listed.txt": "file", "port": "1", "extra": "e"}),
        ({"path": "one"}, {"user": "first", "password": "pw", "listed.txt": "file", "extra": "e"}),
        ({"name_regexp": "^(user|extra)$"}, {"user": "first", "extra": "e"}),
        ({"name_regexp": "txt$"}, {"listed.txt": "file"}),
        ({"path": "two", "name_regexp": "user"}, {}),
        ({"tags": {"a": "whatever"}}, {"user": "first", "password": "pw", "listed.txt": "file", "port": "1"}),
        ({"tags": {"a": "", "b": ""}, "path": "two"}, {"user": "first", "password": "pw", "listed.txt": "file"}),
        ({"tags": {"a": "", "b": ""}, "name_regexp": "user"}, {"user": "first"}),
        ({"tags": {"c": ""}}, {}),
    ],
)
async def test_find(case: Case, ref: dict[str, Any], expected: dict[str, str]) -> None:
    await filled(case)
    async with case.lend() as client:
        assert await found(client, **ref) == expected


async def test_find_with_a_label_that_is_there_twice_or_a_bad_pattern(case: Case) -> None:
    case.connect.item(case.prod, "db", ("a", "canary"), ("a", "canary"))
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="more than one"):
            await found(client)
        with pytest.raises(InvalidSpecError, match="regexp"):
            await found(client, name_regexp="(")


# 4. PushSecret


async def test_push_creates_an_item_and_waits_until_it_shows(case: Case) -> None:
    case.connect.hidden = 3
    async with case.lend() as client:
        await client.push_secret(source(k="<v>"), entry("new", "k"))
        made = case.connect.titled("new")
        assert made["category"] == "SERVER"
        assert made["vault"] == {"id": case.prod}
        assert made["fields"] == [{"label": "password", "value": "<v>", "type": "CONCEALED"}]
        assert case.connect.hidden == 0
        assert await value(client, "new") == "<v>"


def options(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1",
        "kind": "PushSecretMetadata",
        "spec": spec,
    }


async def test_push_with_tags_vault_and_label(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry("new", "k", "user", options(tags=["t"], vault="shared")))
    made = case.connect.titled("new")
    assert (made["vault"], made["tags"]) == ({"id": case.shared}, ["t"])
    assert made["fields"][0]["label"] == "user"


async def test_push_options_are_checked(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidSpecError, match="vault elsewhere is not one"):
            await client.push_secret(source(k="v"), entry("new", "k", "", options(vault="elsewhere")))
        with pytest.raises(InvalidSpecError, match="unknown field"):
            await client.push_secret(source(k="v"), entry("new", "k", "", options(other=1)))
        with pytest.raises(InvalidRequestError, match="key not found"):
            await client.push_secret(source(k="v"), entry("new"))
        with pytest.raises(InvalidRequestError, match="UTF-8"):
            await client.push_secret(source(k=b"\xff"), entry("new", "k"))
    assert case.connect.seen == []


async def test_push_sets_or_appends_a_field_and_keeps_the_rest(case: Case) -> None:
    item = case.connect.item(
        case.shared, "db", ("password", "old"), ("user", "ann"), tags=["a"], sections=[{"id": "s"}]
    )
    before = copy.deepcopy(case.connect.items[case.shared][item])
    case.connect.stale = 2
    async with case.lend() as client:
        await client.push_secret(source(k="new"), entry("db", "k"))
        after = case.connect.items[case.shared][item]
        assert after["fields"][0] == {**before["fields"][0], "value": "new"}
        assert {**after, "fields": 0} == {**before, "fields": 0}
        assert case.connect.stale == 0
        await client.push_secret(source(k="p"), entry("db", "k", "port", options(tags=["x", "y"])))
        after = case.connect.items[case.shared][item]
        assert after["fields"][2] == {"label": "port", "value": "p", "type": "CONCEALED"}
        assert after["tags"] == ["x", "y"]
        await client.push_secret(source(k="q"), entry(item, "k", "port"))
        assert case.connect.items[case.shared][item]["fields"][2]["value"] == "q"


async def test_push_of_what_is_there_writes_nothing(case: Case) -> None:
    case.connect.item(case.prod, "db", ("password", "v"))
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry("db", "k"))
    assert case.paths("PUT") == []


async def test_push_to_a_label_that_is_there_twice(case: Case) -> None:
    case.connect.item(case.prod, "db", ("a", "canary"), ("a", "canary"))
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="more than one") as caught:
            await client.push_secret(source(k="canary-v"), entry("db", "k", "a"))
    assert "canary" not in told(caught.value)
    assert case.paths("PUT") == []


async def test_push_that_never_shows(case: Case) -> None:
    case.connect.hidden = 99
    async with case.lend() as client:
        with pytest.raises(UnavailableError, match="does not show it yet") as caught:
            await client.push_secret(source(k="canary-v"), entry("new", "k"))
    assert "canary" not in told(caught.value)
    assert case.connect.hidden == 99 - 11


async def test_pushes_of_several_fields_at_once_make_one_item(case: Case) -> None:
    async with case.lend() as client:
        work = [client.push_secret(source(k=f"v{n}"), entry("new", "k", f"f{n}")) for n in range(4)]
        await asyncio.gather(*work)
    assert {each["label"]: each["value"] for each in case.connect.titled("new")["fields"]} == {
        f"f{n}": f"v{n}" for n in range(4)
    }


async def test_delete_removes_a_field_then_the_item(case: Case) -> None:
    item = case.connect.item(case.prod, "db", ("a", "1"), ("b", "2"), sections=[{"id": "", "label": ""}])
    async with case.lend() as client:
        await client.delete_secret(PushRemoteRef("db", "a"))
        left = case.connect.items[case.prod][item]
        assert [each["label"] for each in left["fields"]] == ["b"]
        assert left["sections"] == []
        await client.delete_secret(PushRemoteRef("db", "b"))
        assert case.connect.items[case.prod] == {}
        await client.delete_secret(PushRemoteRef("db", "b"))


@pytest.mark.parametrize(
    "more", [{"sections": [{"id": "s", "label": "S"}]}, {"files": [{"name": "f", "listed": False}]}]
)
async def test_delete_keeps_an_item_with_sections_or_files(case: Case, more: dict[str, Any]) -> None:
    item = case.connect.item(case.prod, "db", ("a", "1"), **more)
    async with case.lend() as client:
        await client.delete_secret(PushRemoteRef("db", "a"))
    assert case.connect.items[case.prod][item]["fields"] == []


async def test_delete_without_property_is_not_the_password(case: Case) -> None:
    item = case.connect.item(case.prod, "db", ("password", "x"))
    async with case.lend() as client:
        await client.delete_secret(PushRemoteRef("db"))
        await client.delete_secret(PushRemoteRef("db", "unknown"))
    assert len(case.connect.items[case.prod][item]["fields"]) == 1
    assert case.paths("PUT") == []


async def test_exists(case: Case) -> None:
    case.connect.item(case.shared, "db", ("a", "1"))
    async with case.lend() as client:
        assert await client.secret_exists(PushRemoteRef("db"))
        assert await client.secret_exists(PushRemoteRef("db", "a"))
        assert not await client.secret_exists(PushRemoteRef("db", "b"))
        assert not await client.secret_exists(PushRemoteRef("none"))


# 5. The store


async def test_validate_reads_every_vault(case: Case) -> None:
    assert OnePasswordProvider.capabilities is Capabilities.READ_WRITE
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
        assert len(case.connect.seen) == 2
        del case.connect.vaults[case.shared]
        with pytest.raises(InvalidRequestError, match="shared"):
            await client.validate()


@pytest.mark.parametrize(
    ("more", "cluster", "text"),
    [
        ({"token": {"name": "", "key": "k"}}, False, r"missing: .*connectTokenSecretRef\.name"),
        ({"token": {"name": "n", "key": ""}}, False, r"missing: .*connectTokenSecretRef\.key"),
        ({"token": {"name": "n"}}, False, r"missing: .*connectTokenSecretRef\.key"),
        ({}, True, "cluster scope requires namespace"),
        ({"token": {**TOKEN, "namespace": "other"}}, False, "namespace"),
        ({"vaults": {}}, False, "at least one vault"),
        ({"vaults": {"a": 1, "b": 1}}, False, "must be unique"),
        ({"connectHost": ":/invalid.invalid"}, False, "unable to parse URL"),
        ({"connectHost": "https://h:x/"}, False, "unable to parse URL"),
    ],
)
async def test_static_checks(case: Case, more: dict[str, Any], cluster: bool, text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check(case.spec(**more), cluster=cluster)
    assert case.stores.check(case.spec()) == []
    assert case.stores.check(case.spec(token={**TOKEN, "namespace": "app"}), cluster=True) == []


# 6. Remote calls


async def test_the_spurious_refusal_is_retried_and_no_other(case: Case) -> None:
    case.connect.item(case.prod, "db", ("password", "x"))
    case.connect.spurious = 2
    async with case.lend() as client:
        assert await value(client, "db") == "x"
    case.connect.spurious, case.connect.seen = 9, []
    async with case.lend() as client:
        assert isinstance(await refused(client, "db"), AccessDeniedError)
    assert len(case.connect.seen) == 3
    case.connect.spurious, case.connect.seen = 0, []
    case.connect.fault = (403, {}, b'{"status": 403, "message": "canary"}')
    async with case.lend() as client:
        assert isinstance(await refused(client, "db"), AccessDeniedError)
    assert len(case.connect.seen) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ((429, {"Retry-After": "3"}, b"canary"), ThrottledError),
        ((500, {}, b"canary"), UnavailableError),
        ((403, {}, b"canary"), AccessDeniedError),
        ((400, {}, b"canary"), InvalidRequestError),
        ((404, {}, b"canary"), InvalidRequestError),
        ((200, {}, b"canary"), ProviderError),
        ((200, {}, b'{"canary": 1}'), ProviderError),
        ((200, {}, b'["canary"]'), ProviderError),
        ((200, {}, b'[{"id": "../canary"}]'), ProviderError),
    ],
)
async def test_faults(case: Case, fault: Any, error: type[ProviderError], caplog: pytest.LogCaptureFixture) -> None:
    case.connect.fault = fault
    async with case.lend() as client:
        assert isinstance(await refused(client, "db"), error)
        with pytest.raises(error) as caught:
            await client.push_secret(source(k="canary-v"), entry("db", "k"))
        assert "canary" not in told(caught.value) + caplog.text


async def test_only_a_missing_item_is_missing(case: Case) -> None:
    """A vault that vanishes between two requests, or a file without content, deletes no Secret."""
    doc = case.connect.item(case.prod, "doc", category="DOCUMENT")
    case.connect.file(case.prod, doc, "a.txt", b"canary-a")
    case.connect.contents.clear()
    async with case.lend() as client:
        for call in (value(client, "doc"), mapped(client, "doc")):
            with pytest.raises(InvalidRequestError, match="404"):
                await call
    case.connect.listless = True
    async with case.lend() as client:
        for call in (
            value(client, "doc"),
            mapped(client, "doc"),
            found(client, name_regexp="."),
            client.push_secret(source(k="v"), entry("doc", "k")),
            client.delete_secret(PushRemoteRef("doc")),
            client.secret_exists(PushRemoteRef("doc")),
        ):
            with pytest.raises(InvalidRequestError, match="404"):
                await call


async def test_an_item_never_follows_a_redirect(case: Case) -> None:
    case.connect.item(case.prod, "old", ("password", "x"))
    elsewhere = Connect()
    async with serving(elsewhere), case.lend() as client:
        case.connect.moved = f"{elsewhere.url}/v1/canary"
        for title in ("new", "old"):
            with pytest.raises(InvalidRequestError, match="connectHost") as caught:
                await client.push_secret(source(k="canary-v"), entry(title, "k"))
            assert "canary" not in told(caught.value)
    assert elsewhere.seen == []
