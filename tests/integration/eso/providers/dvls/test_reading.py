"""Signing in and reading: providers/dvls.md sections 1 to 3, against a server that speaks the API of Devolutions Server."""

from __future__ import annotations

import asyncio
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
)
from eso.providers.base import FindRef, PushRemoteRef, ValidationResult
from tests.integration.eso.providers.dvls.conftest import APP_REF, LOGGED, LOGIN, SECRET_REF, Case, auth
from tests.support.providerbench import mapped, told, value
from tests.support.vendors.dvls import VAULT, DevolutionsServer, identity

# 1. Authentication


async def test_signing_in_when_the_client_is_made(case: Case) -> None:
    one = case.server.add("db", password="canary-password")
    async with case.lend() as client:
        assert case.server.seen == [LOGIN]
        assert await value(client, one) == "canary-password"
        assert await client.validate() is ValidationResult.READY
    place = f"GET /api/v1/vault/{VAULT}/entry/{one}"
    assert case.server.seen == [LOGIN, LOGGED, place]
    for call in ("Login", "IsLogged", "GetEntry"):
        assert case.stores.counted("Devolutions/Server", call) == 1


async def test_each_request_asks_whether_the_session_lasts(case: Case) -> None:
    ids = [case.server.add(str(at), password=f"canary-{at}") for at in range(3)]
    async with case.lend() as client:
        await value(client, ids[0])
        case.server.tokens.clear()
        assert await value(client, ids[1]) == "canary-1"
        assert case.server.seen[-4:-1] == [f"GET /api/v1/vault/{VAULT}/entry/{ids[0]}", LOGGED, LOGIN]
        await value(client, ids[2])
    assert case.server.logins == 2


async def test_requests_that_run_together_share_a_look(case: Case) -> None:
    ids = [case.server.add(str(at), password="v") for at in range(8)]
    async with case.lend() as client:
        case.server.tokens.clear()
        await asyncio.gather(*(value(client, one) for one in ids))
    assert case.server.logins == 2
    assert case.server.seen.count(LOGGED) == 1


async def test_a_session_that_ends_between_the_look_and_the_request(case: Case) -> None:
    one = case.server.add("db", password="v")
    async with case.lend() as client:
        case.server.tokens.clear()
        case.server.handle = still_logged(case.server)  # type: ignore[method-assign]
        assert await value(client, one) == "v"
    assert case.server.logins == 2


def still_logged(server: DevolutionsServer) -> Any:
    """The server's handler, but it always says that a session lasts."""
    honest = server.handle

    async def handle(request: Any) -> Any:
        if request.path.endswith("is-logged"):
            server.tokens.add("canary")
            request = request.clone(headers={"tokenId": "canary"})
        return await honest(request)

    return handle


