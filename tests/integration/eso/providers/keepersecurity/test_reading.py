"""providers/keepersecurity.md, authentication and reading, against a server that speaks Keeper's encrypted protocol."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ReferenceNotFoundError,
)
from eso.providers.base import FindRef, RemoteRef
from eso.providers.keepersecurity.protocol import Device
from eso.values import SecretValue, reveal_all
from tests.integration.eso.providers.keepersecurity.conftest import DB, FIELDS, HIDDEN, PLAIN, REF, Case, pushed
from tests.support.providerbench import mapped, told, value
from tests.support.vendors.keepersecurity import Keeper, point, safe

# 1. Authentication


async def test_configuration_in_base64_and_plain(case: Case) -> None:
    await case.stores.secret("plain", config=base64.b64decode(case.keeper.config()).decode())
    for name in ("keeper", "plain"):
        async with case.lend(authRef={**REF, "name": name}) as client:
            assert await value(client, "plain", "password") == "canary-plain"
    assert set(case.keeper.seen) == {"POST /api/rest/sm/v1/get_secret"}
    assert case.keeper.asked == [("get_secret", {"requestedRecords": ["plain"]})] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"appKey": None, "clientKey": "canary"}, "holds a one-time token that was not redeemed"),
        ({"clientId": None}, "has no clientId"),
        ({"privateKey": None}, "has no privateKey"),
        ({"appKey": None}, "has no appKey"),
        ({"appKey": "canary!"}, "has a appKey that is not base64"),
        ({"appKey": "canary"}, "has a appKey that is not a key"),
        ({"privateKey": "canary"}, "has a privateKey that is not a key"),
        ({"hostname": "https://canary@host/"}, "has a hostname that is not one"),
        ({"serverPublicKey": "canary"}, "has a serverPublicKey that is not a key"),
    ],
)
async def test_configuration_that_cannot_work(case: Case, change: dict[str, Any], message: str) -> None:
    await case.stores.secret("other", config=case.keeper.config(**change))
    with pytest.raises(InvalidSpecError, match=message) as caught:
        async with case.lend(authRef={**REF, "name": "other"}) as client:
            await value(client, "db")
    assert "canary" not in told(caught.value)
    assert case.keeper.asked == []


async def test_configuration_that_is_none(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match="not a JSON object, nor the base64 of one") as caught:
        async with case.lend(authRef={**REF, "key": "wrong"}):
            pass
    assert "canary" not in told(caught.value)
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend(authRef={**REF, "key": "none"}):
            pass


@pytest.mark.parametrize(
    ("hostname", "host"),
    [
        (None, "keepersecurity.com"),
        ("EU", "keepersecurity.eu"),
        ("keepersecurity.jp", "keepersecurity.jp"),
        ("https://keeper.example.com:8443/api", "keeper.example.com:8443"),
    ],
)
def test_host(hostname: str | None, host: str) -> None:
    assert Device.parse(SecretValue(Keeper().config(hostname=hostname))).host == host


async def test_device_that_is_unknown_to_the_server(case: Case) -> None:
    await case.stores.secret("other", config=Keeper().config())
    with pytest.raises(AccessDeniedError, match="credentials") as caught:
        async with case.lend(authRef={**REF, "name": "other"}) as client:
            await value(client, "db")
    assert "canary" not in told(caught.value)
    assert case.counted("GetSecrets", "error") == 1


async def test_server_key_of_its_own(case: Case) -> None:
    own = ec.generate_private_key(ec.SECP256R1())
    case.keeper.keys["99"] = own
    await case.stores.secret("own", config=case.keeper.config(serverPublicKey=safe(point(own)), serverPublicKeyId="99"))
    async with case.lend(authRef={**REF, "name": "own"}) as client:
        assert await value(client, "plain", "password") == "canary-plain"


# 2. remoteRef


@pytest.mark.parametrize("name", FIELDS)
async def test_property(case: Case, name: str) -> None:
    async with case.lend() as client:
        assert await value(client, "db", name, version="7", metadata_policy="Fetch") == FIELDS[name]
    assert case.counted("GetSecrets") == 1
    assert not [path for path in case.keeper.seen if "/files/" in path]


async def test_property_is_a_file(case: Case) -> None:
    async with case.lend() as client:
        found = await client.get_secret(RemoteRef("db", "ca.pem"))
        assert found.reveal() == b"canary-\xff\x00"
        assert await value(client, "db", "empty") == ""
    assert "GET /files/db/ca.pem" in case.keeper.seen


@pytest.mark.parametrize("name", ["fileRef", "oneTimeCode", "none", "pinCode", "text", "nowhere"])
async def test_property_that_is_not_there(case: Case, name: str) -> None:
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="no field and no file called") as caught:
            await value(client, "db", name)
    assert not isinstance(caught.value, NoSecretError)


async def test_whole_record(case: Case) -> None:
    async with case.lend() as client:
        found = await value(client, "db")
    assert found.startswith('{"title":"DB","type":"login","fields":[{"type":"login","value":["ann"]},')
    assert '{"type":"password","value":["canary-\\u003cpassword\\u003e"]}' in found
    assert '{"type":"text","label":"note","value":["one","two"]}' in found
    assert '{"type":"host","value":[{"hostName":"db","port":"5432"}]}' in found
    custom = (
        '"custom":[{"type":"secret","label":"url","value":["https://db"]},{"type":"secret","label":"none","value":[]}]'
    )
    assert f'{custom},"files":[' in found
    assert json.loads(found)["files"] == [
        {"type": "ca.pem", "content": "canary-\ufffd\x00"},
        {"type": "empty", "content": ""},
    ]


async def test_whole_record_without_anything(case: Case) -> None:
    case.keeper.records["bare"] = {"title": "Bare"}
    async with case.lend() as client:
        assert await value(client, "bare") == '{"title":"Bare","type":"","fields":null,"custom":null,"files":null}'


@pytest.mark.parametrize("fallback", [None, False])
async def test_record_that_is_not_there(case: Case, fallback: bool | None) -> None:
    async with case.lend(getByTitleFallback=fallback) as client:
        for key in ("nowhere", "DB"):
            with pytest.raises(InvalidRequestError, match="no secrets found"):
                await value(client, key)
    assert case.counted("GetSecretsByTitle") == 0


async def test_title_in_place_of_a_uid(case: Case) -> None:
    case.keeper.records["twin"] = PLAIN
    async with case.lend(getByTitleFallback=True) as client:
        assert await value(client, "DB", "login") == "ann"
        with pytest.raises(InvalidRequestError, match="2 records of Keeper are called Plain"):
            await value(client, "Plain")
        with pytest.raises(InvalidRequestError, match="no secrets found: no record with the UID or title nowhere"):
            await value(client, "nowhere")
    assert case.counted("GetSecrets") == 3
    assert case.counted("GetSecretsByTitle") >= 1


@pytest.mark.parametrize(
    "change",
    [
        {"custom": [{"type": "text", "label": "login", "value": ["x"]}]},
        {"fields": [{"type": "login", "value": ["x"]}, {"type": "login", "value": []}]},
        {"custom": [{"type": "text", "label": "ca.pem", "value": ["x"]}]},
    ],
)
async def test_label_that_is_there_twice(case: Case, change: dict[str, Any]) -> None:
    case.keeper.records["db"] = {**DB, **change}
    async with case.lend() as client:
        for read in (client.get_secret, client.get_secret_map):
            with pytest.raises(ProviderError, match=r"twice, which makes it ambiguous: (login|ca\.pem)$"):
                await read(RemoteRef("db", "password"))


@pytest.mark.parametrize("change", [{"fields": "canary"}, {"fields": [{"type": "x", "value": "canary"}]}, {"title": 7}])
async def test_record_that_is_malformed(case: Case, change: dict[str, Any]) -> None:
    case.keeper.records["db"] = {**DB, **change}
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="record db of Keeper is malformed") as caught:
            await value(client, "db")
    assert "canary" not in told(caught.value)


# 3. dataFrom


async def test_extract(case: Case) -> None:
    case.keeper.files["db"] = {"ca.pem": b"canary-file"}
    async with case.lend() as client:
        assert await mapped(client, "db") == {**FIELDS, **HIDDEN, "ca.pem": "canary-file"}
        assert await mapped(client, "db", "note") == {"note": FIELDS["note"]}
        with pytest.raises(ProviderError, match="no field and no file called nowhere"):
            await mapped(client, "db", "nowhere")


async def test_extract_of_nothing(case: Case) -> None:
    case.keeper.records["bare"] = pushed(fields=[{"type": "login", "value": []}])
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="no field with a value and no file"):
            await mapped(client, "bare")


async def test_find(case: Case) -> None:
    async with case.lend() as client:
        found = reveal_all(await client.get_all_secrets(FindRef(name_regexp="^P")))
        assert found == {"Plain": await _whole(client, "plain")}
        assert set(await client.get_all_secrets(FindRef(name_regexp=""))) == {"DB", "Plain"}
        assert await client.get_all_secrets(FindRef(name_regexp="^nothing$")) == {}
    assert ("get_secret", {}) in case.keeper.asked
    assert case.counted("GetSecrets") >= 2


async def test_an_answer_without_content_is_no_empty_vault(case: Case) -> None:
    async with case.lend() as client:
        case.keeper.fault = (200, {}, b"")
        with pytest.raises(ProviderError, match="malformed"):
            await client.get_all_secrets(FindRef(name_regexp=""))


async def test_find_tells_of_titles_that_are_there_twice(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    case.keeper.records["twin"] = {**PLAIN, "type": "other"}
    async with case.lend() as client:
        with caplog.at_level(logging.WARNING):
            found = reveal_all(await client.get_all_secrets(FindRef(name_regexp="^Plain$")))
        assert found == {"Plain": await _whole(client, "twin")}
    assert "of those with the same title the last counts: Plain" in caplog.text
    assert "canary" not in caplog.text


async def _whole(client: Any, key: str) -> bytes:
    return (await value(client, key)).encode()


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        (FindRef(name_regexp=".", tags={}), "find.tags is not supported"),
        (FindRef(name_regexp=".", path="x"), "find.path is not supported"),
        (FindRef(), "find.name.regexp is needed"),
    ],
)
async def test_find_that_is_refused(case: Case, ref: FindRef, message: str) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match=message):
            await client.get_all_secrets(ref)
    assert case.keeper.seen == []


async def test_find_with_a_bad_pattern(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(EsoError, match=r"\("):
            await client.get_all_secrets(FindRef(name_regexp="("))


async def test_broken_record_does_not_hide_the_others(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    case.keeper.broken = {"db"}
    async with case.lend() as client:
        with caplog.at_level(logging.WARNING):
            assert set(await client.get_all_secrets(FindRef(name_regexp=""))) == {"Plain"}
        with pytest.raises(ProviderError, match="reading record db of Keeper: it does not decrypt"):
            await value(client, "db")
    assert "passed over what does not decrypt: db" in caplog.text


async def test_app_key_of_another_application(case: Case) -> None:
    await case.stores.secret("other", config=case.keeper.config(appKey=safe(b"x" * 32)))
    async with case.lend(authRef={**REF, "name": "other"}) as client:
        with pytest.raises(AccessDeniedError, match="nothing decrypts"):
            await client.get_all_secrets(FindRef(name_regexp=""))
