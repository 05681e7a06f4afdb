"""providers/passbolt.md, row by row, against a server that speaks Passbolt's API and encrypts for real."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pysequoia
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
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, RemoteRef, ValidationResult
from eso.providers.passbolt.provider import PassboltProvider
from eso.values import reveal_all
from tests.support.providerbench import ProviderBench, bench, entry, source, told, value
from tests.support.vendors.passbolt import PASSPHRASE, PRIVATE_KEY, USER, Passbolt
from tests.support.vendors.tokenserver import serving

AUTH = {
    "privateKeySecretRef": {"name": "passbolt", "key": "key"},
    "passwordSecretRef": {"name": "passbolt", "key": "password"},
}
LOGIN = ["POST /auth/login.json", "POST /auth/login.json", "GET /users/me.json"]
PAYLOAD = json.dumps({"password": "canary-pw", "description": "secret words"})


class Case:
    def __init__(self, passbolt: Passbolt, stores: ProviderBench) -> None:
        self.passbolt = passbolt
        self.stores = stores

    def lend(self, **change: Any) -> Any:
        return self.stores.lend({"host": self.passbolt.url, "auth": AUTH, **change})


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    passbolt = Passbolt()
    async with serving(passbolt), bench(PassboltProvider()) as stores:
        await stores.secret("passbolt", key=PRIVATE_KEY, password=PASSPHRASE)
        yield Case(passbolt, stores)


def record(name: str, username: str, password: str, uri: str, description: str) -> str:
    texts = {"name": name, "username": username, "password": password, "uri": uri, "description": description}
    return json.dumps(texts, separators=(",", ":"), ensure_ascii=False)


async def found(client: Any, **ref: Any) -> dict[str, str]:
    return {key: text.decode() for key, text in reveal_all(await client.get_all_secrets(FindRef(**ref))).items()}


# 2. remoteRef


async def test_a_v4_resource_as_json_and_its_properties(case: Case) -> None:
    shown = {"name": "<db> & co", "username": "ann", "uri": "https://db", "description": "seen by all"}
    one = case.passbolt.add("password-string", "canary-pw", sign=True, **shown)
    async with case.lend() as client:
        for extra in ({}, {"version": "7"}, {"metadata_policy": "Fetch"}):
            text = await value(client, one, **extra)
            assert text == record("<db> & co", "ann", "canary-pw", "https://db", "seen by all")
        for name in ("name", "username", "uri", "description"):
            assert await value(client, one, name) == shown[name]
        assert await value(client, one, "password") == "canary-pw"
        with pytest.raises(InvalidSpecError, match=r"property must be one of name, username, uri") as caught:
            await value(client, one, "Password")
    assert "canary" not in told(caught.value)


V4 = [
    ("password-and-description", PAYLOAD, ("canary-pw", "secret words")),
    ("password-description-totp", PAYLOAD, ("canary-pw", "secret words")),
    ("totp", '{"totp":{}}', ("", "")),
    (None, "canary-pw", ("canary-pw", "open")),
]


@pytest.mark.parametrize(("slug", "secret", "wanted"), V4)
async def test_types_of_v4(case: Case, slug: str | None, secret: str, wanted: tuple[str, str]) -> None:
    one = case.passbolt.add(slug, secret, name="db", username=None, uri=None, description="open")
    async with case.lend() as client:
        assert await value(client, one) == record("db", "", wanted[0], "", wanted[1])


FIELDS = json.dumps({"custom_fields": [{"type": "text"}, {"type": "password", "secret_value": "canary-pw"}]})
V5 = [
    ("v5-default", PAYLOAD, ("canary-pw", "secret words")),
    ("v5-default-with-totp", PAYLOAD, ("canary-pw", "secret words")),
    ("v5-password-string", "canary-pw", ("canary-pw", "open")),
    ("v5-totp-standalone", '{"totp":{}}', ("", "")),
    ("v5-custom-fields", FIELDS, ("canary-pw", "open")),
    ("v5-note", '{"description":"secret words"}', ("", "secret words")),
]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("slug", "secret", "wanted"), V5)
async def test_types_of_v5(case: Case, slug: str, secret: str, wanted: tuple[str, str], shared: bool) -> None:
    metadata = {"name": "db", "username": "ann", "uris": ["https://one", "https://two"], "description": "open"}
    one = case.passbolt.add_v5(slug, secret, shared=shared, **metadata)
    async with case.lend() as client:
        assert await value(client, one) == record("db", "ann", wanted[0], "https://one", wanted[1])
        again = case.passbolt.add_v5(slug, secret, shared=shared, name="second")
        assert await value(client, again, "uri") == ""
    # Types and shared keys are asked for once.
    assert sum(path.startswith("GET /resource-types/") for path in case.passbolt.seen) == 1
    assert case.passbolt.seen.count("GET /metadata/keys.json") == (1 if shared else 0)


async def test_metadata_keys_that_are_not_shared_with_the_user(case: Case) -> None:
    one = case.passbolt.add_v5("v5-default", PAYLOAD, name="db")
    for copies, text in (
        ([], "not shared with the user"),
        ([{"user_id": "somebody-else", "data": "canary"}], "cannot open"),
        ([{"user_id": "somebody-else", "data": "canary"}, {"user_id": USER, "data": "canary"}], "cannot open"),
    ):
        case.passbolt.private_keys = copies
        async with case.lend() as client:
            with pytest.raises(ProviderError, match=text) as caught:
                await value(client, one)
        assert "canary" not in told(caught.value)
    case.passbolt.private_keys = [{"user_id": USER, "data": case.passbolt.encrypted("canary", case.passbolt.user)}]
    async with case.lend() as client:
        with pytest.raises(ProviderError, match="not JSON") as caught:
            await value(client, one)
    assert "canary" not in told(caught.value)


async def test_what_cannot_be_read_is_a_plain_error(case: Case) -> None:
    other = pysequoia.Tsk.generate("other").extract_certificate()
    foreign, broken, plain, lost, odd = (case.passbolt.add("password-and-description", "canary") for _ in range(5))
    case.passbolt.secrets[foreign] = case.passbolt.encrypted("canary", other)
    case.passbolt.secrets[broken] = "canary"
    del case.passbolt.secrets[lost]
    case.passbolt.resources[odd]["resource_type_id"] = case.passbolt._type("passkey")
    async with case.lend() as client:
        for key, text in (
            (foreign, "cannot open"),
            (broken, "cannot open"),
            (plain, "JSON object"),
            (lost, "404"),
            (odd, "passkey are not supported"),
            ("00000000-0000-4000-8000-000000000000", "404"),
            ("a/b", "404"),
            ("..", "UUID"),
            ("", "UUID"),
        ):
            with pytest.raises(ProviderError, match=text) as caught:
                await value(client, key)
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)


# 3. dataFrom


async def test_extract_is_not_supported(case: Case) -> None:
    one = case.passbolt.add("password-string", '{"a":"b"}', name="db")
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="extract"):
            await client.get_secret_map(RemoteRef(one))


async def test_find_by_decrypted_name(case: Case) -> None:
    old = case.passbolt.add("password-string", "canary-pw", name="prod db", description=None)
    new = case.passbolt.add_v5("v5-default", PAYLOAD, name="prod cache", uris=["https://cache"])
    case.passbolt.add_v5("v5-default", PAYLOAD, name="test db")
    async with case.lend() as client:
        wanted = {
            old: record("prod db", "", "canary-pw", "", ""),
            new: record("prod cache", "", "canary-pw", "https://cache", "secret words"),
        }
        assert await found(client, name_regexp="^prod") == wanted
        assert await found(client, name_regexp="^prod", path="ignored", tags={"a": "b"}) == wanted
        assert await found(client, name_regexp="^nothing$") == {}
    assert sum(path.startswith("GET /secrets/") for path in case.passbolt.seen) == 2  # of those that match


async def test_find_where_the_list_holds_ids_only(case: Case) -> None:
    one = case.passbolt.add("password-string", "pw", name="db")
    case.passbolt.ids_only = True
    async with case.lend() as client:
        assert await found(client, name_regexp="db") == {one: record("db", "", "pw", "", "")}


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        ({}, "missing: find.name.regexp"),
        ({"name_regexp": ""}, "missing: find.name.regexp"),
        ({"name_regexp": "("}, "("),
    ],
)
async def test_find_needs_a_name(case: Case, ref: dict[str, Any], text: str) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidSpecError) as caught:
            await found(client, **ref)
    assert text in str(caught.value)


async def test_find_with_a_match_that_cannot_be_decrypted(case: Case) -> None:
    case.passbolt.add("password-string", "pw", name="good")
    case.passbolt.secrets[case.passbolt.add("password-string", "pw", name="bad")] = "canary"
    async with case.lend() as client:
        assert len(await found(client, name_regexp="good")) == 1
        with pytest.raises(ProviderError) as caught:
            await found(client, name_regexp=".")
    assert "canary" not in told(caught.value)


# 4. Push


async def test_push_delete_and_exists_are_unsupported(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.push_secret(source(k="v"), entry("a", "k"))
        with pytest.raises(InvalidRequestError):
            await client.delete_secret(PushRemoteRef("a"))
        with pytest.raises(InvalidRequestError):
            await client.secret_exists(PushRemoteRef("a"))


# 5. Store


async def test_validation_asks_nothing(case: Case) -> None:
    assert PassboltProvider.capabilities is Capabilities.READ_ONLY
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.UNKNOWN
    assert case.passbolt.seen == LOGIN


KEY, WORD = "privateKeySecretRef", "passwordSecretRef"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"host": ""}, "missing: spec.provider.passbolt.host"),
        ({"host": "http://passbolt.example.com"}, "host Url has to be https scheme"),
        ({"host": "passbolt.example.com"}, "host Url has to be https scheme"),
        ({"host": "https://[::1"}, "not a URL"),
        ({"host": "https:///passbolt"}, "has no host"),
        ({"host": "https://passbolt.example.com:99999"}, "has no host, or a port"),
        ({"auth": {**AUTH, WORD: {"key": "a"}}}, r"missing: spec\.provider\.passbolt\.auth\.passwordSecretRef"),
        ({"auth": {**AUTH, WORD: {"name": "a"}}}, r"missing: spec\.provider\.passbolt\.auth\.passwordSecretRef"),
        ({"auth": {**AUTH, KEY: {"key": "a"}}}, r"missing: spec\.provider\.passbolt\.auth\.privateKeySecretRef"),
        ({"auth": {**AUTH, KEY: {"name": "a"}}}, r"missing: spec\.provider\.passbolt\.auth\.privateKeySecretRef"),
        ({"auth": {**AUTH, KEY: {**AUTH[KEY], "namespace": "other"}}}, "namespace"),
        ({"caProvider": {"type": "Secret", "name": "a", "key": "k", "namespace": "other"}}, "namespace"),
    ],
)
def test_static_checks(change: dict[str, Any], text: str) -> None:
    stores = ProviderBench(PassboltProvider(), None, {})  # type: ignore[arg-type]
    spec = {"host": "https://passbolt.example.com", "auth": AUTH}
    with pytest.raises(InvalidSpecError, match=text):
        stores.check({**spec, **change})
    assert stores.check(spec) == []
    with pytest.raises(InvalidSpecError, match="cluster scope requires namespace"):
        stores.check(spec, cluster=True)
    there = {name: {**ref, "namespace": "app"} for name, ref in AUTH.items()}
    assert stores.check({**spec, "auth": there}, cluster=True) == []


# 6. API


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
        (503, UnavailableError),
        (302, InvalidRequestError),
        (200, ProviderError),
    ],
)
async def test_failures(case: Case, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture) -> None:
    one = case.passbolt.add("password-string", "canary-pw", name="db")
    async with case.lend() as client:
        case.passbolt.fault = (status, {"Retry-After": "9", "Location": "/canary"}, b"canary-body")
        for call in (value(client, one), found(client, name_regexp="db")):
            with pytest.raises(error) as caught:
                await call
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize(
    "body", ["[]", '"canary"', "null", '{"id":7}', '{"name":7}', '{"data":"canary"}', '["canary"]']
)
async def test_answers_of_another_shape(case: Case, body: str) -> None:
    one = case.passbolt.add("password-string", "canary-pw", name="db")
    async with case.lend() as client:
        envelope = f'{{"header":{{"status":"success","code":200}},"body":{body}}}'
        case.passbolt.fault = (200, {}, envelope.encode())
        with pytest.raises(ProviderError) as caught:
            await value(client, one)
        assert "canary" not in told(caught.value)
        if body == "[]":
            assert await found(client, name_regexp=".") == {}
            return
        with pytest.raises(ProviderError) as caught:
            await found(client, name_regexp=".")
        assert "canary" not in told(caught.value)