@pytest.mark.parametrize(
    ("ref", "error"),
    [
        ({"name": "dvls", "key": "wrong"}, AccessDeniedError),
        ({"name": "dvls", "key": "none"}, ReferenceNotFoundError),
        ({"name": "none", "key": "secret"}, ReferenceNotFoundError),
    ],
)
@pytest.mark.parametrize("field", ["appId", "appSecret"])
async def test_credentials_that_do_not_work(
    case: Case, field: str, ref: dict[str, str], error: type[EsoError], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(error) as caught:
        async with case.lend(auth=auth(**{field: ref})):
            pass
    assert "canary" not in told(caught.value) + caplog.text


async def test_cluster_stores(case: Case) -> None:
    one = case.server.add("db", password="v")
    named = auth(appId={**APP_REF, "namespace": "app"}, appSecret={**SECRET_REF, "namespace": "app"})
    async with case.lend(cluster=True, consumer="other", auth=named) as client:
        assert await value(client, one) == "v"
    with pytest.raises(InvalidSpecError, match="namespace"):  # there is no stub while it is validated
        async with case.lend(cluster=True, consumer=""):
            pass


@pytest.mark.parametrize("body", [b"canary", b'["canary"]', b'{"tokenId": 7}', b'{"tokenId":"canary\\n"}', b"{}"])
async def test_an_answer_that_is_no_token(case: Case, body: bytes) -> None:
    case.server.fault = (200, {}, body)
    with pytest.raises(ProviderError, match="answer") as caught:
        async with case.lend():
            pass
    assert "canary" not in told(caught.value)


# 2. remoteRef


async def test_vaults_by_name(case: Case) -> None:
    case.server.vaults = {identity(at): f"vault {at}" for at in range(90, 95)} | {VAULT: "Operations"}
    one = case.server.add("db", password="v")
    async with case.lend("Operations") as client:
        listed = case.sent("GET")
        assert await value(client, one) == "v"
        assert await value(client, "db") == "v"
    assert listed == [f"GET /api/v1/vault?page={page}" for page in (1, 2, 3)]
    assert len([each for each in case.sent("GET") if "vault?" in each]) == 3  # once, when the client was made
    assert case.stores.counted("Devolutions/Server", "GetVaults") == 3


@pytest.mark.parametrize(("names", "text"), [(["Other"], "none"), (["Ops", "Ops"], "2"), (["ops"], "none")])
async def test_vaults_that_are_not_one(case: Case, names: list[str], text: str) -> None:
    case.server.vaults = {identity(at): name for at, name in enumerate(names)}
    with pytest.raises(InvalidRequestError, match=f"vault Ops.*{text}"):
        async with case.lend("Ops"):
            pass


async def test_by_id(case: Case) -> None:
    one = case.server.add("db", password="canary-password", path="a\\b")
    async with case.lend() as client:
        assert await value(client, one, version="7", metadata_policy="Fetch") == "canary-password"
    assert len(case.sent("GET")) == 1


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("lonely", "0"),
        ("prod/db/main", "1"),
        ("prod\\db\\main", "1"),
        ("prod\\db/main", "1"),
        ("/prod/db/main", "1"),
        ("stage/main", "2"),
        ("stage/db/main", "2"),  # the same, from its own folder
        ("prod/with space&?", "4"),
    ],
)
async def test_by_name_and_folder(case: Case, key: str, wanted: str) -> None:
    case.server.add("lonely", password="0", path="far\\away")
    case.server.add("main", password="1", path="prod\\db")
    case.server.add("main", password="2", path="stage\\db")
    case.server.add("main 2", password="3", path="prod\\db")
    case.server.add("with space&?", password="4", path="prod")
    case.server.add("main", "Folder", password="5", path="prod\\db", type="Folder")
    case.server.add("main", password="6", path="old-prod\\db")
    case.server.add("main", password="7", path="stages")
    case.server.add("main", password="8", path="prod\\dbs")
    async with case.lend() as client:
        assert await value(client, key) == wanted


async def test_a_name_is_looked_for_once(case: Case) -> None:
    one = case.server.add("db", password="v", path="prod")
    async with case.lend() as client:
        for name in ("password", "entry-id", "entry-name"):
            await value(client, "prod/db", name)
        await mapped(client, "prod/db")
    assert [each for each in case.sent("GET") if "?" in each] == [
        f"GET /api/v1/vault/{VAULT}/entry?name=db&path=prod&page=1"
    ]
    assert one in case.sent("GET")[-1]
    assert case.stores.counted("Devolutions/Server", "GetEntries") == 1


async def test_a_name_that_was_given_to_another_entry(case: Case) -> None:
    one = case.server.add("db", password="old")
    async with case.lend() as client:
        assert await client.secret_exists(PushRemoteRef("db"))
        del case.server.entries[VAULT][one]
        case.server.add("db", password="new")
        assert await value(client, "db") == "new"


async def test_a_name_that_several_have(case: Case) -> None:
    ids = [case.server.add("db", password="v", path=path) for path in ("a", "a\\b", "a\\b\\c")]
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError) as caught:
            await value(client, "a/db")
        assert all(one in str(caught.value) for one in ids)
        with pytest.raises(InvalidRequestError):
            await client.secret_exists(PushRemoteRef("a/db"))
        assert await value(client, "a/b/c/db") == "v"


@pytest.mark.parametrize("key", [identity(99), "none", "prod/absent", "db"])
async def test_what_is_not_there(case: Case, key: str) -> None:
    case.server.add("db", "Folder", type="Folder")
    case.server.add("absent", password="v", path="product")
    async with case.lend() as client:
        for call in (value(client, key), mapped(client, key)):
            with pytest.raises(NoSecretError) as caught:
                await call
            assert "canary" not in told(caught.value)


