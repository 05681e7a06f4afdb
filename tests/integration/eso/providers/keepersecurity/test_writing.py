"""providers/keepersecurity.md, pushing, stores and refusals, against a server that speaks Keeper's encrypted protocol."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, RemoteRef, ValidationResult
from eso.providers.keepersecurity.provider import KeeperSecurityProvider
from eso.providers.keepersecurity.spec import KeeperSecuritySpec
from tests.integration.eso.providers.keepersecurity.conftest import PLAIN, REF, Case, pushed
from tests.support.providerbench import bench, entry, source, told, value
from tests.support.vendors.keepersecurity import Keeper
from tests.support.vendors.tokenserver import serving

# 4. Push


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("login", "login"),
        ("DbUsername", "login"),
        ("PASSWORD", "password"),
        ("db-password-url", "password"),
        ("baseUrl", "url"),
        ("url", "url"),
        ("token", ""),
    ],
)
async def test_push_makes_a_record(case: Case, label: str, kind: str) -> None:
    async with case.lend() as client:
        await client.push_secret(source(key="canary-pushed"), entry(f"App/{label}", "key"))
    name, payload = case.keeper.asked[-1]
    assert name == "create_secret"
    custom = {"type": "secret", "label": label, "value": ["canary-pushed"]}
    standard = {"type": kind, "value": ["canary-pushed"]}
    expected = pushed(fields=[standard]) if kind else pushed(custom=[custom])
    assert case.keeper.records[payload["recordUid"]] == expected
    assert case.counted("GetSecretsByTitle") == 1
    assert case.counted("CreateSecretWithRecordData") == 1


@pytest.mark.parametrize(
    ("label", "changed"),
    [
        (
            "username",
            {"fields": [{"type": "login", "value": ["new"]}, {"type": "password", "value": ["b"], "required": True}]},
        ),
        (
            "password",
            {"fields": [{"type": "login", "value": ["a"]}, {"type": "password", "value": ["new"], "required": True}]},
        ),
        ("token", {"custom": [{"type": "secret", "label": "token", "value": ["new"]}]}),
    ],
)
async def test_push_changes_a_record(case: Case, label: str, changed: dict[str, Any]) -> None:
    fields = [{"type": "login", "value": ["a"]}, {"type": "password", "value": ["b"], "required": True}]
    before = pushed(
        fields=fields, custom=[{"type": "secret", "label": "token", "value": ["c", "d"]}], notes="kept", n=2**60
    )
    case.keeper.records["app"] = before
    case.keeper.records["same-title"] = {**PLAIN, "title": "App"}  # of another type
    async with case.lend() as client:
        for _ in range(2):  # what is equal already is not written
            await client.push_secret(source(key="new"), entry(f"App/{label}", "key"))
    assert case.keeper.records["app"] == {**before, **changed}
    assert case.keeper.revisions["app"] == 2
    assert case.counted("Save") == 1


async def test_push_adds_a_standard_field(case: Case) -> None:
    case.keeper.records["app"] = pushed()
    async with case.lend() as client:
        await client.push_secret(source(key="new"), entry("App/url", "key"))
    assert case.keeper.records["app"] == pushed(fields=[{"type": "url", "value": ["new"]}])


@pytest.mark.parametrize("custom", [[], [{"type": "secret", "label": "token", "value": [""]}]])
async def test_push_to_a_custom_label_that_is_not_there(case: Case, custom: list[Any]) -> None:
    case.keeper.records["app"] = pushed(custom=custom)
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="no custom field labelled token with a value"):
            await client.push_secret(source(key="new"), entry("App/token", "key"))
    assert case.counted("Save") == 0


async def test_title_that_is_there_twice(case: Case) -> None:
    case.keeper.records |= {"one": pushed(), "two": pushed()}
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="2 records of type externalSecrets are called App"):
            await client.push_secret(source(key="new"), entry("App/login", "key"))
        with pytest.raises(InvalidRequestError, match="2 records of type externalSecrets"):
            await client.delete_secret(PushRemoteRef("App/login"))


@pytest.mark.parametrize(
    ("remote", "key", "message"),
    [
        ("App/login", "", "name a secretKey"),
        ("App", "key", "not like recordTitle/fieldLabel"),
        ("App/a/b", "key", "not like recordTitle/fieldLabel"),
        ("App/login", "binary", "is not UTF-8"),
    ],
)
async def test_push_that_is_refused(case: Case, remote: str, key: str, message: str) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match=message):
            await client.push_secret(source(key="x", binary=b"\xff"), entry(remote, key))
    assert case.keeper.seen == []


async def test_push_into_a_folder_without_records(case: Case) -> None:
    case.keeper.records.clear()
    case.keeper.empty = True
    async with case.lend() as client:
        await client.push_secret(source(key="x"), entry("App/login", "key"))
    assert [name for name, _ in case.keeper.asked] == ["get_secret", "get_folders", "create_secret"]
    async with case.lend(folderID="elsewhere") as client:
        with pytest.raises(InvalidSpecError, match="folderID: no shared folder elsewhere"):
            await client.push_secret(source(key="x"), entry("New/login", "key"))


async def test_push_without_the_owner_of_the_application(case: Case) -> None:
    await case.stores.secret("other", config=case.keeper.config(appOwnerPublicKey=None))
    async with case.lend(authRef={**REF, "name": "other"}) as client:
        with pytest.raises(InvalidSpecError, match="no appOwnerPublicKey"):
            await client.push_secret(source(key="x"), entry("App/login", "key"))


async def test_delete(case: Case) -> None:
    case.keeper.records["app"] = pushed()
    async with case.lend() as client:
        for _ in range(2):  # absent is success
            await client.delete_secret(PushRemoteRef("App/login"))
        assert case.keeper.asked[1] == ("delete_secret", {"recordUids": ["app"]})
        assert case.counted("DeleteSecrets") == 1
        await client.delete_secret(PushRemoteRef("DB/login"))  # of another type
        assert set(case.keeper.records) == {"db", "plain"}
        with pytest.raises(InvalidRequestError, match="not like recordTitle/fieldLabel"):
            await client.delete_secret(PushRemoteRef("App"))


async def test_delete_that_is_refused(case: Case) -> None:
    case.keeper.records["app"] = pushed()
    case.keeper.refuses_deletes = True
    async with case.lend() as client:
        with pytest.raises(AccessDeniedError, match="must be allowed to edit the folder") as caught:
            await client.delete_secret(PushRemoteRef("App/login"))
    assert "canary" not in told(caught.value)


async def test_existence_is_not_supported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="IfNotExists is not supported"):
            await client.secret_exists(PushRemoteRef("App/login"))


# 5. Store


async def test_store(case: Case) -> None:
    assert case.stores.provider.capabilities is Capabilities.READ_WRITE
    assert case.stores.check({"authRef": REF, "folderID": "f"}) == []
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.keeper.seen == []


@pytest.mark.parametrize(
    ("change", "cluster", "message"),
    [
        ({"folderID": ""}, False, "missing: spec.provider.keepersecurity.folderID"),
        ({"authRef": {"key": "x"}}, False, "missing: spec.provider.keepersecurity.authRef.name"),
        ({"authRef": {"name": "x"}}, False, "missing: spec.provider.keepersecurity.authRef.key"),
        ({"authRef": {**REF, "namespace": "other"}}, False, "namespace should either be empty or match"),
        ({}, True, "cluster scope requires namespace"),
    ],
)
def test_store_that_is_refused(change: dict[str, Any], cluster: bool, message: str) -> None:
    spec = KeeperSecuritySpec.model_validate({"authRef": REF, "folderID": "f", **change})
    kind, namespace = ("ClusterSecretStore", "") if cluster else ("SecretStore", "app")
    with pytest.raises(InvalidSpecError, match=message):
        KeeperSecurityProvider().validate_store(spec, store_kind=kind, store_namespace=namespace)


# 6. API


async def test_server_that_wants_another_key() -> None:
    keeper = Keeper(records={"plain": PLAIN})
    keeper.keys["11"] = ec.generate_private_key(ec.SECP256R1())
    async with serving(keeper), bench(KeeperSecurityProvider(keeper.url, keeper.server_keys())) as stores:
        await stores.secret("keeper", config=keeper.config())
        case = Case(keeper, stores)
        async with case.lend() as client:
            assert await value(client, "plain", "password") == "canary-plain"
            assert len(keeper.seen) == 2
            await client.get_all_secrets(FindRef(name_regexp=""))
            assert len(keeper.seen) == 3  # the key is remembered
            keeper.keys["12"] = ec.generate_private_key(ec.SECP256R1())
            with pytest.raises(ProviderError, match="a public key that is not known here"):
                await value(client, "other")


@pytest.mark.parametrize(
    ("status", "document", "kind", "message"),
    [
        (403, {"error": "throttled", "retry_after": 7, "message": "canary"}, ThrottledError, "too many requests"),
        (403, {"result_code": "access_denied", "message": "canary"}, AccessDeniedError, "credentials"),
        (400, {"error": "bad_request", "message": "canary"}, InvalidRequestError, "answered 400"),
        (404, {"error": "canary"}, InvalidRequestError, "answered 404"),
        (500, {"error": "canary"}, UnavailableError, "answered 500"),
        (401, {"error": "key", "key_id": 10}, ProviderError, "another of its public keys each time"),
    ],
)
async def test_refusals(
    case: Case, status: int, document: dict[str, Any], kind: type[ProviderError], message: str
) -> None:
    case.keeper.refusal = (status, document)
    async with case.lend() as client:
        with pytest.raises(kind, match=message) as caught:
            await value(client, "db")
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)
    if isinstance(caught.value, ThrottledError):
        assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("{url}/files/db/ca.pem?signature=a%2Fb%2Bx", ""),
        ("{url}/files/db/none?signature=a%2Fb%2Bx", "answered 404"),
        ("{url}/files/db/empty?signature=a%2Fb%2Bx", "does not decrypt"),
        ("ftp://127.0.0.1/canary", "no https address"),
        ("https://[canary", "no https address"),
        ("", "no https address"),
    ],
)
async def test_file_addresses(case: Case, address: str, message: str) -> None:
    case.keeper.address = address.format(url=case.keeper.url)
    async with case.lend() as client:
        if not message:
            assert (await client.get_secret(RemoteRef("db", "ca.pem"))).reveal() == b"canary-\xff\x00"
            return
        with pytest.raises(ProviderError, match=message) as caught:
            await client.get_secret(RemoteRef("db", "ca.pem"))
    assert not isinstance(caught.value, NoSecretError)
    assert "canary" not in told(caught.value)
