"""providers/beyondtrust.md, row by row, against a server that speaks Password Safe's API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

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
from eso.providers.base import Capabilities, FindRef, Maintenance, RemoteRef, ValidationResult
from eso.providers.beyondtrust.provider import BeyondtrustProvider
from tests.support.keypairs import key_pair, new_key_pair
from tests.support.mutualtls import over_mutual_tls
from tests.support.passwordsafe import KEY, OAUTH, SECRETS, PasswordSafeCase, password_safe_case
from tests.support.providerbench import told, value
from tests.support.vendors.beyondtrust import API_KEY, CLIENT_ID, ROUTE, secret


@pytest.fixture
async def case() -> AsyncIterator[PasswordSafeCase]:
    async with password_safe_case() as found:
        yield found


# 1. Authentication


async def test_api_key_signs_in_once_and_signs_out_at_the_end(case: PasswordSafeCase) -> None:
    async with case.lend() as client:
        assert case.safe.seen == []
        assert await value(client, "apps/db") == "canary-password"
        assert await value(client, "apps/deep/note") == "canary-text"
    await case.stores.manager.close()
    assert case.safe.seen[0] == "POST Auth/SignAppIn"
    assert [one.split("?")[0] for one in case.safe.seen[1:]] == [
        "GET secrets-safe/secrets",
        "GET secrets-safe/secrets",
        "POST Auth/Signout",
    ]
    assert case.safe.sessions == set()
    assert [case.counted(call) for call in ("SignAppIn", "GetSecret", "Signout")] == [1, 2, 1]


async def test_oauth(case: PasswordSafeCase) -> None:
    async with case.lend(auth=OAUTH) as client:
        assert await value(client, "apps/db") == "canary-password"
    assert case.safe.seen[:2] == ["POST Auth/connect/token", "POST Auth/SignAppIn"]


async def test_the_api_key_wins(case: PasswordSafeCase) -> None:
    async with case.lend(auth={**OAUTH, **KEY}) as client:
        assert await value(client, "apps/db") == "canary-password"
    assert case.safe.seen[0] == "POST Auth/SignAppIn"


async def test_many_readers_sign_in_together(case: PasswordSafeCase) -> None:
    async with case.lend() as client:
        await asyncio.gather(*(value(client, key) for key in ("apps/db", "apps/file", "apps/deep/note")))
    assert case.counted("SignAppIn") == 1


async def test_a_session_that_ended_is_replaced_once(case: PasswordSafeCase) -> None:
    async with case.lend() as client:
        await value(client, "apps/db")
        case.safe.sessions.clear()
        assert await value(client, "apps/file") == b"\x00canary\xff".decode("utf-8", "surrogateescape")
        case.safe.sessions.clear()
        case.safe.api_key = "another"
        with pytest.raises(AccessDeniedError, match="signing in"):
            await value(client, "apps/deep/note")
    assert case.counted("SignAppIn") == 2


@pytest.mark.parametrize(
    "auth",
    [
        {"apiKey": {"secretRef": {"name": "bt", "key": "other"}}},
        {"clientId": {"value": CLIENT_ID}, "clientSecret": {"value": "canary-" + "o" * 33}},
    ],
)
async def test_refused_credentials(case: PasswordSafeCase, auth: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend(auth=auth) as client:
        with pytest.raises(AccessDeniedError, match="check the credentials") as caught:
            await value(client, "apps/db")
    assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("auth", "server", "text"),
    [
        ({"apiKey": {"secretRef": {"name": "bt", "key": "short"}}}, {}, "apiKey must have 128 to 263"),
        ({"apiKey": {"value": "canary" * 60}}, {}, "apiKey must have 128 to 263"),
        ({"apiKey": {"value": "canary" * 30 + "\n"}}, {}, "line breaks"),
        ({**OAUTH, "clientId": {"value": "canary"}}, {}, "clientId must have 36"),
        ({**OAUTH, "clientSecret": {"value": "canary"}}, {}, "clientSecret must have 36 to 64"),
        (KEY, {"apiVersion": "3"}, "apiVersion must have 3"),
        (KEY, {"clientTimeOutSeconds": 301}, "between 1 and 300"),
        (KEY, {"clientTimeOutSeconds": -1}, "between 1 and 300"),
        (KEY, {"apiUrl": f"http://host{ROUTE}"}, "https URL"),
        (KEY, {"apiUrl": "https://host/api/public/v3"}, "/BeyondTrust/api/public/v"),
        ({**KEY, "certificate": {"value": "canary"}, "certificateKey": {"value": "canary"}}, {}, "certificate must be"),
        ({"apiKey": {"value": API_KEY, "secretRef": {"name": "bt", "key": "key"}}}, {}, "both secret reference and"),
        ({"apiKey": {"secretRef": {"key": "key"}}}, {}, "must specify a secret name"),
        ({"apiKey": {"secretRef": {"name": "bt"}}}, {}, "must specify a secret key"),
    ],
)
async def test_input_limits(case: PasswordSafeCase, auth: Any, server: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text) as caught:
        async with case.lend(auth=auth, **server):
            pass
    assert "canary" not in told(caught.value)
    assert case.safe.seen == []


@pytest.mark.parametrize(
    ("field", "long"), [("certificate", True), ("certificateKey", True), ("certificateKey", False)]
)
async def test_limits_of_certificates(case: PasswordSafeCase, field: str, long: bool) -> None:
    certificate, key = (pem.decode() for pem in new_key_pair())
    pair = {"certificate": certificate, "certificateKey": key}
    wrong = f"{pair[field].strip()[:-30]}{'canary' * 700}{pair[field].strip()[-30:]}" if long else certificate
    shown = {name: {"value": pem} for name, pem in {**pair, field: wrong}.items()}
    with pytest.raises(InvalidSpecError, match=f"auth.{field} ") as caught:
        async with case.lend(auth={**KEY, **shown}):
            pass
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize("ending", ["", "\n"])
async def test_a_certificate_pair_is_shown(case: PasswordSafeCase, ending: str) -> None:
    certificate, key = ({"value": pem.decode().strip() + ending} for pem in key_pair())
    async with over_mutual_tls(case.safe, required=True) as url:
        pair = {"certificate": certificate, "certificateKey": key}
        async with case.lend(auth={**KEY, **pair}, apiUrl=f"{url}{ROUTE}") as client:
            assert await value(client, "apps/db") == "canary-password"
        async with case.lend(auth={**KEY, "certificate": certificate}, apiUrl=f"{url}{ROUTE}") as client:
            with pytest.raises(UnavailableError):  # half of a pair has no effect
                await value(client, "apps/db")


async def test_a_cluster_store_without_namespaces_cannot_be_validated(case: PasswordSafeCase) -> None:
    with pytest.raises(InvalidSpecError, match="names no namespace"):
        async with case.lend(options={"cluster": True, "consumer": ""}):
            pass
    named = {"apiKey": {"secretRef": {"name": "bt", "key": "key", "namespace": "app"}}}
    async with case.lend(auth=named, options={"cluster": True, "consumer": ""}) as client:
        assert await client.validate() is ValidationResult.READY


async def test_a_missing_reference(case: PasswordSafeCase) -> None:
    with pytest.raises(ReferenceNotFoundError, match="gone"):
        async with case.lend(auth={"apiKey": {"secretRef": {"name": "gone", "key": "key"}}}):
            pass


# 2. remoteRef


@pytest.mark.parametrize(
    ("key", "server", "wanted"),
    [
        ("apps/db", {}, {"path": "apps", "title": "db", "separator": "/", "decrypt": "true"}),
        ("apps/deep/note", {}, {"path": "apps/deep", "title": "note", "separator": "/", "decrypt": "true"}),
        (" apps | db ", {"separator": "|"}, {"path": "apps", "title": "db", "separator": "|", "decrypt": "true"}),
        ("apps/db", {"separator": " "}, {"path": "apps", "title": "db", "separator": "/", "decrypt": "true"}),
        (
            "apps/db",
            {"decrypt": False, "apiVersion": "3.0"},
            {"path": "apps", "title": "db", "separator": "/", "decrypt": "false", "version": "3.0"},
        ),
        (
            "apps/db",
            {"apiVersion": "3.2"},
            {"path": "apps", "title": "db", "separator": "/", "decrypt": "true", "version": "3.2"},
        ),
    ],
)
async def test_reading_secrets(
    case: PasswordSafeCase, key: str, server: dict[str, Any], wanted: dict[str, str]
) -> None:
    async with case.lend("secret", **server) as client:
        found = await value(client, key, "ignored", version="7", metadata_policy="Fetch")
    assert found == {"note": "canary-text"}.get(
        wanted["title"], "canary-encrypted" if wanted["decrypt"] == "false" else "canary-password"
    )
    assert dict(parse_qsl(urlsplit(case.safe.seen[-1].split(" ", 1)[1]).query)) == wanted


@pytest.mark.parametrize("version", [None, "3.1"])
async def test_files(case: PasswordSafeCase, version: str | None) -> None:
    async with case.lend(apiVersion=version) as client:
        assert (await client.get_secret(RemoteRef("apps/file"))).reveal() == b"\x00canary\xff"
    path = f"secrets-safe/secrets/{SECRETS[3]['Id']}/file/download"
    assert case.safe.seen[-1] == f"GET {path}" + ("?version=3.1" if version else "")


async def test_a_file_that_is_too_large(case: PasswordSafeCase) -> None:
    case.safe.secrets = [secret("apps", "file", b"x" * 5_000_001, "File")]
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="larger than 5000000 bytes"):
            await value(client, "apps/file")


@pytest.mark.parametrize("retrieval", ["MANAGED_ACCOUNT", "anything", "", None])
async def test_managed_accounts(case: PasswordSafeCase, retrieval: str | None) -> None:
    async with case.lend(retrieval, separator="|") as client:
        assert await value(client, "web 1|root/ä", "ignored") == 'canary"\\é'
    assert case.safe.seen[1:] == [
        "GET ManagedAccounts?systemName=web+1&accountName=root/%C3%A4",
        "POST Requests",
        "GET Credentials/1",
        "PUT Requests/1/checkin",
    ]
    calls = ("GetManagedAccount", "CreateRequest", "GetCredential", "CheckInRequest")
    assert [case.counted(call) for call in calls] == [1, 1, 1, 1]


async def test_what_was_checked_out_is_checked_in_when_it_cannot_be_read(case: PasswordSafeCase) -> None:
    async with case.lend("MANAGED_ACCOUNT") as client:
        with pytest.raises(AccessDeniedError):
            await value(client, "web/held")
        assert await value(client, "web/admin") == "canary-admin"
    assert case.safe.checked_in == [1, 2]
    assert case.safe.requests == {}


@pytest.mark.parametrize(
    ("retrieval", "key", "text"),
    [
        ("SECRET", "apps/gone", "was not found"),
        ("SECRET", "apps/none", "holds no value"),
        ("MANAGED_ACCOUNT", "web/gone", "404"),
        ("SECRET", "db", "path"),
        ("SECRET", "", "path"),
        ("SECRET", "apps/", "title"),
        ("SECRET", " /db", "path"),
        ("SECRET", "1/2/3/4/5/6/7/8/db", "more than 7 folders"),
        ("SECRET", "p" * 1793 + "/db", "1 to 1792"),
        ("SECRET", "apps/" + "t" * 257, "1 to 256"),
        ("MANAGED_ACCOUNT", "web", "system name"),
        ("MANAGED_ACCOUNT", "web/", "account name"),
        ("MANAGED_ACCOUNT", "a/b/c", "one system and one account"),
        ("MANAGED_ACCOUNT", "s" * 129 + "/a", "1 to 128"),
        ("MANAGED_ACCOUNT", "s/" + "a" * 246, "1 to 245"),
    ],
)
async def test_what_is_missing_or_invalid_is_a_plain_error(
    case: PasswordSafeCase, retrieval: str, key: str, text: str
) -> None:
    async with case.lend(retrieval) as client:
        with pytest.raises(ProviderError, match=text) as caught:
            await value(client, key)
        assert not isinstance(caught.value, NoSecretError)


async def test_the_deepest_path(case: PasswordSafeCase) -> None:
    async with case.lend() as client:
        assert await value(client, "1/2/3/4/5/6/7/deep") == "canary-deep"


# 3. extract and find


async def test_extract_and_find_are_unsupported(case: PasswordSafeCase) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.get_secret_map(RemoteRef("apps/db"))
        with pytest.raises(InvalidRequestError):
            await client.get_all_secrets(FindRef(name_regexp="."))
    assert case.safe.seen == []


# 5. Capabilities, validation


async def test_validation_connects_and_signs_in_nowhere(case: PasswordSafeCase) -> None:
    assert BeyondtrustProvider.capabilities is Capabilities.READ_WRITE
    assert BeyondtrustProvider.maintenance is Maintenance.MAINTAINED
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.safe.seen == []
    async with case.lend(apiUrl=f"https://127.0.0.1:1{ROUTE}") as client:
        with pytest.raises(UnavailableError, match="the server of BeyondTrust"):
            await client.validate()


@pytest.mark.parametrize(
    ("auth", "url", "text"),
    [
        (KEY, "", "invalid host URL"),
        (KEY, "host/path", "invalid host URL"),
        ({}, None, "set apiKey, or clientId and clientSecret"),
        ({"clientId": {"value": "x"}}, None, "set together"),
        ({"clientSecret": {"value": "x"}}, None, "set together"),
        ({"apiKey": {}}, None, "apiKey: must specify either"),
        ({"apiKey": {"value": "v", "secretRef": {"name": "a", "key": "k"}}}, None, "cannot specify both"),
        ({"apiKey": {"secretRef": {"key": "k"}}}, None, "secret name"),
        ({**OAUTH, "clientSecret": {"secretRef": {"name": "a"}}}, None, "clientSecret: must specify a secret key"),
        ({"apiKey": {"secretRef": {"name": "a", "key": "k", "namespace": "x"}}}, None, "invalid auth.apiKey"),
        ({**KEY, "certificate": {}, "certificateKey": {"value": "x"}}, None, "certificate: must specify either"),
    ],
)
async def test_static_checks(case: PasswordSafeCase, auth: dict[str, Any], url: str | None, text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check({**case.spec(**({} if url is None else {"apiUrl": url})), "auth": auth})


async def test_static_checks_that_pass(case: PasswordSafeCase) -> None:
    for auth in (KEY, OAUTH, {**KEY, "clientId": {"value": "x"}}):
        assert case.stores.check(case.spec(auth=auth)) == []
        assert case.stores.check(case.spec(auth=auth), cluster=True) == []  # referent
    for half in ("certificate", "certificateKey"):
        warnings = case.stores.check(case.spec(auth={**KEY, half: {"value": "x"}}))
        assert len(warnings) == 1
        assert "no effect" in warnings[0]


# 6. Remote calls


@pytest.mark.parametrize("statuses", [[503, 200], [408, 500], [0, 0], [502]])
async def test_failures_on_the_way_are_tried_again(case: PasswordSafeCase, statuses: list[int]) -> None:
    async with case.lend() as client:
        await value(client, "apps/db")
        case.safe.statuses = [status for status in statuses if status != 200]
        assert await value(client, "apps/deep/note") == "canary-text"
    assert case.safe.statuses == []


@pytest.mark.parametrize(
    ("status", "headers", "error", "times"),
    [
        (400, {}, InvalidRequestError, 1),
        (403, {}, AccessDeniedError, 1),
        (404, {}, InvalidRequestError, 1),
        (302, {"Location": "/canary"}, InvalidRequestError, 1),
        (429, {"Retry-After": "9"}, ThrottledError, 1),
        (503, {"Retry-After": "9"}, UnavailableError, 1),
        (500, {}, UnavailableError, 3),
    ],
)
async def test_failures(
    case: PasswordSafeCase,
    status: int,
    headers: dict[str, str],
    error: type[EsoError],
    times: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for retrieval, key in (("SECRET", "apps/deep/note"), ("MANAGED_ACCOUNT", "web/held")):
        async with case.lend(retrieval) as client:
            await value(client, "web/admin" if retrieval == "MANAGED_ACCOUNT" else "apps/db")
            case.safe.fault = (status, headers, b"canary-body")
            before = len(case.safe.seen)
            with pytest.raises(error) as caught:
                await value(client, key)
            case.safe.fault = None
            assert type(caught.value) is error
            assert len(case.safe.seen) == before + times
            assert "canary" not in told(caught.value) + caplog.text


@pytest.mark.parametrize("body", [b"canary", b'["canary"]', b'"canary"', b'{"Data": 1, "x": "canary"}', b"[{}]"])
async def test_malformed_answers(case: PasswordSafeCase, body: bytes) -> None:
    for retrieval in ("SECRET", "MANAGED_ACCOUNT"):
        async with case.lend(retrieval) as client:
            await value(client, "web/admin" if retrieval == "MANAGED_ACCOUNT" else "apps/db")
            case.safe.fault = (200, {}, body)
            with pytest.raises(ProviderError) as caught:
                await value(client, "web/held")
            case.safe.fault = None
            assert not isinstance(caught.value, NoSecretError)
            assert "canary" not in told(caught.value)


async def test_certificates_are_checked_unless_the_store_says_no(case: PasswordSafeCase) -> None:
    async with case.lend(verifyCA=True) as client:
        with pytest.raises(UnavailableError):
            await value(client, "apps/db")
    assert case.safe.seen == []
