"""providers/passbolt.md: signing in and out, against a server that speaks Passbolt's API and encrypts for real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pysequoia
import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    ProviderError,
    ReferenceNotFoundError,
)
from eso.providers.passbolt.provider import PassboltProvider
from tests.support.providerbench import ProviderBench, bench, told, value
from tests.support.vendors.passbolt import FINGERPRINT, PASSPHRASE, PRIVATE_KEY, Passbolt
from tests.support.vendors.tokenserver import serving

AUTH = {
    "privateKeySecretRef": {"name": "passbolt", "key": "key"},
    "passwordSecretRef": {"name": "passbolt", "key": "password"},
}
LOGIN = ["POST /auth/login.json", "POST /auth/login.json", "GET /users/me.json"]


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
        await stores.secret("passbolt", key=PRIVATE_KEY, password=PASSPHRASE, wrong="canary-wrong", junk="canary-junk")
        yield Case(passbolt, stores)


async def test_a_client_signs_in_when_it_is_made_and_out_when_it_closes(case: Case) -> None:
    one = case.passbolt.add("password-string", "canary-pw", name="db")
    async with case.lend() as client:
        assert case.passbolt.seen == LOGIN
        assert await value(client, one, "password") == "canary-pw"
        assert len(case.passbolt.sessions) == 1
    await case.stores.manager.close()
    assert case.passbolt.seen[-1] == "POST /auth/logout.json"
    assert not case.passbolt.sessions
    assert case.stores.counted("Passbolt/Resources", "Login") == 1
    assert case.stores.counted("Passbolt/Resources", "GetResource") == 1
    assert case.stores.counted("Passbolt/Resources", "GetSecret") == 1
    assert case.stores.counted("Passbolt/Resources", "Logout") == 1


@pytest.mark.parametrize("cookie", ["passbolt_session", "CAKEPHP", "PHPSESSID"])
async def test_session_cookies(case: Case, cookie: str) -> None:
    case.passbolt.cookie = cookie
    one = case.passbolt.add("password-string", "pw", name="db")
    async with case.lend() as client:
        assert await value(client, one, "password") == "pw"


async def test_a_login_without_session_cookie(case: Case) -> None:
    case.passbolt.cookie = ""
    with pytest.raises(ProviderError, match="session cookie"):
        async with case.lend():
            pass


@pytest.mark.parametrize(
    "nonce",
    [
        "gpgauthv1.3.0|36|no-uuid|gpgauthv1.3.0",
        "canary",
        "x gpgauthv1.3.0|36|00000000-0000-4000-8000-000000000000|gpgauthv1.3.0",
    ],
)
async def test_only_a_nonce_is_decrypted_for_the_server(case: Case, nonce: str) -> None:
    case.passbolt.nonce = nonce
    with pytest.raises(ProviderError, match="not sent back") as caught:
        async with case.lend():
            pass
    assert "canary" not in told(caught.value)
    assert case.passbolt.seen == LOGIN[:1]


async def test_a_nonce_for_another_key(case: Case) -> None:
    case.passbolt.keys[FINGERPRINT] = pysequoia.Tsk.generate("other").extract_certificate()
    with pytest.raises(AccessDeniedError, match="another key"):
        async with case.lend():
            pass


@pytest.mark.parametrize("status", [0, 200])
async def test_a_user_that_is_not_known(case: Case, status: int) -> None:
    case.passbolt.keys.clear()
    case.passbolt.errors_as = status
    with pytest.raises(InvalidRequestError, match="404") as caught:
        async with case.lend():
            pass
    assert "canary" not in told(caught.value)


async def test_a_second_factor_is_not_supported(case: Case) -> None:
    case.passbolt.mfa = True
    with pytest.raises(AccessDeniedError, match="second factor"):
        async with case.lend():
            pass


@pytest.mark.parametrize(
    ("field", "key", "error", "text"),
    [
        ("passwordSecretRef", "wrong", InvalidSpecError, "passphrase does not unlock it"),
        ("privateKeySecretRef", "junk", InvalidSpecError, "not an armored OpenPGP private key"),
        ("privateKeySecretRef", "absent", ReferenceNotFoundError, "absent"),
    ],
)
async def test_keys_that_cannot_be_used(case: Case, field: str, key: str, error: type[EsoError], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        async with case.lend(auth={**AUTH, field: {"name": "passbolt", "key": key}}):
            pass
    assert "canary" not in told(caught.value)
    assert case.passbolt.seen == []


async def test_a_key_without_passphrase(case: Case) -> None:
    mine = pysequoia.Tsk.generate("Ben")
    public = mine.extract_certificate()
    case.passbolt.keys[public.fingerprint] = case.passbolt.user = public
    await case.stores.secret("ben", key=str(mine), password="whatever")
    one = case.passbolt.add("password-string", "pw", name="db")
    async with case.lend(auth={name: {**ref, "name": "ben"} for name, ref in AUTH.items()}) as client:
        assert await value(client, one, "password") == "pw"


@pytest.mark.parametrize("status", [401, 403, 302, 404])
async def test_a_session_that_ended_is_replaced(case: Case, status: int) -> None:
    case.passbolt.unknown_as = status
    one = case.passbolt.add("password-string", "pw", name="db")
    async with case.lend() as client:
        case.passbolt.sessions.clear()
        assert await value(client, one, "password") == "pw"
        assert case.passbolt.seen[3:8] == [f"GET /resources/{one}.json", "GET /auth/is-authenticated.json", *LOGIN]
        case.passbolt.sessions.clear()
        case.passbolt.keys.clear()
        with pytest.raises(ProviderError) as caught:
            await value(client, case.passbolt.add("password-string", "pw", name="db"))
    assert "canary" not in told(caught.value)