@pytest.mark.parametrize("key", ["", "prod/", "\\"])
async def test_keys_without_a_name(case: Case, key: str) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidSpecError, match="name of an entry"):
            await value(client, key)


async def test_keys_that_name_their_vault(case: Case) -> None:
    one = case.server.add("db", password="v")
    async with case.lend(None) as client:
        assert await value(client, f"{VAULT}/{one}") == "v"
        assert await value(client, f" {VAULT} / {one} ") == "v"
        assert set(case.sent("GET")) == {f"GET /api/v1/vault/{VAULT}/entry/{one}"}
        for missing in (f"{VAULT}/{identity(99)}", f"{identity(98)}/{one}"):
            with pytest.raises(NoSecretError):
                await value(client, missing)
        for key, text in (
            (one, "expected"),
            (f"/{one}", "vault ID"),
            (f"{VAULT}/", "entry ID"),
            ("", "expected"),
            (f"{VAULT}/..", "name an entry"),
        ):
            with pytest.raises(InvalidSpecError, match=text):
                await value(client, key)


async def test_a_vault_that_is_gone_deletes_nothing(case: Case) -> None:
    async with case.lend(identity(98)) as client:
        with pytest.raises(InvalidRequestError) as caught:
            await value(client, "db")
        assert not isinstance(caught.value, NoSecretError)


KEY = {
    "privateKeyOverrideUsername": "ann",
    "privateKeyOverridePassword": "canary-1",
    "privateKeyData": "canary-2",
    "publicKeyData": "canary-3",
    "privateKeyPassPhrase": "canary-4",
}


@pytest.mark.parametrize(
    ("kind", "data", "wanted"),
    [
        (
            "Default",
            {"username": "ann", "password": "canary", "domain": "corp", "extra": "x"},
            {"username": "ann", "password": "canary", "domain": "corp"},
        ),
        ("Default", {"username": "ann", "password": "", "domain": None}, {"username": "ann"}),
        ("AccessCode", {"password": "canary", "username": "x"}, {"password": "canary"}),
        ("ApiKey", {"apiId": "1", "apiKey": "2", "tenantId": "3"}, {"api-id": "1", "api-key": "2", "tenant-id": "3"}),
        (
            "AzureServicePrincipal",
            {"clientId": "1", "clientSecret": "2", "tenantId": "3"},
            {"client-id": "1", "client-secret": "2", "tenant-id": "3"},
        ),
        ("ConnectionString", {"connectionString": "canary"}, {"connection-string": "canary"}),
        (
            "PrivateKey",
            KEY,
            {
                "username": "ann",
                "password": "canary-1",
                "private-key": "canary-2",
                "public-key": "canary-3",
                "passphrase": "canary-4",
            },
        ),
    ],
)
async def test_fields(case: Case, kind: str, data: dict[str, Any], wanted: dict[str, str]) -> None:
    one = case.server.add("db", kind, **data)
    everything = {"entry-id": one, "entry-name": "db", **wanted}
    async with case.lend() as client:
        assert await mapped(client, one, "no-property") == everything
        for name, text in everything.items():
            assert await value(client, one, name) == text
        absent = "password" if "password" not in wanted else "Password"
        with pytest.raises(InvalidRequestError, match=f'property "{absent}" not found in entry') as caught:
            await value(client, one, "" if absent == "password" else absent)
        assert not isinstance(caught.value, NoSecretError)
        assert "canary" not in told(caught.value)


@pytest.mark.parametrize(("type_", "kind"), [("Credential", "OneTimePassword"), ("Server", "Default"), ("Folder", "")])
async def test_other_types(case: Case, type_: str, kind: str) -> None:
    one = case.server.add("db", kind, type=type_, password="canary")
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match=f"{type_}/{kind}"):
            await value(client, one)
        if type_ == "Credential":  # found by its name it is there, too
            with pytest.raises(InvalidRequestError, match="not supported"):
                await value(client, "db")


# 3. find


async def test_find_is_refused(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="not supported"):
            await client.get_all_secrets(FindRef(name_regexp=".*"))
